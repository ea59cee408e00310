//! Elementwise operators behind each other run block by block, and give the same bits as one by one.
#![allow(clippy::unwrap_used, reason = "tests")]

use modelmend_net::graph::{Dim, ValueId};
use modelmend_net::onnx::Builder;
use modelmend_net::tensor::DType;
use modelmend_net::{Model, Runtime, Settings, Tensor};

#[allow(dead_code, reason = "others build their networks with it")]
#[path = "network/nets.rs"]
mod nets;

/// Values of some blocks and a part of one for each image.
const PIXELS: usize = 19_000;

/// A value that two nodes read, one that is an output as well, one that is read twice by one node, constants of the same and of another shape.
fn model() -> (Model, Vec<ValueId>) {
    let mut builder = Builder::new("blocks");
    let dims = [Dim::Free("N".into()), Dim::Fixed(PIXELS)];
    builder.input("x", DType::Float, &dims);
    builder.input("y", DType::Float, &dims);
    builder.weight("row", &nets::images(&[1, PIXELS], 3));
    let sum = builder.node("Add", vec![], &["x", "y"]);
    let width = builder.node("Sub", vec![], &["x", "y"]);
    let positive = builder.node("Relu", vec![], &[&sum]);
    let square = builder.node("Mul", vec![], &[&width, &width]);
    let least = builder.node("Min", vec![], &[&positive, &square, "x"]);
    let shifted = builder.node("Add", vec![], &[&least, "row"]);
    let last = builder.node("Tanh", vec![], &[&shifted]);
    let end = builder.node("Sub", vec![], &[&last, &square]);
    for output in [&end, &positive] {
        builder.output(output, DType::Float, Some(&dims));
    }
    let model = Model::from_proto(builder.finish(17)).unwrap();
    let values = [sum, width, positive, square, least, shifted, last, end];
    let values = values.iter().map(|name| model.graph().value(name).unwrap()).collect();
    (model, values)
}

#[test]
fn blocks_change_no_bit() {
    let (model, values) = model();
    let inputs: [Tensor<f32>; 2] = [nets::images(&[5, PIXELS], 1), nets::images(&[5, PIXELS], 2)];
    let runtime = Runtime::<f32>::new(model.graph().clone());
    let read = |watch: &[ValueId], chunk| {
        let settings = Settings { chunk, ..Settings::default() };
        runtime.observe(model.parameters(), &inputs, watch, settings).unwrap()
    };
    // Where all values are watched none lies between.
    let all = read(&values, 1);
    assert_eq!(all[0].data()[7].to_bits(), (inputs[0].data()[7] + inputs[1].data()[7]).to_bits());
    for chunk in [1, 2, 5] {
        let outputs = read(model.graph().outputs(), chunk);
        assert_eq!(outputs, [all[7].clone(), all[2].clone()]);
        for (i, value) in values.iter().enumerate() {
            assert_eq!(read(&[*value], chunk)[0], all[i], "value {i}");
        }
    }
}

/// What an identity or a dropout of inference hands on must stay where somebody reads it later, or where it is an output.
#[test]
fn memory_is_handed_on_by_the_last_reader_alone() {
    let mut builder = Builder::new("passes");
    let dims = [Dim::Free("N".into()), Dim::Fixed(50)];
    builder.input("x", DType::Float, &dims);
    let first = builder.node("Relu", vec![], &["x"]);
    let early = builder.node("Identity", vec![], &[&first]);
    let twice = builder.node("Add", vec![], &[&first, &early]);
    let last = builder.node("Dropout", vec![], &[&twice]);
    let seen = builder.node("Identity", vec![], &[&last]);
    for output in [&last, &seen] {
        builder.output(output, DType::Float, Some(&dims));
    }
    let model = Model::from_proto(builder.finish(17)).unwrap();
    let x: Tensor<f32> = nets::images(&[3, 50], 1);
    let expected = x.map(|v| 2.0 * v.max(0.0));
    let runtime = Runtime::<f32>::new(model.graph().clone());
    for _ in 0..2 {
        let outputs =
            runtime.forward(model.parameters(), std::slice::from_ref(&x), Settings::default()).unwrap();
        assert_eq!(outputs, [expected.clone(), expected.clone()]);
    }
    let watch: Vec<ValueId> = [&twice, &first].map(|name| model.graph().value(name).unwrap()).to_vec();
    let inside =
        runtime.observe(model.parameters(), std::slice::from_ref(&x), &watch, Settings::default()).unwrap();
    assert_eq!(inside[0], expected);
}
