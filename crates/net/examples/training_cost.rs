//! What a step of a training costs: the networks of the reconstruction studies and an interval network, each in processor seconds of this process,
//! least of some repetitions, with its page faults.
//!
//! `cargo run --release -p modelmend-net --example training_cost [-- name ...]` ("unet full" is the U-Net of the paper on 512 x 512 pixels); `RAYON_NUM_THREADS=1` leaves out what threads cost each other.
#![allow(clippy::print_stdout, reason = "an example that reports")]

use std::error::Error;

use modelmend_net::architecture::{Conv1d, DnCnn, UNet, conv1d, dncnn, unet, with_dropout};
use modelmend_net::interval::network::{IntervalNetwork, Part};
use modelmend_net::loss::{IntervalBound, Loss, MeanSquaredError, Side};
use modelmend_net::optim::{Adam, AdamSettings};
use modelmend_net::{Model, Parameters, Precision, Runtime, Settings, Tensor};

#[allow(dead_code, reason = "others build their networks with it")]
#[path = "../tests/network/nets.rs"]
mod nets;

/// Steps of which the least counts, behind two that find their memory.
const REPEATS: u64 = 8;

type Outcome<T> = Result<T, Box<dyn Error>>;

/// Processor seconds of this process, in its own code and altogether, its page faults and the most memory it held, in MiB.
fn used() -> [f64; 4] {
    // SAFETY: the call fills the structure, for which zeros are valid.
    let usage = unsafe {
        let mut usage = std::mem::zeroed::<libc::rusage>();
        libc::getrusage(libc::RUSAGE_SELF, &raw mut usage);
        usage
    };
    let seconds = |t: libc::timeval| t.tv_sec as f64 + t.tv_usec as f64 * 1e-6;
    let own = seconds(usage.ru_utime);
    [own, own + seconds(usage.ru_stime), usage.ru_minflt as f64, usage.ru_maxrss as f64 / 1024.0]
}

/// Prints what a step costs, and what its weights come to, so that two versions can be compared.
fn measure(
    name: &str,
    model: &Model,
    input: &Tensor<f32>,
    terms: &[&dyn Loss<f32>],
    project: impl Fn(&mut Parameters<f32>),
) -> Outcome<()> {
    let runtime = Runtime::<f32>::new(model.graph().clone());
    let mut parameters = model.parameters().clone();
    let mut adam = Adam::new(&parameters, AdamSettings { learning_rate: 1e-4, ..AdamSettings::default() });
    let mut least = [f64::INFINITY; 3];
    let inputs = [input.clone()];
    let mut loss = 0.0;
    for step in 0..REPEATS + 2 {
        let before = used();
        let settings = Settings { precision: Precision::Mixed, ..Settings::training(step) };
        let gradient = runtime.gradient(&parameters, &inputs, terms, false, settings)?;
        adam.step(&mut parameters, &gradient.parameters);
        loss = gradient.losses.iter().map(|&l| f64::from(l)).sum();
        runtime.recycle(gradient);
        project(&mut parameters);
        let after = used();
        if step >= 2 {
            least.iter_mut().zip(after.iter().zip(before)).for_each(|(l, (a, b))| *l = l.min(a - b));
        }
    }
    let [own, all, faults] = least;
    let (peak, total) = (used()[3], parameters.flatten().iter().map(|&w| f64::from(w)).sum::<f64>());
    println!(
        "{name:18} {own:7.3} s own {all:7.3} s all {faults:8.0} faults {peak:6.0} MiB   loss {loss:.7e} weights {total:.7e}"
    );
    Ok(())
}

fn base(name: &str, model: &Model, input: &Tensor<f32>) -> Outcome<()> {
    let target = nets::images(input.shape(), 3);
    let weight = 1.0 / input.rows() as f64;
    measure(name, model, input, &[&MeanSquaredError { target: &target, weight, output: 0 }], |_| ())
}

fn interval(name: &str, model: &Model, part: &Part, input: &Tensor<f32>) -> Outcome<()> {
    let network = IntervalNetwork::new(model, part)?;
    let (target, weight) = (nets::images(input.shape(), 3), 1.0 / input.rows() as f64);
    let [lo, hi] = network.raw(0);
    let term = |side, output| IntervalBound { target: &target, beta: 1e-3, side, weight, output };
    let (lower, upper) = (term(Side::Lower, lo), term(Side::Upper, hi));
    measure(name, network.model(), input, &[&lower, &upper], |p| network.project(p))
}

fn main() -> Outcome<()> {
    let chosen: Vec<String> = std::env::args().skip(1).collect();
    let wanted = |name: &str| chosen.is_empty() || chosen.iter().any(|c| c == name);
    let jumps = conv1d(&Conv1d { seed: 1, ..Conv1d::default() })?;
    let denoiser = dncnn(&DnCnn { width: 32, depth: 8, seed: 1, ..DnCnn::default() })?;
    let tomograph = unet(&UNet { base: 16, depth: 4, dropout: 0.2, seed: 1 })?;
    for batch in [64, 256] {
        let signals = nets::images(&[batch, 1, 512], 2);
        if wanted(&format!("conv1d {batch}")) {
            base(&format!("conv1d {batch}"), &with_dropout(&jumps, true)?, &signals)?;
        }
        if wanted(&format!("conv1d inn {batch}")) {
            interval(&format!("conv1d inn {batch}"), &jumps, &Part::All, &signals)?;
        }
    }
    let patches = nets::images(&[64, 1, 40, 40], 2);
    if wanted("dncnn") {
        base("dncnn", &with_dropout(&denoiser, true)?, &patches)?;
    }
    if wanted("dncnn inn") {
        interval("dncnn inn", &denoiser, &Part::Last(8), &patches)?;
    }
    let slices = nets::images(&[4, 1, 128, 128], 2);
    if wanted("unet") {
        base("unet", &with_dropout(&tomograph, true)?, &slices)?;
    }
    if wanted("unet inn") {
        interval("unet inn", &tomograph, &Part::Last(7), &slices)?;
    }
    // Minutes and gigabytes: only where it is named.
    if chosen.iter().any(|name| name == "unet full") {
        let full = unet(&UNet { base: 64, depth: 5, dropout: 0.7, seed: 1 })?;
        let slice = nets::images(&[1, 1, 512, 512], 2);
        forward("unet full, a pass", &full, &slice)?;
        base("unet full", &with_dropout(&full, true)?, &slice)?;
    }
    Ok(())
}

/// Prints what a prediction costs.
fn forward(name: &str, model: &Model, input: &Tensor<f32>) -> Outcome<()> {
    let runtime = Runtime::<f32>::new(model.graph().clone());
    let before = used();
    runtime.forward(model.parameters(), std::slice::from_ref(input), Settings::default())?;
    let after = used();
    println!("{name:18} {:7.3} s own {:30} {:6.0} MiB", after[0] - before[0], "", after[3]);
    Ok(())
}
