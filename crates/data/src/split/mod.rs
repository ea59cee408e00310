//! Splits that never put a group (patient, slide, smear) on two sides.
//!
//! One assignment serves every purpose: whole groups are dealt to parts so that each *stratum* (a fine label, a failure
//! subtype, "correct") comes as near as possible to its share of every part ([`assign`]).

mod assign;

pub use assign::{Assignment, StratumCounts, assign};

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use crate::cases::Cases;
use crate::error::{Error, Result};

/// Side of a failure split.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// Fine-tuning learns from it.
    Train,
    /// Chooses the epoch.
    Validation,
    /// Everything reported comes from it.
    Test,
}

impl Part {
    /// All parts in order.
    pub const ALL: [Part; 3] = [Part::Train, Part::Validation, Part::Test];

    /// `train`, `validation` or `test`.
    pub fn name(self) -> &'static str {
        match self {
            Part::Train => "train",
            Part::Validation => "validation",
            Part::Test => "test",
        }
    }
}

/// Shares of train, validation and test in Henn et al., MICCAI 2021 (arXiv 2109.12347).
pub const FAILURE_SHARES: [f64; 3] = [0.64, 0.16, 0.20];

/// A failure split and how near it came to the shares asked for.
#[derive(Clone, Debug, PartialEq)]
pub struct FailureSplit {
    /// The part of each case.
    pub parts: Vec<Part>,
    /// For every stratum how many cases went to train, validation and test.
    pub strata: Vec<StratumCounts>,
}

/// Divides failures and correct cases into train, validation and test, in these `shares` of each.
///
/// `strata` lists the strata of each case ("correct", its subtype in each of several subtypings, its fine label) as
/// numbers; `groups`, where given, has one name per case. Every
/// stratum gets at least one case in each part where its groups allow.
///
/// # Errors
/// As [`assign`].
pub fn failure_split(
    strata: &[Vec<usize>],
    groups: Option<&[String]>,
    shares: &[f64; 3],
    seed: u64,
) -> Result<FailureSplit> {
    let assignment = assign(strata, groups, shares, seed)?;
    let parts = assignment.parts.iter().map(|&part| Part::ALL[part]).collect();
    Ok(FailureSplit { parts, strata: assignment.strata })
}

/// Divides cases anew into two sides, `fraction` of them (and of every fine label) on the second: the paper puts 40 %
/// of all cases into test. Groups of `cases`, where there are, stay whole.
///
/// # Errors
/// [`Error::Request`] where `fraction` is not between 0 and 1, or one side would be empty.
pub fn resplit(cases: &Cases, fraction: f64, seed: u64) -> Result<(Vec<usize>, Vec<usize>)> {
    if !(fraction > 0.0 && fraction < 1.0) {
        return Err(Error::Request(format!(
            "the fraction of a split must lie between 0 and 1, not {fraction}"
        )));
    }
    let mut known = cases.labels.clone();
    known.sort_unstable();
    known.dedup();
    let strata: Vec<Vec<usize>> =
        cases.labels.iter().map(|label| vec![known.partition_point(|other| other < label)]).collect();
    let parts = assign(&strata, cases.groups.as_deref(), &[1.0 - fraction, fraction], seed)?.parts;
    let side = |side| (0..cases.count()).filter(|&case| parts[case] == side).collect::<Vec<_>>();
    let (first, second) = (side(0), side(1));
    if first.is_empty() || second.is_empty() {
        let groups = if cases.groups.is_some() { "groups" } else { "cases" };
        return Err(Error::Request(format!("too few {groups} for a split: one side would be empty")));
    }
    Ok((first, second))
}

/// Deals single units (photographs) to train, validation and test by count, at random; the numbers of each part ascend.
/// What is left over is in no part.
///
/// # Errors
/// [`Error::Request`] where a part would be empty or there are fewer units than asked for.
pub fn deal(units: usize, counts: [usize; 3], seed: u64) -> Result<[Vec<usize>; 3]> {
    let wanted = counts.iter().fold(0usize, |sum, &count| sum.saturating_add(count));
    if counts.contains(&0) || wanted > units {
        let [train, validation, test] = counts;
        return Err(Error::Request(format!(
            "{units} cannot be split into {train} to train, {validation} to validate and {test} to test"
        )));
    }
    let mut order: Vec<usize> = (0..units).collect();
    order.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
    let mut order = order.into_iter();
    Ok(counts.map(|count| {
        let mut part: Vec<usize> = order.by_ref().take(count).collect();
        part.sort_unstable();
        part
    }))
}
