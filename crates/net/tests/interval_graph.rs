//! Interval readings that one node with data alone does not reach: conditions and statistics that are boxes.
#![allow(clippy::expect_used, clippy::panic, reason = "tests stop at the first surprise")]

use std::collections::BTreeMap;

use modelmend_net::graph::Dim;
use modelmend_net::interval::{IntervalOptions, Rounding, enclose};
use modelmend_net::onnx::{Builder, attribute};
use modelmend_net::tensor::{DType, Value};
use modelmend_net::{Model, Runtime, Settings, Tensor};

fn finish(mut builder: Builder, outputs: &[&str]) -> Model {
    outputs.iter().for_each(|y| builder.output(y, DType::Float, None));
    Model::from_proto(builder.finish(17)).unwrap_or_else(|e| panic!("{e}"))
}

fn row(builder: &mut Builder, name: &str, len: usize) {
    builder.input(name, DType::Float, &[Dim::Free("N".into()), Dim::Fixed(len)]);
}

fn bounds(model: &Model, options: &IntervalOptions, inputs: &[&[f32]]) -> Vec<Vec<f32>> {
    let enclosed = enclose(model, options).unwrap_or_else(|e| panic!("{e}"));
    let inputs: Vec<Tensor<f32>> =
        inputs.iter().map(|v| Tensor::new([1, v.len()], v.to_vec()).expect("a row")).collect();
    let outputs = Runtime::new(enclosed.graph().clone())
        .forward(enclosed.parameters(), &inputs, Settings::default())
        .unwrap_or_else(|e| panic!("{e}"));
    outputs.into_iter().map(Tensor::into_data).collect()
}

fn boxed() -> IntervalOptions {
    IntervalOptions { boxed_inputs: true, ..IntervalOptions::default() }
}

#[test]
fn a_condition_that_may_be_either_gives_both_branches() {
    let mut builder = Builder::new("choice");
    ["c", "x", "z"].iter().for_each(|name| row(&mut builder, name, 4));
    let condition = builder.node("Cast", vec![attribute::to_bool()], &["c"]);
    builder.push("Where", "y", vec![], &[&condition, "x", "z"], &["y"]);
    let model = finish(builder, &["y"]);
    // Certainly false, certainly true on either side, and either.
    let c = [&[0.0, 1.0, -2.0, -1.0][..], &[0.0, 2.0, -1.0, 1.0]];
    let x = [&[1.0; 4][..], &[2.0; 4]];
    let z = [&[5.0; 4][..], &[6.0; 4]];
    let y = bounds(&model, &boxed(), &[c[0], c[1], x[0], x[1], z[0], z[1]]);
    assert_eq!(y, [[5.0, 1.0, 1.0, 1.0], [6.0, 2.0, 2.0, 6.0]]);
}

#[test]
fn a_divisor_that_may_be_zero_bounds_nothing() {
    let mut builder = Builder::new("quotient");
    ["a", "b"].iter().for_each(|name| row(&mut builder, name, 3));
    builder.push("Div", "y", vec![], &["a", "b"], &["y"]);
    let model = finish(builder, &["y"]);
    for rounding in [Rounding::Nearest, Rounding::Outward] {
        let options = IntervalOptions { rounding, ..boxed() };
        let y = bounds(&model, &options, &[&[1.0; 3], &[2.0; 3], &[-1.0, 0.0, 1.0], &[1.0, 1.0, 2.0]]);
        for at in 0..2 {
            assert_eq!((y[0][at], y[1][at]), (f32::NEG_INFINITY, f32::INFINITY));
        }
        assert!((y[0][2] - 0.5).abs() < 1e-6 && (y[1][2] - 2.0).abs() < 1e-6, "{y:?}");
    }
}

/// Scale, shift and both statistics come from one weight, so that all are boxes.
#[test]
fn statistics_of_batch_normalization_may_be_boxes() {
    let mut builder = Builder::new("normalization");
    row(&mut builder, "x", 1);
    builder.weight("w", &Tensor::vector(vec![0.5]));
    builder.initializer("shift", &Value::Float(Tensor::vector(vec![-0.75f32])));
    let mean = builder.node("Add", vec![], &["w", "shift"]);
    let inputs = ["x", "w", "w", mean.as_str(), "w"];
    builder.push("BatchNormalization", "y", vec![], &inputs, &["y"]);
    let model = finish(builder, &["y"]);
    let delta = || Tensor::vector(vec![0.25]);
    let deltas = BTreeMap::from([("w".to_owned(), (delta(), delta()))]);
    for rounding in [Rounding::Nearest, Rounding::Outward] {
        let y = bounds(
            &model,
            &IntervalOptions { deltas: deltas.clone(), rounding, boxed_inputs: false },
            &[&[2.0]],
        );
        let [lo, hi] = [y[0][0], y[1][0]].map(f64::from);
        // Each of the four anywhere between its own ends.
        let (mut least, mut most) = (f64::INFINITY, f64::NEG_INFINITY);
        for corner in 0..16 {
            let end = |bit: u32| if corner >> bit & 1 == 0 { 0.25 } else { 0.75f64 };
            let z = (2.0 - (end(2) - 0.75)) / (end(3) + 1e-5).sqrt() * end(0) + end(1);
            (least, most) = (least.min(z), most.max(z));
        }
        let slack = if rounding == Rounding::Nearest { 1e-6 } else { 0.0 };
        assert!(lo - slack <= least && most <= hi + slack, "[{least}, {most}] in [{lo}, {hi}]");
        assert!((lo - least).abs() < 1e-4 && (hi - most).abs() < 1e-4, "[{least}, {most}] is [{lo}, {hi}]");
    }
}
