//! Interval networks of trained networks: enclosure while they train, and the exported model.
#![allow(clippy::expect_used, clippy::panic, reason = "tests stop at the first surprise")]

mod nets;
mod widths;

use modelmend_net::interval::Rounding;
use modelmend_net::interval::network::{IntervalNetwork, Part};
use modelmend_net::loss::{IntervalBound, Loss, Side};
use modelmend_net::optim::{Adam, AdamSettings};
use modelmend_net::{Element, Model, Parameters, Runtime, Settings, Tensor};
use nets::{convolutions, images};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// A network for jump signals and a denoiser, with images for each.
fn samples() -> Vec<(Model, Tensor<f32>)> {
    let net = |dimensions, kernel, channels: &[usize]| {
        convolutions(dimensions, kernel, channels, 5).unwrap_or_else(|e| panic!("{e}"))
    };
    vec![
        (net(1, 5, &[1, 6, 8, 6, 1]), images(&[4, 1, 32], 1)),
        (net(2, 3, &[1, 8, 8, 8, 1]), images(&[3, 1, 10, 9], 2)),
    ]
}

fn run<T: Element>(model: &Model, parameters: &Parameters<T>, x: &Tensor<T>) -> Vec<Tensor<T>> {
    Runtime::new(model.graph().clone())
        .forward(parameters, std::slice::from_ref(x), Settings::default())
        .unwrap_or_else(|e| panic!("{e}"))
}

fn network(base: &Model, part: &Part) -> IntervalNetwork {
    IntervalNetwork::new(base, part).unwrap_or_else(|e| panic!("{e}"))
}

/// The boxes widened by random distances, a fifth of them not at all.
fn widened(network: &IntervalNetwork, rng: &mut ChaCha8Rng) -> Parameters<f32> {
    let mut parameters = network.model().parameters().clone();
    for (i, end) in parameters.iter_mut().enumerate() {
        let away = if i % 2 == 0 { -0.05 } else { 0.05 };
        for w in end.data_mut() {
            *w += if rng.random::<f32>() < 0.2 { 0.0 } else { away * rng.random::<f32>() };
        }
    }
    parameters
}

/// `lo <= y <= hi`, bit for bit.
fn assert_around(what: &str, outputs: &[Tensor<f32>]) {
    let [y, lo, hi] = &outputs[..3] else { panic!("{what}: three outputs expected") };
    for (at, ((lo, y), hi)) in lo.data().iter().zip(y.data()).zip(hi.data()).enumerate() {
        assert!(lo <= y && y <= hi, "{what}: element {at}: {y:e} outside [{lo:e}, {hi:e}]");
    }
}

/// The largest distance between two values, relative to the largest magnitude.
fn distance(a: &Tensor<f32>, b: &Tensor<f32>) -> f32 {
    assert_eq!(a.shape(), b.shape());
    let largest = b.data().iter().fold(0f32, |m, v| m.max(v.abs()));
    a.data().iter().zip(b.data()).fold(0f32, |m, (a, b)| m.max((a - b).abs())) / largest
}

#[test]
fn boxes_begin_as_the_trained_network() {
    for (base, x) in samples() {
        let network = network(&base, &Part::All);
        let outputs = run(network.model(), network.model().parameters(), &x);
        assert_around("at the beginning", &outputs);
        let y = run(&base, base.parameters(), &x);
        assert_eq!(outputs[0], y[0], "the trained network's own output");
        for (bound, at) in outputs[1..].iter().zip(["lo", "hi", "lo/raw", "hi/raw"]) {
            assert!(distance(bound, &y[0]) < 5e-6, "{at}: {}", distance(bound, &y[0]));
        }
        assert_eq!(network.raw(0), [3, 4]);
    }
}

