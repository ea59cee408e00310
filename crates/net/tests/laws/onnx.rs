//! The file format: written and read again, a model is the same message and the same function.

use modelmend_net::onnx::proto::ModelProto;
use modelmend_net::{Model, Parameters, Settings, Tensor};

use super::cases::for_every_case;

#[test]
fn a_written_model_reads_back_the_same() {
    for_every_case(|case| {
        let again = Model::from_bytes(&case.model.to_bytes()).map_err(|e| e.to_string())?;
        if again.message() != case.model.message() {
            return Err("another message".into());
        }
        let inputs = case.inputs::<f32>(3);
        let before = case.forward(&inputs, Settings::default())?;
        let runtime = modelmend_net::Runtime::<f32>::new(again.graph().clone());
        let after =
            runtime.forward(again.parameters(), &inputs, Settings::default()).map_err(|e| e.to_string())?;
        if bits(&before) == bits(&after) { Ok(()) } else { Err("other outputs".into()) }
    });
}

#[test]
fn other_weights_change_nothing_else_in_the_file() {
    for_every_case(|case| {
        let mut weights: Parameters<f32> = case.parameters();
        weights.iter_mut().for_each(|t| t.data_mut().iter_mut().for_each(|w| *w = 0.5 * *w - 3.0));
        let changed = case.model.with_parameters(weights.clone()).map_err(|e| e.to_string())?;
        let again = Model::from_bytes(&changed.to_bytes()).map_err(|e| e.to_string())?;
        if *again.parameters() != weights {
            return Err("the new weights did not arrive".into());
        }
        let names: Vec<&str> = case.model.graph().parameters().iter().map(|p| p.name.as_str()).collect();
        let without_weights = |mut proto: ModelProto| {
            let graph = proto.graph.as_mut().expect("a graph");
            for t in graph.initializer.iter_mut().filter(|t| names.contains(&t.name.as_deref().unwrap_or("")))
            {
                t.raw_data = None;
            }
            proto
        };
        if without_weights(again.message()) != without_weights(case.model.message()) {
            return Err("something besides the weights has changed".into());
        }
        Ok(())
    });
}

fn bits(tensors: &[Tensor<f32>]) -> Vec<(Vec<usize>, Vec<u32>)> {
    tensors.iter().map(|t| (t.shape().to_vec(), t.data().iter().map(|v| v.to_bits()).collect())).collect()
}
