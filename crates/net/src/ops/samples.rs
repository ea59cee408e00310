//! Example nodes, from which the laws of the operator table generate their tests.

use crate::onnx::proto::AttributeProto;
use crate::tensor::{Tensor, Value};

/// One input of an example node.
#[derive(Clone, Debug)]
pub enum SampleInput {
    /// An optional input that is left out.
    Absent,
    /// Data of the batch: random values in `low..high`; `shape` does not count the batch axis.
    Data {
        /// Dimensions after the batch axis.
        shape: Vec<usize>,
        /// Smallest value.
        low: f64,
        /// Largest value.
        high: f64,
    },
    /// A weight: an initialiser with random values in `low..high`.
    Weight {
        /// Dimensions.
        shape: Vec<usize>,
        /// Smallest value.
        low: f64,
        /// Largest value.
        high: f64,
    },
    /// A constant initialiser.
    Constant(Value<f64>),
}

impl SampleInput {
    /// Data in -2..2.
    pub fn data(shape: &[usize]) -> Self {
        Self::data_in(shape, -2.0, 2.0)
    }

    /// Data in `low..high`.
    pub fn data_in(shape: &[usize], low: f64, high: f64) -> Self {
        Self::Data { shape: shape.to_vec(), low, high }
    }

    /// A weight in -1..1.
    pub fn weight(shape: &[usize]) -> Self {
        Self::weight_in(shape, -1.0, 1.0)
    }

    /// A weight in `low..high`.
    pub fn weight_in(shape: &[usize], low: f64, high: f64) -> Self {
        Self::Weight { shape: shape.to_vec(), low, high }
    }

    /// A constant list of integers.
    pub fn ints(values: &[i64]) -> Self {
        Self::Constant(Value::Int(Tensor::vector(values.to_vec())))
    }

    /// A constant list of numbers.
    pub fn floats(values: &[f64]) -> Self {
        Self::Constant(Value::Float(Tensor::vector(values.to_vec())))
    }

    /// A constant number of rank 0.
    pub fn scalar(value: f64) -> Self {
        Self::Constant(Value::Float(Tensor::scalar(value)))
    }
}

/// An example node of some operator.
#[derive(Clone, Debug)]
pub struct Sample {
    /// What it is an example of, in a few words.
    pub name: &'static str,
    /// Version of the operator set.
    pub opset: i64,
    /// Attributes of the node.
    pub attributes: Vec<AttributeProto>,
    /// Inputs of the node.
    pub inputs: Vec<SampleInput>,
    /// Number of outputs.
    pub outputs: usize,
}

impl Sample {
    /// An example with one output in operator set 17.
    pub fn new(name: &'static str, attributes: Vec<AttributeProto>, inputs: Vec<SampleInput>) -> Self {
        Self { name, opset: 17, attributes, inputs, outputs: 1 }
    }

    /// The same in another version of the operator set.
    pub fn opset(self, opset: i64) -> Self {
        Self { opset, ..self }
    }

    /// The same with several outputs.
    pub fn outputs(self, outputs: usize) -> Self {
        Self { outputs, ..self }
    }
}
