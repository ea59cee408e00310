//! Our side of `benches/peers/finetune.py`: reads `SUBTYPES EPOCHS` per line and prints the seconds that it took to fine-tune
//! one network for each subtype, side by side.

#![allow(clippy::print_stdout, reason = "speaks to the benchmark over standard output")]

use std::io::{BufRead, Write};
use std::time::Instant;

use modelmend_data::generate::{Histology, histology};
use modelmend_failure::Problem;
use modelmend_failure::finetune::{FinetuneCases, FinetuneSettings, finetune};
use modelmend_learn::monitor::Silent;
use modelmend_net::architecture::{Classifier, ClassifierKind, classifier};
use rayon::prelude::*;

/// Cases of a subtype on the training and on the validation side, and correct cases on both: those of `studies/rbc12.yaml`.
const FAILURES: [usize; 2] = [48, 12];
const CORRECT: [usize; 2] = [3136, 784];
/// Different subtypes.
const SUBTYPES: usize = 8;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let count = SUBTYPES * (FAILURES[0] + FAILURES[1]) + CORRECT[0] + CORRECT[1];
    let generated = histology(&Histology { train: 1, validation: 1, deployment: count, seed: 1 })?;
    let kind = ClassifierKind::VggSmall;
    let model = classifier(&Classifier {
        kind,
        channels: 3,
        height: 28,
        width: 28,
        classes: 2,
        base: None,
        seed: 0,
    })?;
    let targets = (0..count).map(|case| case % 2).collect();
    let problem = Problem::new(model, &generated.deployment, targets)?;
    let mut next = 0;
    let mut take = |count: usize| -> Vec<usize> {
        next += count;
        (next - count..next).collect()
    };
    let correct = CORRECT.map(&mut take);
    let subtypes: Vec<[Vec<usize>; 2]> = (0..SUBTYPES).map(|_| FAILURES.map(&mut take)).collect();
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let mut words = line.split_whitespace().map(str::parse::<usize>);
        let (Some(side_by_side), Some(epochs)) = (words.next(), words.next()) else {
            return Err("SUBTYPES EPOCHS expected".into());
        };
        let epochs = epochs?;
        let settings = FinetuneSettings {
            learning_rate: 2e-5,
            weight_decay: 1e-3,
            batch_size: 8,
            epochs,
            patience: epochs + 1,
            keep_correct: 0.0,
        };
        let start = Instant::now();
        let tune = |[train, validation]: &[Vec<usize>; 2]| {
            let cases = FinetuneCases {
                train,
                train_correct: &correct[0],
                validation,
                validation_correct: &correct[1],
            };
            finetune(&problem, cases, &settings, 1, &Silent).map(|_| ())
        };
        subtypes.par_iter().take(side_by_side?).try_for_each(tune)?;
        println!("{}", start.elapsed().as_secs_f64());
        std::io::stdout().flush()?;
    }
    Ok(())
}
