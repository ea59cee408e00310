//! Which cases the model fails on, and the split of all cases.

use anyhow::Result;
use modelmend_data::split::{Part, failure_split};
use modelmend_failure::problem::Prediction;
use modelmend_failure::{Judge, Problem};
use modelmend_study::Hash;
use modelmend_study::artifact::Artifact;
use modelmend_study::step::StepName;
use serde::{Deserialize, Serialize};

use super::context::{Context, Title};
use super::subject::Subject;

/// What the model makes of the cases.
pub(crate) struct Judged {
    /// Of each case.
    pub(crate) predictions: Vec<Prediction>,
    /// Whether the model fails on each case.
    pub(crate) failure: Vec<bool>,
    /// Indices of the failures.
    pub(crate) failures: Vec<usize>,
    /// Hash of all this.
    pub(crate) hash: Hash,
}

#[derive(Serialize, Deserialize)]
struct Outcome {
    class: Vec<usize>,
    confidence: Vec<f32>,
    loss: Vec<f32>,
}

/// Runs the model on every case.
pub(crate) fn predict(context: &Context<'_>, subject: &Subject, problem: &Problem) -> Result<Judged> {
    let title = Title { name: StepName::Predict, label: "", version: 1 };
    let step = context.step(title, &subject.selection, &subject.hashes, |scope| {
        let mut outcome = Outcome { class: vec![], confidence: vec![], loss: vec![] };
        let all: Vec<usize> = (0..problem.count()).collect();
        for (index, part) in all.chunks(1024).enumerate() {
            for p in problem.predict(problem.parameters(), part)? {
                outcome.class.push(p.class);
                outcome.confidence.push(p.confidence);
                outcome.loss.push(p.loss);
            }
            scope.progress((index + 1) * 1024, all.len())?;
        }
        Ok(Artifact::new(outcome))
    })?;
    let value = step.artifact.value;
    let rows = value.class.into_iter().zip(value.confidence).zip(value.loss).zip(&subject.targets);
    let predictions: Vec<Prediction> = rows
        .map(|(((class, confidence), loss), &target)| Prediction {
            class,
            confidence,
            loss,
            correct: class == target,
        })
        .collect();
    Ok(Judged::new(predictions, step.hash))
}

impl Judged {
    pub(crate) fn new(predictions: Vec<Prediction>, hash: Hash) -> Self {
        let failure: Vec<bool> = predictions.iter().map(|p| !p.correct).collect();
        let failures = (0..failure.len()).filter(|&c| failure[c]).collect();
        Self { predictions, failure, failures, hash }
    }
}

/// What is known of a failure besides its subtypes: the number of the property, and its value.
type Known = Vec<(usize, i64)>;

/// Divides all cases into train, validation and test, by whole groups. One split serves every subtyping, so that their
/// models are judged on the same cases: it balances the correct cases, fine labels and predictions of the failures,
/// and each of `divisions` (labels of the failures) at once.
pub(crate) fn split(
    subject: &Subject,
    judged: &Judged,
    divisions: &[Vec<Option<usize>>],
    shares: (&[f64; 3], u64),
) -> Result<Vec<Part>> {
    let known = |case: usize| -> Known {
        vec![(0, subject.cases.labels[case]), (1, judged.predictions[case].class as i64)]
    };
    balanced((&judged.failure, subject.cases.groups.as_deref()), known, divisions, shares)
}

/// Divides cases, of which some are `failure`s, by whole groups: it balances the correct ones, what is `known` of the failures (numbers 0 and 1), and
/// each of `divisions` (labels of the failures) at once.
pub(crate) fn balanced(
    (failure, groups): (&[bool], Option<&[String]>),
    known_of: impl Fn(usize) -> Known,
    divisions: &[Vec<Option<usize>>],
    (shares, seed): (&[f64; 3], u64),
) -> Result<Vec<Part>> {
    const CORRECT: usize = 0;
    let mut strata: Vec<Vec<usize>> = vec![vec![CORRECT]; failure.len()];
    let mut next = CORRECT + 1;
    let mut known = std::collections::BTreeMap::new();
    let mut number = |key: (usize, i64)| {
        *known.entry(key).or_insert_with(|| {
            next += 1;
            next - 1
        })
    };
    for (position, case) in (0..failure.len()).filter(|&case| failure[case]).enumerate() {
        let own =
            divisions.iter().enumerate().filter_map(|(i, labels)| Some((i + 2, labels[position]? as i64)));
        strata[case] = known_of(case).into_iter().chain(own).map(&mut number).collect();
    }
    Ok(failure_split(&strata, groups, shares, seed)?.parts)
}
