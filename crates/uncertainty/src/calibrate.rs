//! Conformal calibration on top of any method.

use modelmend_data::split::Part;
use modelmend_learn::conformal::{HalfWidths, Scaling, crc_risk_limit, rcps_risk_limit, smallest_lambda};

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::error::Result;
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

/// What a calibration promises of new items that come from where the validation items came from.
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

/// How a method is scaled to a coverage.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Calibration {
    /// Factor on u (on each side of an interval).
    lambda: f32,
    scaling: Scaling,
    promise: Promise,
}

impl Calibration {
    /// Scales a method on the validation side. `None` without validation items.
    ///
    /// # Errors
    /// Execution errors, a level or chance outside (0, 1).
    pub fn fit(method: &dyn Method, source: &dyn Source, wish: Wish) -> Result<Option<Self>> {
        let count = source.count(Part::Validation);
        if count == 0 {
            return Ok(None);
        }
        let (limit, promise) = limit(count, wish)?;
        let ask = |index| {
            let item = source.item(Part::Validation, index)?;
            Ok((method.maps(&item.input)?, item.target))
        };
        let items = (0..count).into_par_iter().map(ask).collect::<Result<Vec<_>>>()?;
        let pixels: usize = items.iter().map(|(maps, _)| maps.u.len()).sum();
        let total: f64 = items.iter().flat_map(|(maps, _)| maps.u.data()).map(|&u| f64::from(u)).sum();
        let floor = (FLOOR * total / pixels.max(1) as f64).max(f64::from(f32::MIN_POSITIVE));
        let scaling = Scaling::new(floor)?;
        let mut scores = Vec::new();
        for (maps, target) in &items {
            let (below, above) = sides(maps);
            let widths = HalfWidths::Sides { below: &below, above: &above };
            scores.push(scaling.scores(maps.output.data(), target.data(), widths)?);
        }
        let scores: Vec<&[f32]> = scores.iter().map(Vec::as_slice).collect();
        Ok(smallest_lambda(&scores, limit)?.map(|lambda| Self { lambda, scaling, promise }))
    }

    /// What it promises.
    pub fn promise(&self) -> Promise {
        self.promise
    }

    /// Share of the pixels of an item that its scaled intervals cover, and their mean width.
    pub(crate) fn measure(&self, maps: &Maps, target: &[f32]) -> Result<(f64, f64)> {
        let (below, above) = sides(maps);
        let widths = HalfWidths::Sides { below: &below, above: &above };
        let (lo, hi) = self.scaling.interval(maps.output.data(), widths, self.lambda)?;
        let inside = lo.iter().zip(&hi).zip(target).filter(|((lo, hi), t)| *lo < *t && *t <= *hi).count();
        let width: f64 = lo.iter().zip(&hi).map(|(lo, hi)| f64::from(hi - lo)).sum();
        let pixels = target.len().max(1) as f64;
        Ok((inside as f64 / pixels, width / pixels))
    }
}

/// The mean risk that so many validation items may have, and what that promises.
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
