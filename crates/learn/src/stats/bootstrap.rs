//! Bootstrap intervals over cases or over groups of cases.

use super::{check_level, normal_cdf, normal_quantile};
use crate::error::{LearnError, check_count};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use std::collections::BTreeMap;

/// What is drawn with replacement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Units<'a> {
    /// Each of that many cases on its own.
    Cases(usize),
    /// Whole groups (patient, slide): the group of each case. Cases of one group are not independent, and an
    /// interval that draws them one by one is too short.
    Groups(&'a [usize]),
}

/// How the interval is read from the resampled statistics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Method {
    /// Quantiles of the resampled statistics.
    #[default]
    Percentile,
    /// Bias-corrected and accelerated (Efron 1987), acceleration by leaving out one unit at a time.
    Bca,
}

/// Parameters of [`bootstrap`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BootstrapParams {
    /// Samples drawn, at least 1.
    pub resamples: usize,
    /// Coverage of the interval, between 0 and 1.
    pub level: f64,
    /// How the interval is read.
    pub method: Method,
    /// Fixes every draw.
    pub seed: u64,
}

impl Default for BootstrapParams {
    fn default() -> Self {
        Self { resamples: 2000, level: 0.95, method: Method::Percentile, seed: 0 }
    }
}

/// A statistic with its interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// The statistic of all cases.
    pub estimate: f64,
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// Resamples for which the statistic is defined; the others do not count.
    pub resamples: usize,
}

/// Bootstrap interval of `statistic`, which gets the numbers of the drawn cases (repeated as drawn) and
/// returns `None` where it is not defined. `None` comes back if it is not defined for all cases or for any
/// resample.
///
/// Each resample has a random stream of its own: the same bits on any number of threads.
///
/// # Errors
/// [`LearnError::TooFew`] without units or resamples, [`LearnError::Parameter`] for a level outside (0, 1).
pub fn bootstrap(
    units: Units<'_>,
    statistic: impl Fn(&[usize]) -> Option<f64> + Sync,
    params: &BootstrapParams,
) -> Result<Option<Interval>, LearnError> {
    check_level(params.level)?;
    check_count("resamples", 1, params.resamples)?;
    let units = members(units);
    check_count("units to draw from", 1, units.len())?;
    let all: Vec<usize> = units.concat();
    let Some(estimate) = statistic(&all).filter(|value| value.is_finite()) else { return Ok(None) };

    let drawn = |resample: usize| {
        let mut rng = ChaCha8Rng::seed_from_u64(params.seed);
        rng.set_stream(resample as u64);
        let pick = |_| units[rng.random_range(0..units.len())].as_slice();
        statistic(&(0..units.len()).flat_map(pick).copied().collect::<Vec<_>>()).filter(|v| v.is_finite())
    };
    let mut values: Vec<f64> = (0..params.resamples).into_par_iter().filter_map(drawn).collect();
    if values.is_empty() {
        return Ok(None);
    }
    values.sort_by(f64::total_cmp);
    let tail = (1.0 - params.level) / 2.0;
    let (low, high) = match params.method {
        Method::Percentile => (tail, 1.0 - tail),
        Method::Bca => bca_levels(&values, estimate, &leave_one_out(&units, &statistic), tail),
    };
    Ok(Some(Interval {
        estimate,
        low: quantile(&values, low),
        high: quantile(&values, high),
        resamples: values.len(),
    }))
}

/// The cases of each unit; groups in ascending order.
fn members(units: Units<'_>) -> Vec<Vec<usize>> {
    match units {
        Units::Cases(count) => (0..count).map(|case| vec![case]).collect(),
        Units::Groups(groups) => {
            let mut members = BTreeMap::<usize, Vec<usize>>::new();
            groups.iter().enumerate().for_each(|(case, &group)| members.entry(group).or_default().push(case));
            members.into_values().collect()
        }
    }
}

fn leave_one_out(units: &[Vec<usize>], statistic: &(impl Fn(&[usize]) -> Option<f64> + Sync)) -> Vec<f64> {
    let without = |left_out: usize| {
        let kept = units.iter().enumerate().filter(|&(unit, _)| unit != left_out);
        statistic(&kept.flat_map(|(_, cases)| cases).copied().collect::<Vec<_>>())
    };
    (0..units.len()).into_par_iter().filter_map(without).filter(|v| v.is_finite()).collect()
}

/// Efron 1987: the quantiles to read instead of `tail` and 1 - `tail`.
fn bca_levels(values: &[f64], estimate: f64, jackknife: &[f64], tail: f64) -> (f64, f64) {
    let below = values.partition_point(|&v| v < estimate) as f64;
    let not_above = values.partition_point(|&v| v <= estimate) as f64;
    // Half of the ties, and never 0 or all: the quantile stays finite.
    let n = values.len() as f64;
    let share = ((below + not_above) / 2.0).clamp(0.5, n - 0.5) / n;
    let bias = normal_quantile(share);
    let mean = jackknife.iter().sum::<f64>() / jackknife.len().max(1) as f64;
    let moment = |power| jackknife.iter().map(|v| (mean - v).powi(power)).sum::<f64>();
    let spread = moment(2).powf(1.5);
    let acceleration = if spread > 0.0 { moment(3) / (6.0 * spread) } else { 0.0 };
    let level = |z: f64| normal_cdf(bias + (bias + z) / (1.0 - acceleration * (bias + z)));
    (level(normal_quantile(tail)), level(normal_quantile(1.0 - tail)))
}

/// Quantile of ascending values with linear interpolation (numpy's default).
fn quantile(sorted: &[f64], level: f64) -> f64 {
    let place = level.clamp(0.0, 1.0) * (sorted.len() - 1) as f64;
    let (low, high) = (sorted[place.floor() as usize], sorted[place.ceil() as usize]);
    low + (high - low) * place.fract()
}