#[test]
fn bounds_hold_every_network_in_the_boxes() {
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    for (base, x) in samples() {
        let network = network(&base, &Part::All);
        let ends = widened(&network, &mut rng);
        let export = |rounding| network.export(&ends, rounding).unwrap_or_else(|e| panic!("{e}"));
        let (nearest, outward) = (export(Rounding::Nearest), export(Rounding::Outward));
        let [nearest, outward] = [&nearest, &outward].map(|m| run(m, m.parameters(), &x));
        assert_around("outward", &outward);
        let scale = nearest[2].data().iter().fold(0f64, |m, v| m.max(f64::from(v.abs())));
        assert!(distance(&outward[1], &nearest[1]) < 1e-3 && distance(&outward[2], &nearest[2]) < 1e-3);
        let wide = x.map(|&v| f64::from(v));
        let tensors: Vec<&Tensor<f32>> = ends.iter().collect();
        for round in 0..100 {
            let inside = tensors.chunks_exact(2).map(|ends| {
                let mut w = ends[0].map(|&v| f64::from(v));
                for (w, &hi) in w.data_mut().iter_mut().zip(ends[1].data()) {
                    let t: f64 = rng.random();
                    *w += if round % 2 == 0 { t.round() } else { t } * (f64::from(hi) - *w);
                }
                w
            });
            let y = run(&base, &Parameters::new(inside.collect()), &wide);
            for (at, &y) in y[0].data().iter().enumerate() {
                let [lo, hi] = [1, 2].map(|i| f64::from(outward[i].data()[at]));
                assert!(lo <= y && y <= hi, "element {at}: {y:e} outside [{lo:e}, {hi:e}]");
                let [lo, hi] = [1, 2].map(|i| f64::from(nearest[i].data()[at]));
                assert!(lo - 1e-6 * scale <= y && y <= hi + 1e-6 * scale, "element {at}, nearest");
            }
        }
    }
}

#[test]
fn an_exported_model_has_the_bounds_of_training_and_no_work_on_weights() {
    let mut rng = ChaCha8Rng::seed_from_u64(4);
    for (base, x) in samples() {
        for part in [Part::All, Part::Last(2)] {
            let network = network(&base, &part);
            let ends = widened(&network, &mut rng);
            let exported = network.export(&ends, Rounding::Nearest).unwrap_or_else(|e| panic!("{e}"));
            assert_eq!(exported.graph().output_names(), ["y", "y/lo", "y/hi"]);
            let trained = run(network.model(), &ends, &x);
            let outputs = run(&exported, exported.parameters(), &x);
            assert_eq!(outputs[0], trained[0]);
            for (bound, expected) in outputs[1..].iter().zip(&trained[1..]) {
                assert!(distance(bound, expected) < 1e-6);
            }
            let graph = exported.message().graph.expect("a graph");
            let constant = |name: &String| graph.initializer.iter().any(|t| t.name.as_ref() == Some(name));
            for node in &graph.node {
                assert!(!node.input.iter().all(constant), "{:?} works on constants alone", node.op_type);
            }
        }
    }
}

#[test]
fn what_stands_before_the_part_is_computed_once() {
    let (base, _) = samples().swap_remove(1);
    let network = network(&base, &Part::Last(1));
    assert_eq!(network.names(), ["conv3.weight", "conv3.bias"]);
    let exported =
        network.export(network.model().parameters(), Rounding::Nearest).unwrap_or_else(|e| panic!("{e}"));
    let convolutions = exported.graph().nodes().iter().filter(|n| n.op_type == "Conv").count();
    // Both bounds of the last one are one convolution.
    assert_eq!(convolutions, 4 + 1);
}

#[test]
fn parts_by_name() {
    let (base, x) = samples().swap_remove(0);
    let named = |names: &[&str]| Part::Named(names.iter().map(|&n| n.to_owned()).collect());
    assert_eq!(network(&base, &named(&["conv1"])).names(), ["conv1.weight", "conv1.bias"]);
    let some = network(&base, &named(&["conv0.bias", "conv2"]));
    assert_eq!(some.names(), ["conv0.bias", "conv2.weight", "conv2.bias"]);
    assert_around("named", &run(some.model(), &widened(&some, &mut ChaCha8Rng::seed_from_u64(1)), &x));
    let objection = |part| IntervalNetwork::new(&base, &part).map(|_| ()).expect_err("refused").to_string();
    assert!(objection(named(&["conv9"])).contains("conv9"));
    assert!(objection(Part::Last(0)).contains("no parameters"));
}

