//! A convolution with the ReLU and the dropout behind it is one step where nobody looks at what lies between, and gives the same bits as where somebody does.
#![allow(clippy::unwrap_used, reason = "tests")]

use modelmend_net::graph::Dim;
use modelmend_net::loss::MeanSquaredError;
use modelmend_net::onnx::{Builder, attribute};
use modelmend_net::tensor::{DType, Value};
use modelmend_net::{Model, Precision, Runtime, Settings, Tensor};

#[allow(dead_code, reason = "others build their networks with it")]
#[path = "network/nets.rs"]
mod nets;

/// Channels: enough for the matrix unit.
const CHANNELS: usize = 20;

fn conv(builder: &mut Builder, x: &str, [from, to]: [usize; 2], seed: u64) -> String {
    let name = format!("conv{seed}");
    let inputs = [x.to_owned(), format!("{name}.weight"), format!("{name}.bias")];
    builder.weight(&inputs[1], &nets::images(&[to, from, 3, 3], seed).map(|w| 0.2 * w));
    builder.weight(&inputs[2], &nets::images(&[to], seed + 100));
    let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
    builder.push("Conv", &name, vec![attribute::ints("pads", &[1; 4])], &inputs, &[&name]);
    name
}

/// Chains with and without dropout, read by a convolution alone, by two nodes, and by the output; with `seen`, all values are outputs.
fn model(training: bool, seen: bool) -> Model {
    let mut builder = Builder::new("chains");
    let dims = |channels| [Dim::Free("N".into()), Dim::Fixed(channels), Dim::Fixed(13), Dim::Fixed(9)];
    builder.input("x", DType::Float, &dims(CHANNELS));
    builder.initializer("ratio", &Value::Float(Tensor::scalar(0.3f32)));
    builder.initializer("mode", &Value::<f32>::Bool(Tensor::scalar(training)));
    let (mut x, mut values) = ("x".to_owned(), Vec::new());
    for seed in 1..4 {
        let y = conv(&mut builder, &x, [CHANNELS; 2], seed);
        let positive = builder.node("Relu", vec![], &[&y]);
        x = if seed == 2 {
            positive.clone()
        } else {
            builder.node("Dropout", vec![], &[&positive, "ratio", "mode"])
        };
        values.extend([y, positive, x.clone()]);
    }
    let y = conv(&mut builder, &x, [CHANNELS; 2], 4);
    let sum = builder.node("Add", vec![], &[&x, &y]);
    let last = builder.node("Relu", vec![], &[&sum]);
    values.dedup();
    builder.output(&last, DType::Float, Some(&dims(CHANNELS)));
    if seen {
        values.iter().for_each(|value| builder.output(value, DType::Float, Some(&dims(CHANNELS))));
    }
    Model::from_proto(builder.finish(17)).unwrap()
}

#[test]
fn outputs_and_gradients_are_those_of_the_single_operators() {
    let inputs = [nets::images(&[9, CHANNELS, 13, 9], 7)];
    let target = nets::images(&[9, CHANNELS, 13, 9], 8);
    let loss = MeanSquaredError { target: &target, weight: 1.0, output: 0 };
    for training in [false, true] {
        let models = [model(training, false), model(training, true)];
        for precision in [Precision::Single, Precision::Split, Precision::Mixed] {
            let settings = Settings { precision, chunk: 4, ..Settings::training(5) };
            let [(outputs, gradient), (expected, expected_gradient)] = models.each_ref().map(|model| {
                let runtime = Runtime::<f32>::new(model.graph().clone());
                let outputs = runtime.forward(model.parameters(), &inputs, settings).unwrap();
                let gradient = runtime.gradient(model.parameters(), &inputs, &[&loss], true, settings);
                (outputs, gradient.unwrap())
            });
            assert_eq!(outputs[0], expected[0], "{precision:?}");
            assert_eq!(gradient.losses, expected_gradient.losses, "{precision:?}");
            assert_eq!(gradient.parameters, expected_gradient.parameters, "{precision:?}");
            assert_eq!(gradient.inputs, expected_gradient.inputs, "{precision:?}");
        }
    }
}

#[test]
fn a_value_within_can_be_watched() {
    let (plain, seen) = (model(true, false), model(true, true));
    let inputs = [nets::images(&[3, CHANNELS, 13, 9], 7)];
    let names = ["conv1", "conv2", "conv3"];
    let read = |model: &Model| {
        let watch: Vec<_> = names.iter().map(|name| model.graph().value(name).unwrap()).collect();
        let runtime = Runtime::<f32>::new(model.graph().clone());
        runtime.observe(model.parameters(), &inputs, &watch, Settings::training(5)).unwrap()
    };
    assert_eq!(read(&plain), read(&seen));
}
