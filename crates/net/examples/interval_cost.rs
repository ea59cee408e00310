//! What bounds cost: a denoiser (8 convolutions 3x3, 32 channels, 40x40 pixels), its interval network, and Monte Carlo dropout.
//!
//! `cargo run --release -p modelmend-net --example interval_cost` prints, for each task, the least of its times and that
//! of the same task on the trained network, run in turn, and the ratio.
#![allow(clippy::print_stdout, reason = "an example that reports")]

use std::error::Error;
use std::hint::black_box;
use std::time::Instant;

use modelmend_net::architecture::{insert_dropout, with_dropout};
use modelmend_net::interval::network::{IntervalNetwork, Part};
use modelmend_net::interval::{IntervalOptions, Rounding, enclose};
use modelmend_net::loss::{IntervalBound, Loss, MeanSquaredError, Side};
use modelmend_net::optim::{Adam, AdamSettings};
use modelmend_net::{Model, Parameters, Runtime, Settings, Tensor};

#[path = "../tests/network/nets.rs"]
mod nets;

const CHANNELS: [usize; 9] = [1, 32, 32, 32, 32, 32, 32, 32, 1];
const REPEATS: usize = 15;

type Outcome<T> = Result<T, Box<dyn Error>>;

/// A forward pass.
fn pass(model: &Model, inputs: Vec<Tensor<f32>>) -> impl FnMut() -> Outcome<()> {
    passes(model, inputs, vec![Settings::default()])
}

/// A forward pass for each of some settings.
fn passes(model: &Model, inputs: Vec<Tensor<f32>>, all: Vec<Settings>) -> impl FnMut() -> Outcome<()> {
    let (runtime, parameters) = (Runtime::new(model.graph().clone()), model.parameters().clone());
    move || {
        for &settings in &all {
            black_box(runtime.forward(&parameters, &inputs, settings)?);
        }
        Ok(())
    }
}

/// A training step: gradient, Adam, and what follows it.
fn step<'a>(
    model: &Model,
    inputs: &'a [Tensor<f32>],
    terms: Vec<&'a dyn Loss<f32>>,
    project: impl Fn(&mut Parameters<f32>) + 'a,
) -> impl FnMut() -> Outcome<()> + 'a {
    let runtime = Runtime::<f32>::new(model.graph().clone());
    let mut parameters = model.parameters().clone();
    let mut adam = Adam::new(&parameters, AdamSettings { learning_rate: 1e-6, ..AdamSettings::default() });
    move || {
        let gradient = runtime.gradient(&parameters, inputs, &terms, false, Settings::training(0))?;
        adam.step(&mut parameters, &gradient.parameters);
        project(&mut parameters);
        runtime.recycle(gradient);
        Ok(())
    }
}

fn compare(
    what: &str,
    mut bounds: impl FnMut() -> Outcome<()>,
    mut point: impl FnMut() -> Outcome<()>,
) -> Outcome<()> {
    let mut times = [Vec::new(), Vec::new()];
    for _ in 0..REPEATS {
        for (times, task) in
            times.iter_mut().zip([&mut bounds as &mut dyn FnMut() -> Outcome<()>, &mut point])
        {
            let start = Instant::now();
            task()?;
            times.push(start.elapsed().as_secs_f64() * 1e3);
        }
    }
    let [bounds, point] = times.map(|t| t.into_iter().fold(f64::INFINITY, f64::min));
    println!("{what}: {bounds:.1} ms, point {point:.1} ms, ratio {:.2}", bounds / point);
    Ok(())
}

fn main() -> Outcome<()> {
    let batch = std::env::args().nth(1).map_or(Ok(16), |n| n.parse())?;
    let base = nets::convolutions(2, 3, &CHANNELS, 1)?;
    let x = nets::images(&[batch, 1, 40, 40], 2);
    let ends = [x.map(|v| v - 0.1), x.map(|v| v + 0.1)];
    let point = || pass(&base, vec![x.clone()]);

    let network = IntervalNetwork::new(&base, &Part::All)?;
    let mut parameters = network.model().parameters().clone();
    for (i, end) in parameters.iter_mut().enumerate() {
        let away = if i % 2 == 0 { -0.01 } else { 0.01 };
        end.data_mut().iter_mut().for_each(|w| *w += away);
    }
    let deltas = || {
        let wide = |t: &Tensor<f32>| (t.map(|_| 0.01), t.map(|_| 0.01));
        let graph = base.graph().parameters().iter().zip(base.parameters().iter());
        graph.map(|(p, t)| (p.name.clone(), wide(t))).collect()
    };
    for (what, deltas, boxed) in [
        ("bounds, boxes of weights", deltas(), false),
        ("bounds, boxes of weights and data", deltas(), true),
        ("bounds, boxes of data", Default::default(), true),
    ] {
        let bounds = enclose(&base, &IntervalOptions { boxed_inputs: boxed, deltas, ..Default::default() })?;
        compare(what, pass(&bounds, if boxed { ends.to_vec() } else { vec![x.clone()] }), point())?;
    }
    for (what, rounding) in [("nearest", Rounding::Nearest), ("outward", Rounding::Outward)] {
        let exported = network.export(&parameters, rounding)?;
        compare(
            &format!("exported, with the output itself, {what}"),
            pass(&exported, vec![x.clone()]),
            point(),
        )?;
    }

    let random = with_dropout(&insert_dropout(&base, 0.05)?, true)?;
    let dropout = (0..16).map(Settings::training).collect();
    compare("Monte Carlo dropout, 16 passes", passes(&random, vec![x.clone()], dropout), point())?;

    let target = nets::images(&[batch, 1, 40, 40], 3);
    let [lo, hi] = network.raw(0);
    let term = |side, output| IntervalBound { target: &target, beta: 1e-3, side, weight: 1.0, output };
    let (lower, upper) = (term(Side::Lower, lo), term(Side::Upper, hi));
    let error = MeanSquaredError { target: &target, weight: 1.0, output: 0 };
    let inputs = [x.clone()];
    compare(
        "training step",
        step(network.model(), &inputs, vec![&lower, &upper], |p| network.project(p)),
        step(&base, &inputs, vec![&error], |_| ()),
    )
}
