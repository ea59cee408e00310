//! Where readings append their nodes: a builder that makes no node twice.

use std::collections::BTreeMap;

use prost::Message;

use super::Rounding;
use crate::onnx::Builder;
use crate::onnx::proto::{AttributeProto, NodeProto};
use crate::tensor::{Element, Value};

/// A [`Builder`] that answers a node which it already has with the outputs of that one. So the two ends of a point
/// come out as one value without any reading having to look.
#[derive(Debug)]
pub(super) struct Emitter {
    pub(super) builder: Builder,
    pub(super) opset: i64,
    pub(super) rounding: Rounding,
    /// Whether bounds are given as upper end and width.
    pub(super) by_width: bool,
    /// Outputs by the encoded node without its names.
    nodes: BTreeMap<Vec<u8>, Vec<String>>,
    /// Constants by their encoding.
    constants: BTreeMap<Vec<u8>, String>,
}

impl Emitter {
    pub(super) fn new(opset: i64, rounding: Rounding) -> Self {
        let builder = Builder::new("interval");
        Self { builder, opset, rounding, by_width: false, nodes: BTreeMap::new(), constants: BTreeMap::new() }
    }

    /// A node with outputs called after `wanted` (empty: left out).
    pub(super) fn node(
        &mut self,
        op_type: &str,
        attribute: Vec<AttributeProto>,
        inputs: &[&str],
        wanted: &[String],
    ) -> Vec<String> {
        let node = NodeProto {
            input: inputs.iter().map(|&n| n.to_owned()).collect(),
            op_type: Some(op_type.to_owned()),
            attribute,
            // Which outputs are used belongs to the node; what they are called does not.
            output: wanted.iter().map(|n| if n.is_empty() { "" } else { "y" }.to_owned()).collect(),
            ..NodeProto::default()
        };
        // A random node draws for itself.
        let key = (op_type != "Dropout").then(|| node.encode_to_vec());
        if let Some(known) = key.as_ref().and_then(|k| self.nodes.get(k)) {
            return known.clone();
        }
        let fresh = |n: &String| if n.is_empty() { String::new() } else { self.builder.fresh(n) };
        let outputs: Vec<String> = wanted.iter().map(fresh).collect();
        let refs: Vec<&str> = outputs.iter().map(String::as_str).collect();
        let name = refs.iter().find(|n| !n.is_empty()).copied().unwrap_or("").to_owned();
        self.builder.push(op_type, &name, node.attribute, inputs, &refs);
        if let Some(key) = key {
            self.nodes.insert(key, outputs.clone());
        }
        outputs
    }

    pub(super) fn constant<T: Element>(&mut self, value: &Value<T>) -> String {
        let key = crate::onnx::tensor_bytes(value);
        if let Some(known) = self.constants.get(&key) {
            return known.clone();
        }
        let name = self.builder.fresh("constant");
        self.builder.initializer(&name, value);
        self.constants.insert(key, name.clone());
        name
    }
}
