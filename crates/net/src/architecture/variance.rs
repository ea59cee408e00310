//! Heads that predict a variance, or a scale of their own.

use std::collections::BTreeSet;

use crate::error::NetError;
use crate::onnx::Model;
use crate::onnx::attribute;
use crate::onnx::proto::{GraphProto, NodeProto, TensorProto, ValueInfoProto, data_type};

/// The same model with one output, its first output and after it, along the channels, the logarithm of a variance for each of
/// its values: a copy of the last layer with weights 0 and bias `start`, on the same input (ProbOut, METHODS 2.3, which starts at -3).
/// The parameters of the model keep their values; those of the head come after them as `<name>/variance`.
/// [`GaussianLikelihood`](crate::loss::GaussianLikelihood) reads such an output.
///
/// # Errors
/// A last layer that is no convolution with its weights in the file, so that the head would have another shape than the output.
pub fn with_variance(model: &Model, start: f32) -> Result<Model, NetError> {
    let mut proto = model.message();
    let inside = proto.graph.as_mut().ok_or_else(|| NetError::model("the model has no graph"))?;
    let node = last_convolution(model, inside)?;
    let y = inside.output.first().and_then(|output| output.name.clone()).unwrap_or_default();
    let log_variance = head(inside, node, start)?;
    let joined = format!("{y}/gaussian");
    inside.node.push(NodeProto {
        input: vec![y, log_variance],
        output: vec![joined.clone()],
        name: Some(joined.clone()),
        op_type: Some("Concat".to_owned()),
        attribute: vec![attribute::int("axis", 1)],
        ..NodeProto::default()
    });
    inside.output = inside.output.first().map(|first| without_shape(first, joined)).into_iter().collect();
    Model::from_proto(proto)
}

/// The same model up to its last layer, with only a new last layer after it: a copy with weights 0 and bias `start`, whose output is
/// meant as the logarithm of a scale for each value of the model's own output. Parameters are those of the model but for its last
/// layer, then those of the new one as `<name>/variance`.
///
/// # Errors
/// As [`with_variance`].
pub fn scale_network(model: &Model, start: f32) -> Result<Model, NetError> {
    let mut proto = model.message();
    let inside = proto.graph.as_mut().ok_or_else(|| NetError::model("the model has no graph"))?;
    let node = last_convolution(model, inside)?;
    let log_scale = head(inside, node, start)?;
    inside.output = inside.output.first().map(|first| without_shape(first, log_scale)).into_iter().collect();
    prune(inside);
    Model::from_proto(proto)
}

/// Takes out the nodes that no output needs any more. Initialisers stay: older files list them among the inputs.
fn prune(graph: &mut GraphProto) {
    loop {
        let outputs = graph.output.iter().filter_map(|output| output.name.clone());
        let read: BTreeSet<String> =
            graph.node.iter().flat_map(|node| node.input.iter().cloned()).chain(outputs).collect();
        let before = graph.node.len();
        graph.node.retain(|node| node.output.iter().any(|output| read.contains(output)));
        if graph.node.len() == before {
            return;
        }
    }
}

fn last_convolution(model: &Model, graph: &GraphProto) -> Result<NodeProto, NetError> {
    let layer =
        model.graph().layers().pop().ok_or_else(|| NetError::model("the model has no layer to copy"))?;
    let found = graph.node.iter().find(|node| is_layer(node, &layer.name)).cloned();
    found.filter(|node| node.op_type.as_deref() == Some("Conv")).ok_or_else(|| {
        NetError::model(format!("`{}`: this needs a convolution as the last layer", layer.name))
    })
}

fn is_layer(node: &NodeProto, name: &str) -> bool {
    node.name.as_deref() == Some(name) || node.output.first().map(String::as_str) == Some(name)
}

/// Appends the copy of a convolution; returns the name of its output.
fn head(graph: &mut GraphProto, mut node: NodeProto, start: f32) -> Result<String, NetError> {
    let weight = node.input.get(1).cloned().unwrap_or_default();
    let stored = graph.initializer.iter().find(|tensor| tensor.name.as_ref() == Some(&weight));
    let dims = stored.map(|tensor| tensor.dims.clone()).ok_or_else(|| {
        NetError::model(format!("`{weight}`: this needs the weights of the last layer in the file"))
    })?;
    let channels = dims.first().copied().unwrap_or(0);
    let bias = node.input.get(2).filter(|bias| !bias.is_empty()).cloned();
    let bias = bias.unwrap_or_else(|| format!("{weight}/bias"));
    let [weights, biases] = [format!("{weight}/variance"), format!("{bias}/variance")];
    let elements = usize::try_from(dims.iter().product::<i64>()).unwrap_or(0);
    graph.initializer.push(constant(&weights, dims, vec![0.0; elements]));
    let count = usize::try_from(channels).unwrap_or(0);
    graph.initializer.push(constant(&biases, vec![channels], vec![start; count]));
    let output = format!("{}/variance", node.output.first().cloned().unwrap_or_default());
    node.input.truncate(1);
    node.input.extend([weights, biases]);
    node.output = vec![output.clone()];
    node.name = Some(output.clone());
    graph.node.push(node);
    Ok(output)
}

fn constant(name: &str, dims: Vec<i64>, values: Vec<f32>) -> TensorProto {
    TensorProto {
        name: Some(name.to_owned()),
        dims,
        data_type: Some(data_type::FLOAT),
        raw_data: Some(values.into_iter().flat_map(f32::to_le_bytes).collect()),
        ..TensorProto::default()
    }
}

/// The declaration of another output of the same type and any shape.
fn without_shape(like: &ValueInfoProto, name: String) -> ValueInfoProto {
    let mut declared = ValueInfoProto { name: Some(name), ..like.clone() };
    if let Some(tensor) = declared.r#type.as_mut().and_then(|t| t.tensor_type.as_mut()) {
        tensor.shape = None;
    }
    declared
}
