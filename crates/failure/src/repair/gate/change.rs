//! The change of accuracy on some of the cases, with its interval.

use std::collections::BTreeSet;

use modelmend_learn::stats::{
    BootstrapParams, Method, PairedChange, Units, bootstrap, design_effect, expanded_level, normal_quantile,
};

use super::{Evidence, GateSettings};
use crate::error::Result;

/// More cases than this are no advice.
const MOST_NEEDED: f64 = 1e9;
/// Chance that the cases asked for are enough.
const POWER: f64 = 0.8;

/// What a repair did to some of the cases.
pub(super) struct Change {
    /// After minus before of each of the cases: 1, 0 or -1.
    differences: Vec<f64>,
    /// Group of each of the cases.
    groups: Option<Vec<usize>>,
    /// Cases that were right before.
    right_before: usize,
}

impl Change {
    /// On the cases for which `wanted` holds.
    pub(super) fn on(evidence: &Evidence<'_>, wanted: impl Fn(usize) -> bool) -> Self {
        let pairs = evidence.before.iter().zip(evidence.after).enumerate();
        let chosen: Vec<(bool, bool)> =
            pairs.filter(|(case, _)| wanted(*case)).map(|(_, (b, a))| (b.correct, a.correct)).collect();
        let one = |right: bool| f64::from(u8::from(right));
        let group = |groups: &[usize]| {
            groups.iter().enumerate().filter(|(case, _)| wanted(*case)).map(|(_, &group)| group).collect()
        };
        Self {
            differences: chosen.iter().map(|&(before, after)| one(after) - one(before)).collect(),
            groups: evidence.groups.map(group),
            right_before: chosen.iter().filter(|(before, _)| *before).count(),
        }
    }

    /// Number of cases.
    pub(super) fn cases(&self) -> usize {
        self.differences.len()
    }

    /// Cases that are right only after, and only before.
    pub(super) fn counts(&self) -> (usize, usize) {
        let count = |sign: f64| self.differences.iter().filter(|&&d| d * sign > 0.0).count();
        (count(1.0), count(-1.0))
    }

    /// Share of the cases that were right before; `None` without cases.
    pub(super) fn before(&self) -> Option<f64> {
        (self.cases() > 0).then(|| self.right_before as f64 / self.cases() as f64)
    }

    /// The paired counts; `None` without cases.
    pub(super) fn paired(&self) -> Result<Option<PairedChange>> {
        if self.cases() == 0 {
            return Ok(None);
        }
        let (gained, lost) = self.counts();
        Ok(Some(PairedChange::new(gained, lost, self.cases())?))
    }

    /// By how much groups widen what the cases say; 1 without groups.
    pub(super) fn design_effect(&self) -> Result<f64> {
        Ok(match &self.groups {
            Some(groups) => design_effect(&self.differences, groups)?,
            None => 1.0,
        })
    }

    /// Sum of the differences of each group, ascending by group; `None` without groups.
    pub(super) fn group_sums(&self) -> Option<Vec<f64>> {
        let mut sums = std::collections::BTreeMap::<usize, f64>::new();
        for (difference, &group) in self.differences.iter().zip(self.groups.as_ref()?) {
            *sums.entry(group).or_default() += difference;
        }
        Some(sums.into_values().collect())
    }

    /// The hull of the bootstrap and the adjusted Wald interval; `None` for less than two cases or groups.
    pub(super) fn interval(&self, level: f64, settings: &GateSettings) -> Result<Option<(f64, f64)>> {
        let Some(paired) = self.paired()? else { return Ok(None) };
        let mean = |drawn: &[usize]| {
            let sum: f64 = drawn.iter().filter_map(|&i| self.differences.get(i)).sum();
            (!drawn.is_empty()).then(|| sum / drawn.len() as f64)
        };
        let units = self.groups.as_deref().map_or(Units::Cases(self.cases()), Units::Groups);
        let Some(drawn) = resampled(units, mean, level, settings)? else { return Ok(None) };
        let wald = paired.interval(level, 1.0)?;
        Ok(Some((drawn.0.min(wald.0), drawn.1.max(wald.1))))
    }
}

/// Percentile bootstrap, expanded for few units; `None` for less than two units.
pub(super) fn resampled(
    units: Units<'_>,
    statistic: impl Fn(&[usize]) -> Option<f64> + Sync,
    level: f64,
    settings: &GateSettings,
) -> Result<Option<(f64, f64)>> {
    let count = match units {
        Units::Cases(count) => count,
        Units::Groups(groups) => groups.iter().collect::<BTreeSet<_>>().len(),
    };
    if count < 2 {
        return Ok(None);
    }
    let parameters = BootstrapParams {
        resamples: settings.replicates,
        level: expanded_level(level, count)?,
        method: Method::Percentile,
        seed: settings.seed,
    };
    Ok(bootstrap(units, statistic, &parameters)?.map(|interval| (interval.low, interval.high)))
}

/// Further cases after which a criterion would hold with a chance of [`POWER`], if what was seen is the truth. `short` is how far
/// the evidence falls short, half-width over distance to the bound or required over observed normal quantile, and
/// `level` the coverage behind the half-width. `None` where the estimate is on the wrong side or the number would be absurd.
pub(super) fn further_cases(cases: usize, short: f64, level: f64) -> Option<usize> {
    let reserve = 1.0 + normal_quantile(POWER) / normal_quantile((1.0 + level) / 2.0);
    let wanted = (cases as f64 * (short * reserve).powi(2)).ceil();
    let possible = short > 0.0 && wanted <= MOST_NEEDED;
    possible.then(|| (wanted as usize).saturating_sub(cases).max(1))
}
