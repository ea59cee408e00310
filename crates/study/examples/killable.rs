//! A small study of two steps for the tests of `tests/kill.rs`, which kill it at random moments.
//!
//! `killable CACHE RESULT` sums numbers that every part draws from its index, in steps that keep parts and
//! checkpoints, and writes the sum and a hash of everything to RESULT.

use std::error::Error;
use std::path::Path;
use std::time::Duration;

use modelmend_study::Hash;
use modelmend_study::artifact::Artifact;
use modelmend_study::cache::{Cache, write_atomically};
use modelmend_study::observer::{Interrupt, Observer, Source};
use modelmend_study::plan::Plan;
use modelmend_study::runner::Runner;
use modelmend_study::schema::Study;
use modelmend_study::scope::Scope;
use modelmend_study::step::{Step, StepName};
use serde_json::json;

type Outcome<T> = Result<T, Box<dyn Error>>;

const STUDY: &str = "{name: x, task: classification, model: m.onnx, data: {source: d.npz}}";
const PARTS: usize = 6;
const EPOCHS: u32 = 8;

/// Ends with code 9 on any warning: a killed run must leave nothing that has to be warned about.
struct NoWarnings;

impl Observer for NoWarnings {
    fn step_started(&self, _: &Step) {}
    fn progress(&self, _: &Step, _: f64) {}
    fn step_finished(&self, _: &Step, _: Source, _: f64) {}
    fn warning(&self, _: &str) {
        std::process::exit(9);
    }
}

fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, cache, result] = arguments.as_slice() else { return Err("usage: killable CACHE RESULT".into()) };
    let study = Study::parse(Path::new("killable"), STUDY.as_bytes())?;
    let runner =
        Runner::new(Cache::open(Path::new(cache))?, Plan::of(&study), &NoWarnings, Interrupt::default());
    let first = Step {
        name: StepName::Represent,
        label: String::new(),
        version: 1,
        parameters: json!({"parts": PARTS}),
        inputs: vec![Hash::of(b"data")],
    };
    let drawn = runner.run(&first, draw_all)?;
    let second = Step { name: StepName::Embed, inputs: vec![drawn.hash], ..first };
    let numbers = drawn.artifact.f32("numbers")?;
    let sum = runner.run(&second, |_| -> Outcome<_> {
        Ok(Artifact::new(numbers.iter().map(|x| f64::from(*x)).sum::<f64>()))
    })?;
    let text = format!("{} {} {}\n", sum.artifact.value, drawn.hash, sum.hash);
    Ok(write_atomically(Path::new(result), &[text.as_bytes()])?)
}

fn draw_all(scope: &Scope<'_>) -> Outcome<Artifact<usize>> {
    let mut numbers = Vec::new();
    for index in 0..PARTS {
        numbers.extend(scope.part(index, PARTS, |part| draw(index, part))?.f32("numbers")?);
    }
    Ok(Artifact::new(numbers.len()).with_f32("numbers", &numbers))
}

/// Every epoch changes the state in a way that depends on the state, so that a wrong continuation is seen.
fn draw(index: usize, part: &Scope<'_>) -> Outcome<Artifact<()>> {
    let begin = || Artifact::new(0_u32).with_f32("state", &[index as f32 + 0.1; 2000]);
    let mut kept = part.resume::<u32>().unwrap_or_else(begin);
    while kept.value < EPOCHS {
        let epoch = kept.value as f32;
        let state: Vec<f32> = kept.f32("state")?.iter().map(|x| (x * 1.7 + epoch).sin()).collect();
        std::thread::sleep(Duration::from_micros(300));
        kept = Artifact::new(kept.value + 1).with_f32("state", &state);
        part.checkpoint(&kept)?;
        part.progress(kept.value as usize, EPOCHS as usize)?;
    }
    Ok(Artifact::new(()).with_f32("numbers", &kept.f32("state")?))
}
