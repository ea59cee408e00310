//! Is a subtyping better than chance? A hierarchical bootstrap of the fine-tuning matrices.
//!
//! A subtyping's learnability L and independence I are compared with those of random subtypings *of the same sizes*,
//! fine-tuned with the same settings on the same split. One fine-tuning costs seconds, so the null distribution cannot be
//! a thousand random subtypings. Instead each of the few fine-tuned matrices is taken for what it is, a sample at three
//! nested levels: random subtypings, subtypes (rows) within a subtyping, and test cases within rows. Each replicate
//! draws subtypings and rows with replacement and test cases by whole groups, the *same* draw of cases for the
//! observed and the random matrices, which pairs them. The one-sided p-value is the share of replicates in which the
//! observed subtyping is not ahead, (b + 1) / (B + 1).
//!
//! Validity: drawing rows with replacement reproduces the spread between subtypes, drawing groups that between
//! patients, so that the replicates spread as the difference would over new test data and new subtypes (Davison and
//! Hinkley, *Bootstrap Methods*, 1997, 3.8; Saravanan et al. 2020). What it does not cover is the choice of the
//! fine-tuning cases, which all matrices share.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::resample::{Judged, Measures, Resampling, Sample, mean, measures, percentiles};

/// The comparison of one measure.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// Measure of the subtyping minus the mean of the random ones.
    pub difference: f64,
    /// Confidence interval of the difference.
    pub interval: (f64, f64),
    /// One-sided p-value of "not better than random".
    pub p: f64,
}

/// Comparisons of learnability and independence; `None` where a measure is not defined.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Significance {
    /// Accuracy on the own subtype.
    pub learnability: Option<Comparison>,
    /// Accuracy on the own subtype minus the mean of the others.
    pub independence: Option<Comparison>,
}

/// Compares a subtyping with random ones of the same sizes. `groups` numbers the group of each case.
///
/// # Errors
/// Matrices that do not fit their layouts.
pub fn compare(
    observed: Judged<'_>,
    random: &[Judged<'_>],
    groups: Option<&[usize]>,
    resampling: &Resampling,
) -> Result<Significance> {
    let sample = Sample::new(observed.layout, groups);
    let point = |j: &Judged<'_>| measures(j, None);
    let estimate = difference(
        mean_rows(&point(&observed)?),
        average(random.iter().map(|r| point(r).map(|m| mean_rows(&m))))?,
    );
    let replicates: Vec<[Option<f64>; 2]> = (0..resampling.replicates)
        .into_par_iter()
        .map(|replicate| {
            let (weights, mut rng) = sample.draw(resampling.seed, replicate);
            let own = resample_rows(&measures(&observed, Some(&weights))?, &mut rng);
            let chosen: Vec<&Judged<'_>> =
                (0..random.len()).map(|_| &random[rng.random_range(0..random.len())]).collect();
            let null = average(
                chosen.into_iter().map(|r| measures(r, Some(&weights)).map(|m| resample_rows(&m, &mut rng))),
            )?;
            Ok(difference(own, null))
        })
        .collect::<Result<_>>()?;
    let comparison = |measure: usize| {
        let values: Vec<f64> = replicates.iter().filter_map(|r| r[measure]).collect();
        estimate[measure].and_then(|d| summarize(d, values, resampling.confidence))
    };
    Ok(Significance { learnability: comparison(0), independence: comparison(1) })
}

fn mean_rows(measures: &Measures) -> [Option<f64>; 2] {
    [0, 1].map(|m| mean(&measures[m]))
}

/// The means over rows drawn with replacement among those that there are.
fn resample_rows(measures: &Measures, rng: &mut ChaCha8Rng) -> [Option<f64>; 2] {
    let there: Vec<usize> = (0..measures[0].len()).filter(|&r| measures[0][r].is_some()).collect();
    if there.is_empty() {
        return [None, None];
    }
    let drawn: Vec<usize> = there.iter().map(|_| there[rng.random_range(0..there.len())]).collect();
    [0, 1].map(|m| mean(&drawn.iter().map(|&r| measures[m][r]).collect::<Vec<_>>()))
}

fn average(parts: impl Iterator<Item = Result<[Option<f64>; 2]>>) -> Result<[Option<f64>; 2]> {
    let parts: Vec<[Option<f64>; 2]> = parts.collect::<Result<_>>()?;
    Ok([0, 1].map(|m| mean(&parts.iter().map(|p| p[m]).collect::<Vec<_>>())))
}

fn difference(a: [Option<f64>; 2], b: [Option<f64>; 2]) -> [Option<f64>; 2] {
    [0, 1].map(|m| Some(a[m]? - b[m]?))
}

fn summarize(difference: f64, values: Vec<f64>, confidence: f64) -> Option<Comparison> {
    let behind = values.iter().filter(|v| **v <= 0.0).count();
    let p = (behind + 1) as f64 / (values.len() + 1) as f64;
    Some(Comparison { difference, interval: percentiles(values, confidence)?, p })
}
