//! Failures that look like wrong labels rather than wrong predictions.
//!
//! Two questions, each of which a real kind of failure answers with yes:
//!
//! 1. Do the cases beside it share its label? A mislabelled case lies among cases of the class that the model predicted,
//!    and these are right ([`contradicted`]; edited nearest neighbours, Wilson 1972). In real data this alone accuses
//!    every rare class, whose failures lie among the frequent one.
//! 2. Can the network learn to tell it from the cases beside it? A network fine-tuned on a subtype is asked about cases
//!    of the subtype that it did not see, and about the correct cases beside them that the unmodified network gives the
//!    same answer. If the labels are wrong, both are the same kind of case, and the fine-tuned network turns its answer on
//!    the ones as often as on the others ([`Separation`]). It is the network of the last epoch: the one that respects the
//!    compatibility constraint may have changed too little to show anything, and no validation case chose the last. Of several
//!    networks the one that tells them apart best counts.
//!
//! A subtype is called mislabelled only if both are answered with no: the second if the difference, beyond chance, is no more
//! than a tenth.

use std::collections::BTreeSet;

use modelmend_learn::neighbors::nearest_in;
use modelmend_learn::stats::{BootstrapParams, Method, Units, bootstrap};
use ndarray::{ArrayView1, ArrayView2, Axis};
use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::matrix::{Layout, Target};
use crate::resample::Resampling;

/// Neighbours asked.
const NEIGHBORS: usize = 10;
/// A subtype's labels are contradicted if those of at least this share of its failures are.
const CONTRADICTED_SHARE: f64 = 0.5;
/// A network tells failures from their neighbours if it turns its answer on so much more of them, beyond chance. Above 0:
/// the faintest difference is beyond chance where there are cases enough.
const TOLD_APART: f64 = 0.1;
/// Fewer failures than this do not show that a network cannot tell them apart.
const FEWEST: usize = 5;

/// Whether most of the ten nearest cases of each failure have another label than it. `features` has a row per
/// case, `targets` its class; `failures` are indices.
///
/// # Errors
/// Features that are not finite.
pub fn contradicted(
    features: ArrayView2<'_, f32>,
    targets: &[usize],
    failures: &[usize],
) -> Result<Vec<bool>> {
    let queries = features.select(Axis(0), failures);
    // Each case is its own nearest neighbour, so one more is asked for.
    let neighbors = nearest_in(queries.view(), features, (NEIGHBORS + 1).min(features.nrows()))?;
    let judge = |(row, &case): (usize, &usize)| {
        let others = neighbors.indices.row(row).into_iter().filter(|&&n| n != case).take(NEIGHBORS);
        2 * others.filter(|&&n| targets[n] == targets[case]).count() < NEIGHBORS
    };
    Ok(failures.iter().enumerate().map(judge).collect())
}

/// How well a network fine-tuned on a subtype tells its unseen failures from the correct cases beside them.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Separation {
    /// Share of the failures it repairs minus share of their correct neighbours it breaks, in -1..=1.
    pub value: f64,
    /// Bootstrap interval over failures, by whole groups.
    pub interval: (f64, f64),
    /// Failures behind it.
    pub failures: usize,
}

impl Separation {
    /// Whether the network tells the failures from their neighbours, beyond chance.
    fn told_apart(&self) -> bool {
        self.interval.0 > TOLD_APART
    }
}

/// Cases as the second question sees them, a row or entry per case.
#[derive(Clone, Copy, Debug)]
pub struct Cases<'a> {
    /// Features in which neighbours are looked for.
    pub features: ArrayView2<'a, f32>,
    /// The class of the label.
    pub targets: &'a [usize],
    /// The class that the unmodified network predicts.
    pub predicted: &'a [usize],
    /// Number of the group, where there are groups.
    pub groups: Option<&'a [usize]>,
}

