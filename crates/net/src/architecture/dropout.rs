//! Turning dropout on and off, and putting it where there is none.

use std::collections::BTreeSet;

use crate::error::NetError;
use crate::graph::{Graph, Node};
use crate::onnx::Model;
use crate::onnx::proto::{GraphProto, NodeProto, TensorProto, data_type};

/// The first operator set in which the mode of dropout is an input.
const FIRST_OPSET: i64 = 12;

/// The input of `Dropout` nodes that [`with_dropout`] adds.
const MODE: &str = "modelmend.dropout.training";

/// The ratio of `Dropout` nodes that [`insert_dropout`] adds.
const RATIO: &str = "modelmend.dropout.ratio";

/// Convolutions and dense layers.
const LAYERS: [&str; 4] = ["Conv", "ConvTranspose", "Gemm", "MatMul"];

/// Activations that pass on what a layer found; `Sigmoid` and `Tanh` are left out, which are gates as often.
const ACTIVATIONS: [&str; 12] = [
    "Celu",
    "Clip",
    "Elu",
    "Gelu",
    "HardSwish",
    "LeakyRelu",
    "Mish",
    "PRelu",
    "Relu",
    "Selu",
    "Softplus",
    "ThresholdedRelu",
];

/// The same model with all its `Dropout` nodes in training mode (random masks, a stream for each image of a batch) or
/// in inference mode (the identity). Parameters keep their order and values, so that those trained in one mode run in the other:
/// one for training and Monte Carlo dropout, the other for prediction.
///
/// # Errors
/// To turn it on: a model without dropout, or of an operator set below 12, where its mode is not part of the file.
pub fn with_dropout(model: &Model, training: bool) -> Result<Model, NetError> {
    let opset = model.opset();
    let mut proto = model.message();
    let Some(graph) = proto.graph.as_mut().filter(|graph| any_dropout(graph)) else {
        return if training { Err(none()) } else { Ok(model.clone()) };
    };
    if training {
        check_opset(opset)?;
    }
    set_mode(graph, training);
    Model::from_proto(proto)
}

/// Whether a model has `Dropout` nodes.
pub fn has_dropout(model: &Model) -> bool {
    model.skeleton().graph.as_ref().is_some_and(any_dropout)
}

/// The same model with a `Dropout` node of this ratio, in 0 .. 1, in inference mode, after every activation (ReLU and its
/// relatives) between two convolutions or dense layers, so that the last layer's own output is never dropped. Parameters keep their
/// order and values, and outputs their bits until [`with_dropout`] turns it on.
///
/// # Errors
/// A model that has dropout, or of an operator set below 12; a ratio outside 0 .. 1; no such activation.
pub fn insert_dropout(model: &Model, ratio: f32) -> Result<Model, NetError> {
    if !(ratio > 0.0 && ratio < 1.0) {
        return Err(NetError::model(format!("dropout ratio {ratio} is not between 0 and 1")));
    }
    if has_dropout(model) {
        return Err(NetError::model("the model has Dropout nodes of its own, with their own ratios"));
    }
    check_opset(model.opset())?;
    let places = places(model.graph());
    let mut proto = model.message();
    let Some(graph) = proto.graph.as_mut().filter(|_| !places.is_empty()) else {
        return Err(NetError::model(
            "the model has no activation between two layers (ReLU or a relative) to insert dropout after",
        ));
    };
    insert(graph, &places);
    graph.initializer.push(scalar(RATIO, data_type::FLOAT, ratio.to_le_bytes().to_vec()));
    Model::from_proto(proto)
}

/// Outputs of activations that depend on one layer and feed another.
fn places(graph: &Graph) -> BTreeSet<String> {
    let of = |node: &Node, types: &[&str]| types.contains(&node.op_type.as_str());
    let (mut behind, mut ahead) = (BTreeSet::new(), BTreeSet::new());
    for node in graph.nodes() {
        if of(node, &LAYERS) || node.inputs.iter().flatten().any(|value| behind.contains(value)) {
            behind.extend(node.outputs.iter().flatten().copied());
        }
    }
    for node in graph.nodes().iter().rev() {
        if of(node, &LAYERS) || node.outputs.iter().flatten().any(|value| ahead.contains(value)) {
            ahead.extend(node.inputs.iter().flatten().copied());
        }
    }
    let activations = graph.nodes().iter().filter(|node| of(node, &ACTIVATIONS));
    let outputs = activations.filter_map(|node| *node.outputs.first()?);
    let between = outputs.filter(|value| behind.contains(value) && ahead.contains(value));
    between.map(|value| graph.name(value).to_owned()).collect()
}

/// Lets all that reads these values read them through a `Dropout` node.
fn insert(graph: &mut GraphProto, places: &BTreeSet<String>) {
    let after = |value: &str| format!("{value}/dropout");
    for mut node in std::mem::take(&mut graph.node) {
        for input in node.input.iter_mut().filter(|input| places.contains(*input)) {
            *input = after(input);
        }
        let dropped = node.output.iter().filter(|output| places.contains(*output)).map(|value| NodeProto {
            input: vec![value.clone(), RATIO.to_owned()],
            output: vec![after(value)],
            name: Some(after(value)),
            op_type: Some("Dropout".to_owned()),
            ..NodeProto::default()
        });
        let dropped: Vec<NodeProto> = dropped.collect();
        graph.node.push(node);
        graph.node.extend(dropped);
    }
}

fn check_opset(opset: i64) -> Result<(), NetError> {
    if opset >= FIRST_OPSET {
        return Ok(());
    }
    Err(NetError::model(format!(
        "opset {opset} cannot say that dropout is on; export the model again for {FIRST_OPSET} or later"
    )))
}

fn none() -> NetError {
    NetError::model("the model has no Dropout nodes; export it with dropout, or choose another method")
}

fn is_dropout(op_type: Option<&str>) -> bool {
    op_type == Some("Dropout")
}

fn any_dropout(graph: &GraphProto) -> bool {
    graph.node.iter().any(|node| is_dropout(node.op_type.as_deref()))
}

fn set_mode(graph: &mut GraphProto, training: bool) {
    graph.initializer.retain(|tensor| tensor.name.as_deref() != Some(MODE));
    for node in graph.node.iter_mut().filter(|node| is_dropout(node.op_type.as_deref())) {
        node.input.truncate(2);
        if training {
            node.input.resize(2, String::new());
            node.input.push(MODE.to_owned());
        }
    }
    if training {
        graph.initializer.push(scalar(MODE, data_type::BOOL, vec![1]));
    }
}

fn scalar(name: &str, data_type: i32, bytes: Vec<u8>) -> TensorProto {
    TensorProto {
        name: Some(name.to_owned()),
        data_type: Some(data_type),
        raw_data: Some(bytes),
        ..TensorProto::default()
    }
}
