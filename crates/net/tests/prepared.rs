//! Weights that are kept from run to run in the form of the kernels never outlive a change.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use modelmend_net::architecture::{Classifier, ClassifierKind, DnCnn, classifier, dncnn};
use modelmend_net::{Model, Parameters, Runtime, Settings, Tensor};

fn model() -> Model {
    let kind = ClassifierKind::VggSmall;
    classifier(&Classifier { kind, channels: 3, height: 28, width: 28, classes: 2, base: None, seed: 0 })
        .unwrap()
}

fn images(batch: usize) -> Tensor<f32> {
    Tensor::new([batch, 3, 28, 28], (0..batch * 3 * 28 * 28).map(|i| (i * 7919 % 256) as f32).collect())
        .unwrap()
}

fn logits(runtime: &Runtime<f32>, parameters: &Parameters<f32>, batch: usize) -> Vec<u32> {
    let outputs = runtime.forward(parameters, &[images(batch)], Settings::default()).unwrap();
    outputs[0].data().iter().map(|v| v.to_bits()).collect()
}

#[test]
fn a_run_reads_the_weights_that_it_is_given() {
    let model = model();
    let runtime = Runtime::new(model.graph().clone());
    let before = model.parameters();
    let first = logits(&runtime, before, 1);
    let mut after = before.clone();
    assert_eq!(logits(&runtime, &after, 1), first, "a copy is the same weights");
    for step in 0..3 {
        for tensor in after.iter_mut() {
            tensor.data_mut().iter_mut().for_each(|w| *w *= 0.875);
        }
        let fresh = logits(&Runtime::new(model.graph().clone()), &after, 1);
        assert_eq!(logits(&runtime, &after, 1), fresh, "step {step}");
        assert_ne!(fresh, first);
        assert_eq!(logits(&runtime, before, 1), first, "step {step}");
    }
}

#[test]
fn a_batch_that_keeps_fewer_weights_has_the_same_bits() {
    let model = model();
    let runtime = Runtime::new(model.graph().clone());
    let many = logits(&runtime, model.parameters(), 40);
    let one = logits(&runtime, model.parameters(), 1);
    assert_eq!(many[..one.len()], one);
    assert_eq!(logits(&runtime, model.parameters(), 40), many);
}

/// Planes of 9x9 have other tiles than those of 8x8.
#[test]
fn images_of_another_size_have_weights_of_their_own() {
    let spec = DnCnn { channels: 1, width: 16, depth: 3, dropout: 0.0, residual: false, seed: 0 };
    let model = dncnn(&spec).unwrap();
    let image = |side: usize| {
        Tensor::new([1, 1, side, side], (0..side * side).map(|i| (i * 37 % 11) as f32).collect()).unwrap()
    };
    let run = |runtime: &Runtime<f32>, side: usize| {
        runtime.forward(model.parameters(), &[image(side)], Settings::default()).unwrap().swap_remove(0)
    };
    let runtime = Runtime::new(model.graph().clone());
    for side in [9, 8, 9, 12] {
        assert_eq!(run(&runtime, side), run(&Runtime::new(model.graph().clone()), side), "{side}");
    }
}
