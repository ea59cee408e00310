//! Conformal calibration on top of any method.

use std::collections::BTreeMap;

use modelmend_data::split::Part;
use modelmend_learn::conformal::{
    HalfWidths, Scaling, crc_risk_limit, markov_widened, rcps_risk_limit, smallest_lambda,
};
use modelmend_learn::uncertainty::Placement;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::error::{Result, UncertaintyError};
use crate::method::{Maps, Method};
use crate::source::Source;

/// Added to u, as a share of the mean u of the calibration items: pixels of no uncertainty would need an infinite factor.
const FLOOR: f64 = 0.01;

/// What a calibration is asked for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Wish {
    /// Share of the pixels that is to be covered, inside 0..1.
    pub level: f64,
    /// Chance with which it may fail, inside 0..1; without one it holds in expectation over calibration items.
    pub delta: Option<f64>,
}

/// What a calibration promises of new units that come from where those of the validation side came from. A unit is an item, or where items come in groups
/// (slices of a patient) a whole group: its risk is the share of its pixels that are not covered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Promise {
    /// In expectation at least the level is covered (conformal risk control, arXiv 2208.02814).
    Mean,
    /// Except for the chance `delta` at least the level is covered (risk-controlling prediction sets, arXiv 2202.05265).
    Confident,
    /// Nothing: the validation items are too few for the level, which was met on these items and no others.
    Nothing,
}

impl Promise {
    /// The word for it in files.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Mean => "mean",
            Self::Confident => "confident",
            Self::Nothing => "nothing",
        }
    }

    /// The promise of a file; a word that nobody knows promises nothing.
    pub fn named(word: &str) -> Self {
        [Self::Mean, Self::Confident]
            .into_iter()
            .find(|known| known.as_str() == word)
            .unwrap_or(Self::Nothing)
    }
}

/// How a method is scaled to a coverage.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Calibration {
    /// Factor on u (on each side of an interval).
    lambda: f32,
    scaling: Scaling,
    promise: Promise,
    /// Items or groups that it was fitted on.
    units: usize,
}

/// Intervals against the truth of an item.
#[derive(Clone, Debug, PartialEq)]
pub struct Covered {
    /// Where the targets lie in them.
    pub placement: Placement,
    /// Mean width.
    pub width: f64,
}

impl Covered {
    fn of(target: &[f32], lo: &[f32], hi: &[f32]) -> Self {
        let width: f64 = lo.iter().zip(hi).map(|(lo, hi)| f64::from(hi - lo)).sum();
        Self { placement: Placement::of(target, lo, hi), width: width / target.len().max(1) as f64 }
    }
}

/// The interval network's own bounds, widened by `t` times the price of width (Oala et al., theorem 1; [`markov_widened`]), against the truth. `None` for a
/// method without bounds.
///
/// # Errors
/// A beta or t that is none.
pub fn widened(maps: &Maps, target: &[f32], (beta, t): (f64, f64)) -> Result<Option<Covered>> {
    let Some((lo, hi)) = &maps.bounds else { return Ok(None) };
    let widened = markov_widened(lo.data(), hi.data(), beta, t)?;
    Ok(Some(Covered::of(target, &widened.lo, &widened.hi)))
}

