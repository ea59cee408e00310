//! Writing graphs: architectures, interval networks and test cases are all built as ONNX messages and then loaded
//! like any file, so that there is one way from a description to a running graph.

use std::collections::BTreeSet;

use super::proto::*;
use super::tensors;
use crate::graph::Dim;
use crate::tensor::{DType, Element, Tensor, Value};

/// Attributes of a node.
pub mod attribute {
    use super::{AttributeProto, Element, Value, attribute_type, tensors};

    fn named(name: &str, r#type: i32) -> AttributeProto {
        AttributeProto { name: Some(name.to_owned()), r#type: Some(r#type), ..AttributeProto::default() }
    }

    /// An integer.
    pub fn int(name: &str, value: i64) -> AttributeProto {
        AttributeProto { i: Some(value), ..named(name, attribute_type::INT) }
    }

    /// `to` of a cast to floating point.
    pub fn to_float() -> AttributeProto {
        int("to", i64::from(super::data_type::FLOAT))
    }

    /// `to` of a cast to conditions.
    pub fn to_bool() -> AttributeProto {
        int("to", i64::from(super::data_type::BOOL))
    }

    /// A number.
    pub fn float(name: &str, value: f32) -> AttributeProto {
        AttributeProto { f: Some(value), ..named(name, attribute_type::FLOAT) }
    }

    /// Text.
    pub fn string(name: &str, value: &str) -> AttributeProto {
        AttributeProto { s: Some(value.as_bytes().to_vec()), ..named(name, attribute_type::STRING) }
    }

    /// A list of integers.
    pub fn ints(name: &str, values: &[i64]) -> AttributeProto {
        AttributeProto { ints: values.to_vec(), ..named(name, attribute_type::INTS) }
    }

    /// A list of numbers.
    pub fn floats(name: &str, values: &[f32]) -> AttributeProto {
        AttributeProto { floats: values.to_vec(), ..named(name, attribute_type::FLOATS) }
    }

    /// A tensor.
    pub fn tensor<T: Element>(name: &str, value: &Value<T>) -> AttributeProto {
        AttributeProto { t: Some(tensors::tensor("", value)), ..named(name, attribute_type::TENSOR) }
    }
}

/// Builds a graph node by node.
#[derive(Debug, Default)]
pub struct Builder {
    graph: GraphProto,
    names: BTreeSet<String>,
}

impl Builder {
    /// An empty graph.
    pub fn new(name: &str) -> Self {
        let graph = GraphProto { name: Some(name.to_owned()), ..GraphProto::default() };
        Self { graph, names: BTreeSet::new() }
    }

    /// A name that nothing has yet: `wanted`, or with a number behind it.
    pub fn fresh(&mut self, wanted: &str) -> String {
        let mut name = wanted.to_owned();
        let mut number = 1;
        while !self.names.insert(name.clone()) {
            name = format!("{wanted}_{number}");
            number += 1;
        }
        name
    }

    /// Declares an input of the graph.
    pub fn input(&mut self, name: &str, dtype: DType, dims: &[Dim]) {
        self.names.insert(name.to_owned());
        self.graph.input.push(value_info(name, dtype, Some(dims)));
    }

    /// Adds an initialiser.
    pub fn initializer<T: Element>(&mut self, name: &str, value: &Value<T>) {
        self.names.insert(name.to_owned());
        self.graph.initializer.push(tensors::tensor(name, value));
    }

    /// Adds a floating-point initialiser.
    pub fn weight(&mut self, name: &str, tensor: &Tensor<f32>) {
        self.names.insert(name.to_owned());
        self.graph.initializer.push(tensors::float_tensor(name, tensor));
    }

    /// Appends a node with one output and returns the output's name.
    pub fn node(&mut self, op_type: &str, attributes: Vec<AttributeProto>, inputs: &[&str]) -> String {
        let output = self.fresh(&op_type.to_lowercase());
        self.push(op_type, &output, attributes, inputs, &[&output]);
        output
    }

    /// Appends a node. An empty name stands for an optional input or output that is left out.
    pub fn push(
        &mut self,
        op_type: &str,
        name: &str,
        attribute: Vec<AttributeProto>,
        inputs: &[&str],
        outputs: &[&str],
    ) {
        let owned = |names: &[&str]| names.iter().map(|&n| n.to_owned()).collect::<Vec<_>>();
        self.names.extend(owned(outputs));
        self.graph.node.push(NodeProto {
            input: owned(inputs),
            output: owned(outputs),
            name: Some(name.to_owned()),
            op_type: Some(op_type.to_owned()),
            attribute,
            ..NodeProto::default()
        });
    }

    /// Declares an output of the graph. Strict readers of ONNX insist on dimensions; here they may be left to
    /// inference.
    pub fn output(&mut self, name: &str, dtype: DType, dims: Option<&[Dim]>) {
        self.graph.output.push(value_info(name, dtype, dims));
    }

    /// Declares an output of the same kind and dimensions as another.
    pub(crate) fn output_like(&mut self, name: &str, like: &ValueInfoProto) {
        self.graph.output.push(ValueInfoProto { name: Some(name.to_owned()), ..like.clone() });
    }

    /// The finished model.
    pub fn finish(self, opset: i64) -> ModelProto {
        ModelProto {
            // The oldest IR that has each operator set up to 21, for the widest choice of runtimes.
            ir_version: Some(if opset > 20 { 10 } else { 8 }),
            producer_name: Some("modelmend".to_owned()),
            producer_version: Some(env!("CARGO_PKG_VERSION").to_owned()),
            graph: Some(self.graph),
            opset_import: vec![OperatorSetIdProto { domain: Some(String::new()), version: Some(opset) }],
            ..ModelProto::default()
        }
    }
}

fn value_info(name: &str, dtype: DType, dims: Option<&[Dim]>) -> ValueInfoProto {
    let elem_type = match dtype {
        DType::Float => data_type::FLOAT,
        DType::Int => data_type::INT64,
        DType::Bool => data_type::BOOL,
    };
    let dim = |d: &Dim| DimensionProto {
        value: Some(match d {
            Dim::Fixed(n) => DimensionValue::DimValue(*n as i64),
            Dim::Free(name) => DimensionValue::DimParam(name.clone()),
        }),
        denotation: None,
    };
    let shape = dims.map(|dims| TensorShapeProto { dim: dims.iter().map(dim).collect() });
    ValueInfoProto {
        name: Some(name.to_owned()),
        r#type: Some(TypeProto {
            tensor_type: Some(TensorTypeProto { elem_type: Some(elem_type), shape }),
            ..TypeProto::default()
        }),
        ..ValueInfoProto::default()
    }
}
