//! vgg-small (28x28x3) on all cores, and one of its convolutions on one: `cargo bench -p modelmend-net`.

use divan::{Bencher, black_box};
use modelmend_net::architecture::{Classifier, ClassifierKind, classifier};
use modelmend_net::kernels::Start;
use modelmend_net::kernels::conv::{self, Geometry};
use modelmend_net::loss::CrossEntropy;
use modelmend_net::op::Scratch;
use modelmend_net::optim::{Adam, AdamSettings};
use modelmend_net::{Model, Runtime, Settings, Tensor};

fn main() {
    divan::main();
}

fn model() -> Option<Model> {
    let kind = ClassifierKind::VggSmall;
    classifier(&Classifier { kind, channels: 3, height: 28, width: 28, classes: 2, base: None, seed: 0 }).ok()
}

fn images(batch: usize) -> Option<Tensor<f32>> {
    Tensor::new([batch, 3, 28, 28], (0..batch * 3 * 28 * 28).map(|i| (i * 7919 % 256) as f32).collect())
}

#[divan::bench(args = [1, 8, 64])]
fn inference(bencher: Bencher<'_, '_>, batch: usize) {
    let (Some(model), Some(x)) = (model(), images(batch)) else { return };
    let runtime = Runtime::<f32>::new(model.graph().clone());
    let inputs = [x];
    bencher.bench_local(|| runtime.forward(model.parameters(), black_box(&inputs), Settings::default()));
}

#[divan::bench(args = [1, 4, 8, 64])]
fn training_step(bencher: Bencher<'_, '_>, batch: usize) {
    let (Some(model), Some(x)) = (model(), images(batch)) else { return };
    let runtime = Runtime::<f32>::new(model.graph().clone());
    let mut parameters = model.parameters().clone();
    let mut adam = Adam::new(&parameters, AdamSettings::default());
    let labels: Vec<usize> = (0..batch).map(|i| i % 2).collect();
    let loss = CrossEntropy { labels: &labels, weight: 1.0 / batch as f64, output: 0 };
    let inputs = [x];
    bencher.bench_local(|| {
        let gradient = runtime.gradient(&parameters, &inputs, &[&loss], false, Settings::training(0));
        gradient.map(|gradient| {
            adam.step(&mut parameters, &gradient.parameters);
            runtime.recycle(gradient);
        })
    });
}

/// 128 to 128 channels, 7x7 pixels, 16 images: forward pass, input gradient, weight gradient.
#[divan::bench(args = ["forward", "input", "weight"])]
fn convolution(bencher: Bencher<'_, '_>, reading: &str) {
    let (channels, size, batch) = (128, 7, 16);
    let g = Geometry {
        in_channels: channels,
        out_channels: channels,
        groups: 1,
        input: [1, size, size],
        output: [1, size, size],
        kernel: [1, 3, 3],
        stride: [1; 3],
        dilation: [1; 3],
        pad: [0, 1, 1],
    };
    let numbers =
        |len: usize| -> Vec<f32> { (0..len).map(|i| (i * 7919 % 101) as f32 / 101.0 - 0.5).collect() };
    let (x, w) = (numbers(batch * g.input_len()), numbers(g.weights()));
    let (mut y, mut dx, mut dw) = (x.clone(), x.clone(), w.clone());
    let mut scratch = Scratch::default();
    let products = batch * g.pixels() * g.weights();
    bencher.counter(divan::counter::ItemsCount::new(products)).bench_local(|| match reading {
        "forward" => conv::forward(&g, &x, &w, None, &mut y, &mut scratch),
        "input" => conv::backward_input(&g, &w, &x, &mut dx, &mut scratch),
        _ => conv::backward_weight(&g, &x, &x, (&mut dw, Start::Zero), &mut scratch),
    });
}
