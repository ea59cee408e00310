//! Networks for reconstruction: shapes, sizes, training, and dropout that is on when it should be.
#![allow(clippy::unwrap_used, reason = "helpers of tests may fail the test")]

use modelmend_net::architecture::{
    Conv1d, DnCnn, UNet, conv1d, dncnn, has_dropout, insert_dropout, scale_network, unet, with_dropout,
};
use modelmend_net::loss::MeanSquaredError;
use modelmend_net::optim::{Adam, AdamSettings};
use modelmend_net::{Model, Runtime, Settings, Tensor};

/// Smooth, seeded by its length alone.
fn wave(shape: &[usize]) -> Tensor<f32> {
    let values = (0..shape.iter().product()).map(|i: usize| (i as f32 * 0.37).sin() * 0.5 + 0.5);
    Tensor::new(shape, values.collect()).unwrap()
}

fn forward(model: &Model, x: &Tensor<f32>, seed: u64) -> Tensor<f32> {
    let runtime = Runtime::<f32>::new(model.graph().clone());
    let settings = Settings { seed, ..Settings::default() };
    runtime.forward(model.parameters(), std::slice::from_ref(x), settings).unwrap().swap_remove(0)
}

fn small_dncnn(residual: bool, dropout: f32) -> Model {
    dncnn(&DnCnn { channels: 1, width: 8, depth: 5, dropout, residual, seed: 7 }).unwrap()
}

#[test]
fn any_size_goes_in_and_comes_out() {
    let model = conv1d(&Conv1d { base: 4, ..Conv1d::default() }).unwrap();
    for length in [16, 37] {
        assert_eq!(forward(&model, &wave(&[3, 1, length]), 0).shape(), [3, 1, length]);
    }
    let colour = DnCnn { channels: 3, width: 6, depth: 3, ..DnCnn::default() };
    let model = dncnn(&colour).unwrap();
    assert_eq!(forward(&model, &wave(&[2, 3, 10, 7]), 0).shape(), [2, 3, 10, 7]);
}

#[test]
fn parameters_are_those_of_the_papers() {
    // sum over layers of 5 x from x to + to
    let widths = [1, 16, 32, 64, 128, 256, 256, 64, 32, 1];
    let expected: usize = widths.windows(2).map(|w| 5 * w[0] * w[1] + w[1]).sum();
    let model = conv1d(&Conv1d::default()).unwrap();
    assert_eq!((model.parameters().len(), model.parameters().scalars()), (18, expected));
    let dropouts = |model: &Model| model.graph().nodes().iter().filter(|n| n.op_type == "Dropout").count();
    assert_eq!(dropouts(&model), 4);

    let model = dncnn(&DnCnn { width: 128, depth: 17, ..DnCnn::default() }).unwrap();
    let expected = (9 * 128 + 128) + 15 * (9 * 128 * 128 + 128) + (9 * 128 + 1);
    assert_eq!((model.parameters().len(), model.parameters().scalars()), (34, expected));
    // after the hidden layers 2, 4, ... 16
    assert_eq!(dropouts(&model), 8);
    let after =
        |hidden: usize| dropouts(&dncnn(&DnCnn { width: 2, depth: hidden + 1, ..DnCnn::default() }).unwrap());
    assert_eq!([after(1), after(2), after(3)], [0, 1, 1]);
    assert_eq!(dropouts(&small_dncnn(true, 0.0)), 0);
}

#[test]
fn a_u_net_is_that_of_the_paper() {
    let model = unet(&UNet::default()).unwrap();
    let count = |kind: &str| model.graph().nodes().iter().filter(|n| n.op_type == kind).count();
    // Two convolutions a level on either side, one after each upsampling, one at the end.
    assert_eq!(["Conv", "MaxPool", "Resize", "Concat", "Dropout"].map(count), [23, 4, 4, 4, 8]);
    let conv = |from: usize, to: usize, taps: usize| taps * from * to + to;
    let twice = |from: usize, to: usize| conv(from, to, 9) + conv(to, to, 9);
    let level = |l: usize| 64usize << l;
    let down: usize = (1..5).map(|l| twice(level(l - 1), level(l))).sum::<usize>() + twice(1, 64);
    let up: usize = (0..4).map(|l| conv(level(l + 1), level(l), 4) + twice(2 * level(l), level(l))).sum();
    assert_eq!(model.parameters().scalars(), down + up + conv(64, 1, 1));
    let small = unet(&UNet { base: 2, depth: 3, dropout: 0.1, seed: 1 }).unwrap();
    assert_eq!(forward(&small, &wave(&[2, 1, 12, 20]), 0).shape(), [2, 1, 12, 20]);
    assert!(unet(&UNet { depth: 0, ..UNet::default() }).is_err());
    assert!(unet(&UNet { dropout: 1.0, ..UNet::default() }).is_err());
}

