//! Turning dropout on and off.

use crate::error::NetError;
use crate::onnx::Model;
use crate::onnx::proto::{GraphProto, TensorProto, data_type};

/// The first operator set in which the mode of dropout is an input.
const FIRST_OPSET: i64 = 12;

/// The input of `Dropout` nodes that [`with_dropout`] adds.
const MODE: &str = "modelmend.dropout.training";

/// The same model with all its `Dropout` nodes in training mode (random masks, a stream for each image of a batch) or
/// in inference mode (the identity). Parameters keep their order and values, so that those trained in one mode run in the other:
/// one for training and Monte Carlo dropout, the other for prediction.
///
/// # Errors
/// To turn it on: a model without dropout, or of an operator set below 12, where its mode is not part of the file.
pub fn with_dropout(model: &Model, training: bool) -> Result<Model, NetError> {
    let opset = model.opset();
    let mut proto = model.proto().clone();
    let Some(graph) = proto.graph.as_mut().filter(|graph| has_dropout(graph)) else {
        return if training { Err(none()) } else { Ok(model.clone()) };
    };
    if training && opset < FIRST_OPSET {
        return Err(NetError::model(format!(
            "opset {opset} cannot say that dropout is on; export the model again for {FIRST_OPSET} or later"
        )));
    }
    set_mode(graph, training);
    Model::from_proto(proto)
}

fn none() -> NetError {
    NetError::model("the model has no Dropout nodes; export it with dropout, or choose another method")
}

fn is_dropout(op_type: Option<&str>) -> bool {
    op_type == Some("Dropout")
}

fn has_dropout(graph: &GraphProto) -> bool {
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
        graph.initializer.push(TensorProto {
            name: Some(MODE.to_owned()),
            data_type: Some(data_type::BOOL),
            raw_data: Some(vec![1]),
            ..TensorProto::default()
        });
    }
}