impl Calibration {
    /// Scales a method on the validation side, with the group of each of its items where there are groups. `None` without validation items.
    ///
    /// # Errors
    /// Execution errors, a level or chance outside (0, 1), groups of another number than the items.
    pub fn fit(
        method: &dyn Method,
        (source, groups): (&dyn Source, Option<&[usize]>),
        wish: Wish,
    ) -> Result<Option<Self>> {
        let count = source.count(Part::Validation);
        if count == 0 {
            return Ok(None);
        }
        if groups.is_some_and(|groups| groups.len() != count) {
            return Err(UncertaintyError::Invalid(format!("{count} validation items need a group each")));
        }
        let unit = |item: usize| groups.and_then(|groups| groups.get(item)).copied().unwrap_or(item);
        let ask = |index| {
            let item = source.item(Part::Validation, index)?;
            Ok((method.maps(&item.input)?, item.target))
        };
        let items = (0..count).into_par_iter().map(ask).collect::<Result<Vec<_>>>()?;
        let pixels: usize = items.iter().map(|(maps, _)| maps.u.len()).sum();
        let total: f64 = items.iter().flat_map(|(maps, _)| maps.u.data()).map(|&u| f64::from(u)).sum();
        let floor = (FLOOR * total / pixels.max(1) as f64).max(f64::from(f32::MIN_POSITIVE));
        let scaling = Scaling::new(floor)?;
        let mut scores: BTreeMap<usize, Vec<f32>> = BTreeMap::new();
        for (item, (maps, target)) in items.iter().enumerate() {
            let (below, above) = sides(maps);
            let widths = HalfWidths::Sides { below: &below, above: &above };
            let of_item = scaling.scores(maps.output.data(), target.data(), widths)?;
            scores.entry(unit(item)).or_default().extend(of_item);
        }
        let units = scores.len();
        let (limit, promise) = limit(units, wish)?;
        let scores: Vec<&[f32]> = scores.values().map(Vec::as_slice).collect();
        Ok(smallest_lambda(&scores, limit)?.map(|lambda| Self { lambda, scaling, promise, units }))
    }

    /// A calibration that was fitted before: its factor and what is added to u.
    ///
    /// # Errors
    /// A factor that is negative, a floor that is not positive, or one of them not finite.
    pub fn known((lambda, floor): (f32, f64), (promise, units): (Promise, usize)) -> Result<Self> {
        if !(lambda >= 0.0 && lambda.is_finite()) {
            return Err(UncertaintyError::Invalid(format!("a factor of {lambda} scales no interval")));
        }
        Ok(Self { lambda, scaling: Scaling::new(floor)?, promise, units })
    }

    /// Factor on the half-widths, and what is added to them before.
    pub fn scale(&self) -> (f32, f64) {
        (self.lambda, self.scaling.floor())
    }

    /// Items or groups that it was fitted on.
    pub fn units(&self) -> usize {
        self.units
    }

    /// What it promises.
    pub fn promise(&self) -> Promise {
        self.promise
    }

    /// The scaled intervals of an item or batch: lower and upper ends, in the order of the pixels.
    ///
    /// # Errors
    /// Maps that are not finite.
    pub fn intervals(&self, maps: &Maps) -> Result<(Vec<f32>, Vec<f32>)> {
        let (below, above) = sides(maps);
        let widths = HalfWidths::Sides { below: &below, above: &above };
        Ok(self.scaling.interval(maps.output.data(), widths, self.lambda)?)
    }

    /// The scaled intervals of an item against its truth.
    pub(crate) fn measure(&self, maps: &Maps, target: &[f32]) -> Result<Covered> {
        let (lo, hi) = self.intervals(maps)?;
        Ok(Covered::of(target, &lo, &hi))
    }
}

/// The mean risk that so many validation units may have, and what that promises.
fn limit(count: usize, wish: Wish) -> Result<(f64, Promise)> {
    let alpha = 1.0 - wish.level;
    let (limit, promise) = match wish.delta {
        None => (crc_risk_limit(count, alpha)?, Promise::Mean),
        Some(delta) => (rcps_risk_limit(count, alpha, delta)?, Promise::Confident),
    };
    Ok(limit.map_or((alpha, Promise::Nothing), |limit| (limit, promise)))
}

/// How far the intervals of a method reach below and above its output.
fn sides(maps: &Maps) -> (Vec<f32>, Vec<f32>) {
    match &maps.bounds {
        None => (maps.u.data().to_vec(), maps.u.data().to_vec()),
        Some((lo, hi)) => {
            let y = maps.output.data();
            let below = y.iter().zip(lo.data()).map(|(y, lo)| (y - lo).max(0.0)).collect();
            (below, y.iter().zip(hi.data()).map(|(y, hi)| (hi - y).max(0.0)).collect())
        }
    }
}