/// The separation of subtype `index`; `correct` says on which cases the network of the last epoch is right. `None` where fewer than
/// five failures were held out, or no correct case of the predicted class was.
///
/// Held out are test and validation cases: neither was learned from, and no epoch was chosen.
///
/// # Errors
/// Features that are not finite, a resampling without replicates.
pub fn separation(
    cases: &Cases<'_>,
    (layout, index, correct): (&Layout, usize, &[bool]),
    resampling: &Resampling,
) -> Result<Option<Separation>> {
    let witnesses = layout.witnesses(Target::Subtype(index));
    let (failures, pool): (Vec<usize>, Vec<usize>) =
        witnesses.into_iter().partition(|&case| layout.failure[case]);
    // Class by class, so that what the neighbours are looked for in is gathered once and not for each failure.
    let mut gains = Vec::new();
    for class in failures.iter().map(|&failure| cases.predicted[failure]).collect::<BTreeSet<_>>() {
        let same: Vec<usize> = pool.iter().copied().filter(|&c| cases.targets[c] == class).collect();
        let own: Vec<usize> = failures.iter().copied().filter(|&f| cases.predicted[f] == class).collect();
        let broken = broken_beside(cases.features, &own, &same, correct)?;
        gains
            .extend(own.iter().zip(broken).map(|(&f, broken)| (f, f64::from(u8::from(correct[f])) - broken)));
    }
    gains.sort_unstable_by_key(|&(failure, _)| failure);
    if gains.len() < FEWEST {
        return Ok(None);
    }
    let groups: Option<Vec<usize>> = cases.groups.map(|g| gains.iter().map(|&(c, _)| g[c]).collect());
    let units = groups.as_deref().map_or(Units::Cases(gains.len()), Units::Groups);
    let mean = |drawn: &[usize]| {
        (!drawn.is_empty()).then(|| drawn.iter().map(|&i| gains[i].1).sum::<f64>() / drawn.len() as f64)
    };
    let parameters = BootstrapParams {
        resamples: resampling.replicates,
        level: resampling.confidence,
        method: Method::Percentile,
        seed: resampling.seed,
    };
    let interval = bootstrap(units, mean, &parameters)?;
    Ok(interval.map(|i| Separation { value: i.estimate, interval: (i.low, i.high), failures: gains.len() }))
}

/// Of each of the failures, the share of the `pool` cases nearest to it that are not right; nothing without a pool.
fn broken_beside(
    features: ArrayView2<'_, f32>,
    failures: &[usize],
    pool: &[usize],
    correct: &[bool],
) -> Result<Vec<f64>> {
    let count = NEIGHBORS.min(pool.len());
    if count == 0 {
        return Ok(Vec::new());
    }
    let reference = features.select(Axis(0), pool);
    let nearest = nearest_in(features.select(Axis(0), failures).view(), reference.view(), count)?;
    let broken = |row: ArrayView1<'_, usize>| row.iter().filter(|&&n| !correct[pool[n]]).count();
    Ok(nearest.indices.rows().into_iter().map(|row| broken(row) as f64 / count as f64).collect())
}

/// Answers to both questions about one subtype.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Suspicion {
    /// Share of its failures whose neighbours contradict the label.
    pub contradicted: f64,
    /// Whether a fine-tuned network can tell them from their neighbours; `None` where nobody asked or too few were there.
    pub separation: Option<Separation>,
}

impl Suspicion {
    /// Whether the neighbours speak against the labels.
    pub fn doubtful(&self) -> bool {
        self.contradicted >= CONTRADICTED_SHARE
    }

    /// Whether both answers speak against the labels.
    pub fn mislabelled(&self) -> bool {
        self.doubtful() && self.separation.is_some_and(|s| !s.told_apart())
    }
}

/// Share of each subtype's failures that are contradicted.
pub fn shares(contradicted: &[bool], labels: &[Option<usize>], subtypes: usize) -> Vec<f64> {
    let share = |subtype: usize| {
        let own = || labels.iter().zip(contradicted).filter(|(l, _)| **l == Some(subtype));
        own().filter(|(_, c)| **c).count() as f64 / own().count().max(1) as f64
    };
    (0..subtypes).map(share).collect()
}