#[test]
fn every_step_of_training_keeps_the_trained_network_inside() {
    for (base, x) in samples() {
        let network = network(&base, &Part::Last(3));
        let runtime = Runtime::<f32>::new(network.model().graph().clone());
        let mut parameters = network.model().parameters().clone();
        let rate = AdamSettings { learning_rate: 1e-3, ..AdamSettings::default() };
        let mut adam = Adam::new(&parameters, rate);
        let y = run(&base, base.parameters(), &x);
        let noise = images(y[0].shape(), 9);
        let mut target = y[0].clone();
        target.data_mut().iter_mut().zip(noise.data()).for_each(|(t, n)| *t += 0.3 * n);
        let [lo, hi] = network.raw(0);
        let term = |side, output| IntervalBound { target: &target, beta: 1e-3, side, weight: 0.25, output };
        let terms = [term(Side::Lower, lo), term(Side::Upper, hi)];
        let terms: Vec<&dyn Loss<f32>> = terms.iter().map(|t| t as &dyn Loss<f32>).collect();
        let inputs = [x.clone()];
        let mut losses = Vec::new();
        for step in 0..30 {
            let gradient = runtime
                .gradient(&parameters, &inputs, &terms, false, Settings::default())
                .unwrap_or_else(|e| panic!("{e}"));
            losses.push(gradient.losses.iter().sum::<f32>());
            adam.step(&mut parameters, &gradient.parameters);
            network.project(&mut parameters);
            let ends: Vec<&Tensor<f32>> = parameters.iter().collect();
            for (name, ends) in network.names().iter().zip(ends.chunks_exact(2)) {
                let at = base.graph().parameters().iter().position(|p| p.name == *name).expect("a parameter");
                let centre = base.parameters().iter().nth(at).expect("a tensor");
                let around = ends[0].data().iter().zip(centre.data()).zip(ends[1].data());
                assert!(around.clone().all(|((lo, w), hi)| lo <= w && w <= hi), "{name} after step {step}");
            }
            let outputs = run(network.model(), &parameters, &x);
            assert_around(&format!("after step {step}"), &outputs);
            assert_eq!(outputs[0], y[0]);
        }
        assert!(losses[29] < 0.8 * losses[0], "{losses:?}");
    }
}

#[test]
fn gradients_of_the_ends_are_those_of_finite_differences() {
    let (base, x) = samples().swap_remove(1);
    let network = network(&base, &Part::Last(2));
    let parameters = widened(&network, &mut ChaCha8Rng::seed_from_u64(8)).cast::<f64>();
    let inputs = [x.map(|&v| f64::from(v))];
    let runtime = Runtime::<f64>::new(network.model().graph().clone());
    let target = images(x.shape(), 3).map(|&v| f64::from(v));
    let [lo, hi] = network.raw(0);
    let term = |side, output| IntervalBound { target: &target, beta: 0.1, side, weight: 1.0, output };
    let terms = [term(Side::Lower, lo), term(Side::Upper, hi)];
    let terms: Vec<&dyn Loss<f64>> = terms.iter().map(|t| t as &dyn Loss<f64>).collect();
    let at = |parameters: &Parameters<f64>| {
        runtime
            .gradient(parameters, &inputs, &terms, false, Settings::default())
            .unwrap_or_else(|e| panic!("{e}"))
    };
    let gradient = at(&parameters).parameters.flatten();
    let centre = parameters.flatten();
    for index in (0..centre.len()).step_by(centre.len() / 60) {
        let loss = |step: f64| {
            let mut moved = centre.clone();
            moved[index] += step;
            at(&parameters.with_scalars(&moved).expect("as many")).losses.iter().sum::<f64>()
        };
        let slope = (loss(1e-6) - loss(-1e-6)) / 2e-6;
        assert!(
            (slope - gradient[index]).abs() < 1e-5 * (1.0 + slope.abs()),
            "{index}: {} {slope}",
            gradient[index]
        );
    }
}

#[test]
fn boxes_without_the_trained_weight_are_not_exported() {
    let (base, _) = samples().swap_remove(0);
    let network = network(&base, &Part::All);
    let mut parameters = network.model().parameters().clone();
    if let Some(w) = parameters.iter_mut().next().and_then(|t| t.data_mut().first_mut()) {
        *w += 1.0;
    }
    let refused = network.export(&parameters, Rounding::Nearest).expect_err("refused");
    assert!(refused.to_string().contains("conv0.weight"), "{refused}");
    network.project(&mut parameters);
    assert!(network.export(&parameters, Rounding::Nearest).is_ok());
}