#[test]
fn weights_follow_the_seed() {
    let of = |seed| conv1d(&Conv1d { base: 2, dropout: None, seed }).unwrap().to_bytes();
    assert_eq!(of(1), of(1));
    assert_ne!(of(1), of(2));
}

/// With weights of PyTorch's default size the last of 17 layers sees next to nothing of the input.
#[test]
fn depth_does_not_swallow_the_signal() {
    let spec = DnCnn { width: 16, depth: 17, dropout: 0.0, residual: false, ..DnCnn::default() };
    let model = dncnn(&spec).unwrap();
    let x = wave(&[1, 1, 24, 24]);
    let [seen, nothing] = [&x, &x.map(|_| 0.0)].map(|x| forward(&model, x, 0));
    let largest = |values: &mut dyn Iterator<Item = f32>| values.fold(0.0, |m: f32, v| m.max(v.abs()));
    let response = largest(&mut seen.data().iter().zip(nothing.data()).map(|(a, b)| a - b));
    assert!((1e-4..10.0).contains(&response), "{response}");
}

#[test]
fn a_residual_network_subtracts_what_the_other_returns() {
    let x = wave(&[2, 1, 9, 9]);
    let (subtracted, plain) =
        (forward(&small_dncnn(true, 0.1), &x, 0), forward(&small_dncnn(false, 0.1), &x, 0));
    for ((&x, &difference), &noise) in x.data().iter().zip(subtracted.data()).zip(plain.data()) {
        assert_eq!(difference, x - noise);
    }
}

#[test]
fn dropout_is_off_until_it_is_turned_on() {
    let x = wave(&[2, 1, 12, 12]);
    let still = small_dncnn(true, 0.3);
    let noisy = with_dropout(&still, true).unwrap();
    assert_eq!(forward(&still, &x, 1), forward(&still, &x, 2));
    assert_eq!(forward(&still, &x, 1), forward(&small_dncnn(true, 0.0), &x, 1));
    assert_ne!(forward(&noisy, &x, 1), forward(&noisy, &x, 2));
    assert_eq!(forward(&noisy, &x, 1), forward(&noisy, &x, 1));
    assert_eq!(noisy.parameters(), still.parameters());
    let again = with_dropout(&with_dropout(&noisy, true).unwrap(), false).unwrap();
    assert_eq!(again.to_bytes(), still.to_bytes());
    // Equal images of a batch are dropped differently: one batch is many Monte Carlo passes.
    let one = &x.data()[..144];
    let twice = Tensor::new([2, 1, 12, 12], one.repeat(2)).unwrap();
    let passes = forward(&noisy, &twice, 1);
    assert_ne!(passes.data()[..144], passes.data()[144..]);
}

#[test]
fn dropout_that_is_not_there_cannot_be_turned_on() {
    let without = small_dncnn(true, 0.0);
    let error = with_dropout(&without, true).unwrap_err().to_string();
    assert!(error.contains("no Dropout nodes"), "{error}");
    assert_eq!(with_dropout(&without, false).unwrap().to_bytes(), without.to_bytes());
}

#[test]
fn dropout_is_inserted_between_layers_and_changes_nothing_until_it_is_on() {
    let x = wave(&[2, 1, 12, 12]);
    let without = small_dncnn(true, 0.0);
    let still = insert_dropout(&without, 0.2).unwrap();
    let dropouts = |model: &Model| model.graph().nodes().iter().filter(|n| n.op_type == "Dropout").count();
    assert!(!has_dropout(&without) && has_dropout(&still));
    assert_eq!(dropouts(&still), 4, "one for each ReLU");
    assert_eq!(forward(&still, &x, 1), forward(&without, &x, 1));
    assert_eq!(still.parameters(), without.parameters());
    let names = |model: &Model| -> Vec<String> {
        model.graph().parameters().iter().map(|p| p.name.clone()).collect()
    };
    assert_eq!(names(&still), names(&without));
    let noisy = with_dropout(&still, true).unwrap();
    assert_ne!(forward(&noisy, &x, 1), forward(&noisy, &x, 2));
    assert_eq!(forward(&noisy, &x, 1), forward(&noisy, &x, 1));
    // A file with it is read back.
    let again = Model::from_bytes(&still.to_bytes()).unwrap();
    assert_eq!(forward(&again, &x, 1), forward(&without, &x, 1));
}

