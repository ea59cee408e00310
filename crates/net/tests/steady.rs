//! Once it has its memory, the runtime asks the system for no more: neither a training step nor a prediction allocates
//! a page or more, but for outputs, which are the caller's.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod allocator;

use allocator::{LARGE, alone, large_allocations};
use modelmend_net::architecture::{
    Classifier, ClassifierKind, Conv1d, UNet, classifier, conv1d, unet, with_dropout,
};
use modelmend_net::loss::{CrossEntropy, Loss, MeanSquaredError};
use modelmend_net::optim::{Adam, AdamSettings};
use modelmend_net::{Model, Precision, Runtime, Settings, Tensor};

/// Runs in a row that may allocate nothing large.
const STEADY: usize = 10;
/// Runs in which buffers find their places. Several threads take chunks in any order, so that it can take some time until each has met all.
const MOST: usize = 100;

/// A network with a batch; `labels` where it is a classifier.
struct Case {
    name: &'static str,
    model: Model,
    input: Tensor<f32>,
    labels: Vec<usize>,
}

impl Case {
    fn new(name: &'static str, model: Model, shape: &[usize]) -> Self {
        let len = shape.iter().product::<usize>();
        let data = (0..len).map(|i| (i * 7919 % 256) as f32 / 64.0 - 2.0).collect();
        let labels = if name.starts_with("vgg") { (0..shape[0]).map(|i| i % 2).collect() } else { vec![] };
        Self { name, model, input: Tensor::new(shape, data).unwrap(), labels }
    }
}

/// Batches of one image, of equal chunks, and of chunks that differ.
fn cases() -> Vec<Case> {
    let kind = ClassifierKind::VggSmall;
    let spec = Classifier { kind, channels: 3, height: 28, width: 28, classes: 2, base: Some(8), seed: 0 };
    let vgg = || classifier(&spec).unwrap();
    let dropped = |model| with_dropout(&model, true).unwrap();
    let tomograph = || dropped(unet(&UNet { base: 4, depth: 3, dropout: 0.2, seed: 1 }).unwrap());
    let jumps = || dropped(conv1d(&Conv1d { base: 4, dropout: None, seed: 1 }).unwrap());
    vec![
        Case::new("vgg-small, 1", vgg(), &[1, 3, 28, 28]),
        Case::new("vgg-small, 16", vgg(), &[16, 3, 28, 28]),
        Case::new("vgg-small, 19", vgg(), &[19, 3, 28, 28]),
        Case::new("U-Net, 1", tomograph(), &[1, 1, 64, 64]),
        Case::new("U-Net, 3", tomograph(), &[3, 1, 64, 64]),
        Case::new("conv1d, 1", jumps(), &[1, 1, 1024]),
        Case::new("conv1d, 19", jumps(), &[19, 1, 256]),
    ]
}

/// Calls `run` until it made at most `allowed` large allocations in each of [`STEADY`] calls in a row.
fn settles(what: &str, allowed: usize, mut run: impl FnMut()) {
    let mut last = Vec::new();
    for _ in 0..MOST {
        last.push(large_allocations(&mut run).1);
        let steady = last.iter().rev().take_while(|&&large| large <= allowed).count();
        if steady >= STEADY {
            return;
        }
    }
    panic!("{what}: large allocations of each run: {last:?}, {allowed} allowed");
}

fn on_threads<R: Send>(threads: usize, work: impl FnOnce() -> R + Send) -> R {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(work)
}

#[test]
fn a_training_step_allocates_nothing_large() {
    let _alone = alone();
    for (threads, precision) in [(1, Precision::Single), (2, Precision::Single), (2, Precision::Split)] {
        for case in cases() {
            let inputs = [case.input.clone()];
            let weight = 1.0 / case.input.rows() as f64;
            let entropy = CrossEntropy { labels: &case.labels, weight, output: 0 };
            let error = MeanSquaredError { target: &case.input, weight, output: 0 };
            let term: &dyn Loss<f32> = if case.labels.is_empty() { &error } else { &entropy };
            let runtime = Runtime::<f32>::new(case.model.graph().clone());
            let mut parameters = case.model.parameters().clone();
            let mut adam = Adam::new(&parameters, AdamSettings::default());
            let settings = Settings { precision, ..Settings::training(1) };
            let what = format!("{}, {threads} threads, {precision:?}", case.name);
            on_threads(threads, || {
                settles(&what, 0, || {
                    let gradient = runtime.gradient(&parameters, &inputs, &[term], false, settings).unwrap();
                    adam.step(&mut parameters, &gradient.parameters);
                    runtime.recycle(gradient);
                });
            });
        }
    }
}

#[test]
fn a_prediction_allocates_its_outputs_alone() {
    let _alone = alone();
    for threads in [1, 2] {
        for case in cases() {
            let runtime = Runtime::<f32>::new(case.model.graph().clone());
            let (parameters, inputs) = (case.model.parameters(), [case.input.clone()]);
            let run = || runtime.forward(parameters, &inputs, Settings::default()).unwrap();
            on_threads(threads, || {
                let outputs = run().iter().filter(|t| size_of_val(t.data()) >= LARGE).count();
                settles(&format!("{}, {threads} threads", case.name), outputs, || drop(run()));
            });
        }
    }
}
