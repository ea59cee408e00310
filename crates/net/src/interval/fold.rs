//! Graphs without what they need not compute when they run.

use std::collections::{BTreeMap, BTreeSet};

use crate::error::NetError;
use crate::exec::constant_outputs;
use crate::graph::ValueId;
use crate::onnx::proto::{ModelProto, NodeProto};
use crate::onnx::{Model, tensor_proto};
use crate::op::Fact;
use crate::tensor::{Element, Value};

/// Takes out nodes that no output depends on, and initialisers that no node reads. Nodes stand behind those that they
/// read.
pub(super) fn prune(proto: &mut ModelProto) {
    let Some(graph) = proto.graph.as_mut() else { return };
    let mut live: BTreeSet<String> = graph.output.iter().filter_map(|o| o.name.clone()).collect();
    let mut kept: Vec<NodeProto> = Vec::with_capacity(graph.node.len());
    for node in std::mem::take(&mut graph.node).into_iter().rev() {
        if node.output.iter().any(|o| live.contains(o)) {
            live.extend(node.input.iter().filter(|i| !i.is_empty()).cloned());
            kept.push(node);
        }
    }
    kept.reverse();
    graph.node = kept;
    graph.initializer.retain(|t| t.name.as_ref().is_some_and(|n| live.contains(n)));
}

/// The model with everything that depends on initialisers alone computed and stored as initialisers.
pub(super) fn fold(model: &Model) -> Result<ModelProto, NetError> {
    let graph = model.graph();
    let mut known: BTreeMap<ValueId, Fact> = BTreeMap::new();
    for (parameter, tensor) in graph.parameters().iter().zip(model.parameters().iter()) {
        known.insert(parameter.value, constant(Value::Float(tensor.map(|&w| f64::from(w)))));
    }
    known.extend(graph.constants.iter().map(|(&v, c)| (v, constant(c.as_ref().clone()))));
    let mut proto = model.message();
    let Some(message) = proto.graph.as_mut() else { return Ok(proto) };
    let mut folded = BTreeSet::new();
    for node in graph.nodes() {
        let inputs: Vec<Option<Fact>> =
            node.inputs.iter().map(|v| v.and_then(|v| known.get(&v).cloned())).collect();
        if node.inputs.iter().zip(&inputs).any(|(v, fact)| v.is_some() && fact.is_none()) {
            continue;
        }
        let facts = constant_outputs(f64::readings(&*node.operator), &inputs).map_err(|e| node.error(e))?;
        for (&value, fact) in node.outputs.iter().zip(facts) {
            let (Some(value), Some(content)) = (value, &fact.value) else { continue };
            let name = graph.name(value);
            message.initializer.push(tensor_proto(name, content));
            folded.insert(name.to_owned());
            known.insert(value, fact);
        }
    }
    message.node.retain(|n| !n.output.iter().any(|o| folded.contains(o)));
    prune(&mut proto);
    Ok(proto)
}

fn constant(value: Value<f64>) -> Fact {
    let (dtype, shape) = (value.dtype(), value.shape().to_vec());
    Fact { dtype, shape, batched: false, value: Some(std::sync::Arc::new(value)) }
}
