//! In what two models differ: nothing, weights, or the graph itself.

use std::collections::BTreeMap;

use super::Model;
use super::proto::{GraphProto, ModelProto, NodeProto, TensorProto};
use super::tensors;
use crate::graph::{Dim, GraphInput};
use crate::tensor::Value;

/// What one model has that another has not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Difference {
    /// Nothing that a prediction could depend on.
    None,
    /// Values of floating-point initialisers only: weights, and statistics such as those of batch normalisation.
    Weights {
        /// Names of the initialisers whose values differ, ascending.
        changed: Vec<String>,
        /// Number of floating-point initialisers.
        of: usize,
    },
    /// More than weights.
    Graph {
        /// The first thing that differs, in words.
        what: String,
    },
}

/// Compares nodes (operators, attributes, the values that they read and write), initialisers and operator sets. Names of
/// nodes, documentation and metadata do not count.
pub fn difference(before: &Model, after: &Model) -> Difference {
    if let Some(what) = interface_difference(before, after) {
        return Difference::Graph { what };
    }
    let [before, after] = [before, after].map(Model::message);
    let (Some(old), Some(new)) = (&before.graph, &after.graph) else { return Difference::None };
    match graph_difference((&before, old), (&after, new)) {
        Some(what) => Difference::Graph { what },
        None => weight_difference(old, new),
    }
}

/// In what the inputs or outputs of two models differ, in words; `None` where one model can stand in for the other. Names
/// of free dimensions do not count.
pub fn interface_difference(before: &Model, after: &Model) -> Option<String> {
    let (old, new) = (before.graph(), after.graph());
    let describe = |inputs: &[GraphInput]| inputs.iter().map(describe_input).collect::<Vec<_>>().join(", ");
    let (old_inputs, new_inputs) = (describe(old.inputs()), describe(new.inputs()));
    if old_inputs != new_inputs {
        return Some(format!("inputs {new_inputs} instead of {old_inputs}"));
    }
    let (old_outputs, new_outputs) = (old.output_names().join(", "), new.output_names().join(", "));
    (old_outputs != new_outputs).then(|| format!("outputs {new_outputs} instead of {old_outputs}"))
}

fn describe_input(input: &GraphInput) -> String {
    let dim = |dim: &Dim| match dim {
        Dim::Fixed(n) => n.to_string(),
        Dim::Free(_) => "?".to_owned(),
    };
    let dims = input.dims.iter().map(dim).collect::<Vec<_>>().join(" x ");
    format!("{} ({dims}, {:?})", input.name, input.dtype)
}

fn graph_difference(
    (before, old): (&ModelProto, &GraphProto),
    (after, new): (&ModelProto, &GraphProto),
) -> Option<String> {
    let other = before.opset_import != after.opset_import;
    other
        .then(|| "other operator sets".to_owned())
        .or_else(|| node_difference(&old.node, &new.node))
        .or_else(|| initializer_difference(old, new))
        .or_else(|| {
            let same =
                before.functions == after.functions && old.sparse_initializer == new.sparse_initializer;
            (!same).then(|| "other functions or sparse initialisers".to_owned())
        })
}

fn node_difference(old: &[NodeProto], new: &[NodeProto]) -> Option<String> {
    if old.len() != new.len() {
        return Some(format!("{} nodes instead of {}", new.len(), old.len()));
    }
    let (old, new) = old.iter().zip(new).find(|(old, new)| essence(old) != essence(new))?;
    let show = |node: &NodeProto| {
        format!("`{}` ({})", node.name.as_deref().unwrap_or(""), node.op_type.as_deref().unwrap_or(""))
    };
    Some(format!("node {} instead of {}", show(new), show(old)))
}

/// What a node computes.
fn essence(node: &NodeProto) -> NodeProto {
    let mut attribute = node.attribute.clone();
    attribute.iter_mut().for_each(|a| a.doc_string = None);
    attribute.sort_by(|a, b| a.name.cmp(&b.name));
    NodeProto {
        input: node.input.clone(),
        output: node.output.clone(),
        op_type: node.op_type.clone(),
        domain: Some(node.domain.clone().unwrap_or_default()),
        overload: node.overload.clone(),
        attribute,
        ..NodeProto::default()
    }
}

fn by_name(graph: &GraphProto) -> BTreeMap<&str, &TensorProto> {
    graph.initializer.iter().map(|tensor| (tensor.name.as_deref().unwrap_or(""), tensor)).collect()
}

fn read(tensor: &TensorProto) -> Option<Value<f64>> {
    tensors::read(tensor, "initialiser").ok()
}

/// Another set of initialisers, other shapes or types, or other whole numbers (shapes, axes).
fn initializer_difference(old: &GraphProto, new: &GraphProto) -> Option<String> {
    let (old, new) = (by_name(old), by_name(new));
    let lone = old.keys().find(|name| !new.contains_key(*name)).map(|name| (name, "is missing"));
    let lone = lone.or_else(|| new.keys().find(|name| !old.contains_key(*name)).map(|name| (name, "is new")));
    if let Some((name, what)) = lone {
        return Some(format!("initialiser `{name}` {what}"));
    }
    old.iter().zip(new.values()).find_map(|((name, old), new)| {
        if (&old.dims, old.data_type) != (&new.dims, new.data_type) {
            return Some(format!("initialiser `{name}` has shape {:?} instead of {:?}", new.dims, old.dims));
        }
        let (old, new) = (read(old), read(new));
        let weights = matches!(old, Some(Value::Float(_)));
        (!weights && old != new).then(|| format!("initialiser `{name}` has other values and is no weight"))
    })
}

/// For models whose graphs agree.
fn weight_difference(old: &GraphProto, new: &GraphProto) -> Difference {
    let (old, new) = (by_name(old), by_name(new));
    let (mut changed, mut of) = (Vec::new(), 0);
    for ((name, old), new) in old.iter().zip(new.values()) {
        if let Some(Value::Float(old)) = read(old) {
            of += 1;
            if read(new).is_none_or(|new| new.as_float() != Some(&old)) {
                changed.push((*name).to_owned());
            }
        }
    }
    if changed.is_empty() { Difference::None } else { Difference::Weights { changed, of } }
}
