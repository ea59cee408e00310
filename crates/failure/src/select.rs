//! Choosing a subtyping on validation data: which scaling and which number of subtypes describe kinds of failure that can
//! be repaired one by one.
//!
//! The silhouette says how well clusters are separated in the embedding, not whether they mean anything to the model. So
//! each candidate is put to the question itself, in short: a few epochs of fine-tuning on every subtype, judged on the
//! *validation* side alone. The test side takes no part.

use modelmend_data::split::Part;
use modelmend_learn::matrix::{Summary, independence, learnability};
use ndarray::s;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::finetune::FinetuneSettings;
use crate::matrix::{Layout, Row, Target, accuracies, row};
use crate::monitor::Monitor;
use crate::problem::Problem;

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

/// Fine-tunes on every subtype and judges on the validation side; `None` where a subtype has no case to learn from or to
/// be judged by, since nothing could be said about it.
///
/// # Errors
/// Execution errors, interruption.
pub fn score(problem: &Problem, candidate: &Candidate<'_>, monitor: &dyn Monitor) -> Result<Option<Score>> {
    let subtypes: Vec<Target> = (0..candidate.layout.subtypes).map(Target::Subtype).collect();
    let empty = |target: &Target| Part::ALL.iter().any(|&part| candidate.layout.target(*target, part).is_empty());
    if subtypes.iter().any(empty) {
        return Ok(None);
    }
    let tune = |target: &Target| Ok(row(problem, candidate.layout, *target, candidate.settings, candidate.seed, monitor)?.0);
    let rows: Vec<Row> = subtypes.par_iter().map(tune).collect::<Result<_>>()?;
    let correct: Vec<&[bool]> = rows.iter().map(|r| r.correct.as_slice()).collect();
    let table = accuracies(candidate.layout, &correct, Part::Validation, None);
    let square = table.values.slice(s![.., ..candidate.layout.subtypes]);
    let mean = |values: Vec<Option<f64>>| Summary::of(&values).map(|s| s.mean);
    let (own, others) = (mean(learnability(square)?), mean(independence(square)?));
    Ok(own.zip(others).map(|(learnability, independence)| Score { learnability, independence }))
}
