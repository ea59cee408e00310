//! Failures that look like wrong labels rather than wrong predictions.
//!
//! A mislabelled case lies among cases of the class that the model predicted, and these are right. A failure of the model
//! lies, at least in part, among cases that share its label: other failures of its kind. So the share of neighbours
//! whose label agrees with the case's own separates the two (edited nearest neighbours, Wilson 1972; confident
//! learning, Northcutt et al., arXiv 1911.00068, asks the same question of predicted probabilities).

use modelmend_learn::neighbors::nearest_in;
use ndarray::{ArrayView2, Axis};
use serde::{Deserialize, Serialize};

use crate::error::Result;

/// Neighbours asked.
pub const NEIGHBORS: usize = 10;
/// A failure is suspect if at most this many of its neighbours share its label: wrong labels are few but not alone.
const MAX_AGREEING: usize = 2;
/// A subtype is suspect if at least this share of its failures are.
const SUSPECT_SHARE: f64 = 0.5;

/// Suspicions about the labels of failures.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Suspects {
    /// Whether each failure is suspect.
    pub failures: Vec<bool>,
    /// Share of suspect failures in each subtype.
    pub shares: Vec<f64>,
}

impl Suspects {
    /// Subtypes, counted from 0, most of whose failures look mislabelled.
    pub fn subtypes(&self) -> Vec<usize> {
        (0..self.shares.len()).filter(|&s| self.shares[s] >= SUSPECT_SHARE).collect()
    }
}

/// Looks at the neighbours of every failure among all cases. `features` has a row per case, `targets` its class,
/// `failures` the indices of the failures and `labels` their subtypes.
///
/// # Errors
/// Features that are not finite.
pub fn suspects(
    features: ArrayView2<'_, f32>,
    targets: &[usize],
    failures: &[usize],
    labels: &[Option<usize>],
    subtypes: usize,
) -> Result<Suspects> {
    let queries = features.select(Axis(0), failures);
    // Each case is its own nearest neighbour, so one more is asked for.
    let neighbors = nearest_in(queries.view(), features, NEIGHBORS + 1)?;
    let suspect = |(row, &case): (usize, &usize)| {
        let others = neighbors.indices.row(row).into_iter().filter(|&&n| n != case).take(NEIGHBORS);
        others.filter(|&&n| targets[n] == targets[case]).count() <= MAX_AGREEING
    };
    let suspicious: Vec<bool> = failures.iter().enumerate().map(suspect).collect();
    let share = |subtype: usize| {
        let own: Vec<bool> =
            labels.iter().zip(&suspicious).filter(|(l, _)| **l == Some(subtype)).map(|(_, s)| *s).collect();
        own.iter().filter(|s| **s).count() as f64 / own.len().max(1) as f64
    };
    let shares = (0..subtypes).map(share).collect();
    Ok(Suspects { failures: suspicious, shares })
}
