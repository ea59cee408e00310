//! Two models on the same cases: how much more often the second is right, and what few cases or groups do to that.

use super::{check_level, normal_cdf, normal_quantile};
use crate::error::{LearnError, check_count, check_lengths};
use statrs::distribution::{ContinuousCDF, StudentsT};
use std::collections::BTreeMap;

/// Counts of cases on which two models are right or wrong: the paired 2 x 2 table, of which the change of accuracy
/// sees only the cases on which the models differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PairedChange {
    gained: usize,
    lost: usize,
    total: usize,
}

impl PairedChange {
    /// Of `total` cases, `gained` are right with the second model only and `lost` with the first only.
    ///
    /// # Errors
    /// [`LearnError::TooFew`] without cases; [`LearnError::Parameter`] for more differing cases than cases.
    pub fn new(gained: usize, lost: usize, total: usize) -> Result<Self, LearnError> {
        check_count("cases", 1, total)?;
        if gained.checked_add(lost).is_none_or(|differ| differ > total) {
            return Err(LearnError::Parameter {
                name: "gained",
                value: gained as f64,
                rule: "with the lost ones no more than the cases",
            });
        }
        Ok(Self { gained, lost, total })
    }

    /// Accuracy of the second model minus that of the first, in -1 ..= 1.
    pub fn estimate(&self) -> f64 {
        (self.gained as f64 - self.lost as f64) / self.total as f64
    }

    /// Center and standard error after one case is added on each side (Bonett and Price 2012).
    fn adjusted(&self) -> (f64, f64) {
        let n = self.total as f64 + 2.0;
        let (gained, lost) = ((self.gained as f64 + 1.0) / n, (self.lost as f64 + 1.0) / n);
        let center = gained - lost;
        (center, ((gained + lost - center * center) / n).sqrt())
    }

    /// The adjusted Wald interval of Bonett and Price (2012) for the change, (low, high) within -1 ..= 1, wider by the
    /// root of `design_effect` (see [`design_effect`]; 1 for independent cases). Unlike a bootstrap it does not take
    /// few cases on which nothing happened for proof that nothing can happen.
    ///
    /// # Errors
    /// [`LearnError::Parameter`] for a level outside (0, 1).
    pub fn interval(&self, level: f64, design_effect: f64) -> Result<(f64, f64), LearnError> {
        check_level(level)?;
        let (center, error) = self.adjusted();
        let half = normal_quantile((1.0 + level) / 2.0) * error * design_effect.sqrt();
        Ok(((center - half).max(-1.0), (center + half).min(1.0)))
    }

    /// One-sided p-value of "the change is at least `bound`" against "it is below": the normal test that belongs to
    /// [`PairedChange::interval`].
    pub fn p_below(&self, bound: f64, design_effect: f64) -> f64 {
        let (center, error) = self.adjusted();
        normal_cdf((center - bound) / (error * design_effect.sqrt()))
    }
}

/// By how much the variance of a mean of `values` grows because cases of one group resemble each other (Kish 1965): the
/// cluster-robust variance of the mean over that of independent cases, at least 1. It is 1 where there is one group or
/// no variance, which say nothing about it.
///
/// # Errors
/// [`LearnError::Length`] if values and groups differ in length.
pub fn design_effect(values: &[f64], groups: &[usize]) -> Result<f64, LearnError> {
    check_lengths("values and groups", values.len(), groups.len())?;
    let mean = values.iter().sum::<f64>() / values.len().max(1) as f64;
    let mut sums = BTreeMap::<usize, f64>::new();
    values.iter().zip(groups).for_each(|(value, &group)| *sums.entry(group).or_default() += value - mean);
    let independent: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    if sums.len() < 2 || independent <= 0.0 {
        return Ok(1.0);
    }
    let count = sums.len() as f64;
    let clustered = sums.values().map(|sum| sum * sum).sum::<f64>() * count / (count - 1.0);
    Ok((clustered / independent).max(1.0))
}

/// The level to ask a percentile bootstrap of `units` units for, so that it covers `level`: quantiles of a bootstrap
/// of few units lie too far inside, as normal quantiles with divisor n do for a mean. This is the expanded percentile interval
/// of Hesterberg (2015); with two units it takes the smallest and largest replicate.
///
/// # Errors
/// [`LearnError::Parameter`] for a level outside (0, 1), [`LearnError::TooFew`] for less than two units.
pub fn expanded_level(level: f64, units: usize) -> Result<f64, LearnError> {
    check_level(level)?;
    check_count("units to draw from", 2, units)?;
    let freedom = (units - 1) as f64;
    let t = StudentsT::new(0.0, 1.0, freedom).map_err(|_| LearnError::Parameter {
        name: "units",
        value: units as f64,
        rule: "a valid count",
    })?;
    let quantile = t.inverse_cdf((1.0 + level) / 2.0);
    // Below any share that replicates can show, so that the level stays below 1.
    let tail = normal_cdf(-quantile * (units as f64 / freedom).sqrt()).max(1e-9);
    Ok(1.0 - 2.0 * tail)
}