/// Without its last convolution the network ends in a ReLU, which is left alone.
#[test]
fn the_last_activation_is_never_dropped() {
    let mut proto = small_dncnn(false, 0.0).message();
    let graph = proto.graph.as_mut().unwrap();
    graph.node.pop();
    graph.output[0].name = graph.node.last().unwrap().output.first().cloned();
    let cut = Model::from_proto(proto).unwrap();
    let noisy = insert_dropout(&cut, 0.2).unwrap();
    assert_eq!(noisy.graph().nodes().last().unwrap().op_type, "Relu");
    assert_eq!(noisy.graph().nodes().iter().filter(|n| n.op_type == "Dropout").count(), 3);
}

#[test]
fn dropout_that_cannot_be_inserted_is_refused() {
    let without = small_dncnn(true, 0.0);
    let said = |model: &Model, ratio| insert_dropout(model, ratio).unwrap_err().to_string();
    assert!(said(&without, 1.0).contains("ratio 1") && said(&without, f32::NAN).contains("NaN"));
    assert!(said(&small_dncnn(true, 0.1), 0.1).contains("of its own"));
    let mut old = without.message();
    old.opset_import[0].version = Some(11);
    assert!(said(&Model::from_proto(old).unwrap(), 0.1).contains("opset 11"));
    let mut linear = without.message();
    for node in
        linear.graph.as_mut().unwrap().node.iter_mut().filter(|n| n.op_type.as_deref() == Some("Relu"))
    {
        node.op_type = Some("Identity".to_owned());
    }
    assert!(said(&Model::from_proto(linear).unwrap(), 0.1).contains("no activation"));
}

/// A new last layer that starts at its bias everywhere, on the features of the old one, which is gone.
#[test]
fn a_scale_network_has_a_new_last_layer() {
    let model = small_dncnn(true, 0.0);
    let scale = scale_network(&model, -2.0).unwrap();
    let y = forward(&scale, &wave(&[2, 1, 9, 9]), 0);
    assert_eq!(y.shape(), [2, 1, 9, 9]);
    assert!(y.data().iter().all(|&s| s == -2.0));
    assert_eq!(scale.parameters().scalars(), model.parameters().scalars());
    assert!(scale.graph().nodes().iter().all(|node| node.op_type != "Sub"));
    let kept: Vec<_> = model.parameters().iter().take(8).collect();
    assert_eq!(scale.parameters().iter().take(8).collect::<Vec<_>>(), kept);
}

#[test]
fn impossible_networks_are_refused() {
    for spec in [
        DnCnn { depth: 1, ..DnCnn::default() },
        DnCnn { width: 0, ..DnCnn::default() },
        DnCnn { dropout: 1.0, ..DnCnn::default() },
    ] {
        assert!(dncnn(&spec).is_err(), "{spec:?}");
    }
    assert!(conv1d(&Conv1d { base: 0, ..Conv1d::default() }).is_err());
    assert!(conv1d(&Conv1d { dropout: Some(-0.1), ..Conv1d::default() }).is_err());
}

/// Losses of a few steps on one batch.
fn losses(model: &Model, x: &Tensor<f32>, target: &Tensor<f32>, steps: u64) -> Vec<f32> {
    let runtime = Runtime::<f32>::new(model.graph().clone());
    let mut weights = model.parameters().clone();
    let mut adam = Adam::new(&weights, AdamSettings { learning_rate: 1e-3, ..AdamSettings::default() });
    let loss = MeanSquaredError { target, weight: 1.0 / target.rows() as f64, output: 0 };
    let step = |seed| {
        let settings = Settings { seed, ..Settings::default() };
        let inputs = std::slice::from_ref(x);
        let found = runtime.gradient(&weights, inputs, &[&loss], false, settings).unwrap();
        adam.step(&mut weights, &found.parameters);
        found.losses.iter().sum()
    };
    (0..steps).map(step).collect()
}

#[test]
fn training_lowers_the_loss() {
    let signal = wave(&[4, 1, 32]);
    let model = conv1d(&Conv1d { base: 4, ..Conv1d::default() }).unwrap();
    let step = losses(&model, &signal, &signal, 2);
    assert!(step[1] < step[0], "{step:?}");
    let image = wave(&[4, 1, 12, 12]);
    for residual in [true, false] {
        let target = image.map(|v| 0.8 * v);
        let step = losses(&small_dncnn(residual, 0.1), &image, &target, 2);
        assert!(step[1] < step[0], "residual {residual}: {step:?}");
        // With random masks too, though not in every single step.
        let noisy = with_dropout(&small_dncnn(residual, 0.1), true).unwrap();
        let many = losses(&noisy, &image, &target, 60);
        assert!(many[59] < 0.8 * many[0], "residual {residual}: {} to {}", many[0], many[59]);
    }
}
