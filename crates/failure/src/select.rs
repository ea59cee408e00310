//! Choosing a subtyping on validation data: which scaling and which number of subtypes describe kinds of failure that can
//! be repaired one by one.
//!
//! The silhouette says how well clusters are separated in the embedding, not whether they mean anything to the model. So
//! each candidate is put to the question itself, in short ([`brief`]): a few epochs of fine-tuning on every subtype,
//! judged on the *validation* failures alone. The test side takes no part.

use modelmend_data::split::Part;
use modelmend_learn::matrix::{Summary, independence, learnability};
use ndarray::s;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::finetune::FinetuneSettings;
use crate::judge::Judge;
use crate::matrix::{Layout, Row, Target, accuracies, tune};
use modelmend_learn::monitor::Monitor;

/// A subtyping to be judged.
#[derive(Clone, Copy, Debug)]
pub struct Candidate<'a> {
    /// Its subtypes and the parts of the cases.
    pub layout: &'a Layout,
    /// How its subtypes are fine-tuned.
    pub settings: &'a FinetuneSettings,
    /// Seed of the fine-tunings.
    pub seed: u64,
}

/// What a candidate reached on validation data.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Score {
    /// Mean accuracy on the own subtype.
    pub learnability: f64,
    /// Mean accuracy on the own subtype minus that on the others.
    pub independence: f64,
}

impl Score {
    /// What is maximised: both matter alike.
    pub fn merit(&self) -> f64 {
        (self.learnability + self.independence) / 2.0
    }
}

/// Fewer epochs at a higher learning rate: enough to rank subtypings, not to repair anything.
pub fn brief(settings: &FinetuneSettings) -> FinetuneSettings {
    const FASTER: usize = 4;
    let epochs = settings.epochs.div_ceil(FASTER).max(MIN_EPOCHS.min(settings.epochs));
    let speed = settings.epochs as f64 / epochs.max(1) as f64;
    FinetuneSettings { learning_rate: settings.learning_rate * speed, epochs, patience: epochs, ..*settings }
}

/// Fewest epochs of a brief fine-tuning.
const MIN_EPOCHS: usize = 3;

/// Fine-tunes on every subtype and judges on the validation failures; `None` where a subtype has no case to learn from or
/// to be judged by, since nothing could be said about it.
///
/// # Errors
/// Execution errors, interruption.
pub fn score(judge: &dyn Judge, candidate: &Candidate<'_>, monitor: &dyn Monitor) -> Result<Option<Score>> {
    let layout = candidate.layout;
    let subtypes: Vec<Target> = (0..layout.subtypes).map(Target::Subtype).collect();
    if subtypes.iter().any(|&target| lacks_cases(layout, target)) {
        return Ok(None);
    }
    let failures = layout.target(Target::All, Part::Validation);
    let right = |target: &Target| {
        let tuned = tune(judge, layout, *target, candidate.settings, candidate.seed, monitor)?;
        let mut correct = vec![false; judge.count()];
        for (&case, right) in failures.iter().zip(judge.correct(&tuned.parameters, &failures)?) {
            correct[case] = right;
        }
        Ok(correct)
    };
    let rows: Vec<Vec<bool>> = subtypes.par_iter().map(right).collect::<Result<_>>()?;
    score_correct(layout, &rows.iter().map(Vec::as_slice).collect::<Vec<_>>())
}

/// What a fine-tuned matrix reached on the validation failures; `None` where a subtype has no case on some side.
///
/// # Errors
/// Rows that do not fit the layout.
pub fn score_rows(layout: &Layout, rows: &[Row]) -> Result<Option<Score>> {
    if (0..layout.subtypes).any(|s| lacks_cases(layout, Target::Subtype(s))) {
        return Ok(None);
    }
    score_correct(layout, &rows.iter().map(|r| r.correct.as_slice()).collect::<Vec<_>>())
}

fn lacks_cases(layout: &Layout, target: Target) -> bool {
    Part::ALL.iter().any(|&part| layout.target(target, part).is_empty())
}

fn score_correct(layout: &Layout, correct: &[&[bool]]) -> Result<Option<Score>> {
    let table = accuracies(layout, correct, Part::Validation, None);
    let square = table.values.slice(s![.., ..layout.subtypes]);
    let mean = |values: Vec<Option<f64>>| Summary::of(&values).map(|s| s.mean);
    let (own, others) = (mean(learnability(square)?), mean(independence(square)?));
    Ok(own.zip(others).map(|(learnability, independence)| Score { learnability, independence }))
}
