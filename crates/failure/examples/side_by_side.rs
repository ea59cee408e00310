//! Several subtypes fine-tuned: side by side in one pool of threads, as the product does; side by side with a thread of its own each; one after another
//! with all threads at each. Milliseconds per step, least of alternating repetitions: `cargo run --release -p modelmend-failure --example side_by_side`.
#![allow(clippy::print_stdout, reason = "an example that reports")]

use std::error::Error;
use std::hint::black_box;
use std::time::Instant;

use modelmend_data::{Cases, Images, Pixels};
use modelmend_failure::Problem;
use modelmend_failure::finetune::{FinetuneCases, FinetuneSettings, finetune};
use modelmend_learn::monitor::Silent;
use modelmend_net::architecture::{Classifier, ClassifierKind, classifier};
use rayon::ThreadPool;
use rayon::prelude::*;

/// Networks, failures of each in an epoch (and as many correct cases), cases that judge, and times that each order takes its turn.
const SUBTYPES: usize = 4;
const FAILURES: usize = 48;
const JUDGED: usize = 64;
const REPETITIONS: usize = 9;

type Outcome<T> = Result<T, Box<dyn Error>>;

fn problem() -> Outcome<Problem> {
    let (kind, count) = (ClassifierKind::VggSmall, SUBTYPES * FAILURES + FAILURES + JUDGED);
    let spec = Classifier { kind, channels: 3, height: 28, width: 28, classes: 2, base: None, seed: 0 };
    let pixels = (0..count * 28 * 28 * 3).map(|i| (i * 7919 % 256) as u8).collect();
    let labels: Vec<i64> = (0..count).map(|i| (i % 2) as i64).collect();
    let targets = labels.iter().map(|&label| label as usize).collect();
    let images = Images::new("images", &[count, 28, 28, 3], Pixels::U8(pixels))?;
    Ok(Problem::new(classifier(&spec)?, &Cases::new("all", images, labels)?, targets)?)
}

/// An epoch of one subtype.
fn epoch(problem: &Problem, subtype: usize, batch_size: usize) {
    let range = |from: usize, count: usize| (from..from + count).collect::<Vec<usize>>();
    let (train, correct) = (range(subtype * FAILURES, FAILURES), range(SUBTYPES * FAILURES, FAILURES));
    let judged = range((SUBTYPES + 1) * FAILURES, JUDGED);
    let cases = FinetuneCases {
        train: &train,
        train_correct: &correct,
        validation: &judged[..12],
        validation_correct: &judged,
    };
    let settings = FinetuneSettings {
        learning_rate: 2e-5,
        weight_decay: 1e-3,
        batch_size,
        epochs: 1,
        patience: 1,
        keep_correct: 0.9,
    };
    let _ = black_box(finetune(problem, cases, &settings, 1, &Silent));
}

/// Side by side, each network by a pool of one thread.
fn apart(pools: &[ThreadPool], problem: &Problem, batch: usize) {
    std::thread::scope(|scope| {
        for (index, pool) in pools.iter().enumerate() {
            let own = (index..SUBTYPES).step_by(pools.len());
            scope.spawn(move || pool.install(|| own.into_iter().for_each(|s| epoch(problem, s, batch))));
        }
    });
}

fn main() -> Outcome<()> {
    let problem = problem()?;
    let one = || rayon::ThreadPoolBuilder::new().num_threads(1).build();
    let pools: Vec<ThreadPool> =
        (0..rayon::current_num_threads()).map(|_| one()).collect::<Result<_, _>>()?;
    println!("{SUBTYPES} networks, {} threads, milliseconds per step of each network", pools.len());
    println!("| batch | one pool | a thread each | one after another |\n|---|---|---|---|");
    for batch in [4, 8] {
        let orders: [&dyn Fn(); 3] = [
            &|| (0..SUBTYPES).into_par_iter().for_each(|s| epoch(&problem, s, batch)),
            &|| apart(&pools, &problem, batch),
            &|| (0..SUBTYPES).for_each(|s| epoch(&problem, s, batch)),
        ];
        let mut least = [f64::INFINITY; 3];
        for _ in 0..REPETITIONS {
            for (least, order) in least.iter_mut().zip(orders) {
                let start = Instant::now();
                order();
                *least = least.min(start.elapsed().as_secs_f64());
            }
        }
        let steps = (SUBTYPES * 2 * FAILURES / batch) as f64;
        let [pool, apart, after] = least.map(|seconds| 1e3 * seconds / steps);
        println!("| {batch} | {pool:.2} | {apart:.2} | {after:.2} |");
    }
    Ok(())
}
