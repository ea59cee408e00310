//! Conformal calibration on top of any method.

use modelmend_data::split::Part;
use modelmend_learn::conformal::{HalfWidths, Scaling, crc_risk_limit, smallest_lambda};

use rayon::prelude::*;

use crate::error::Result;
use crate::method::{Maps, Method};
use crate::source::Source;

/// Added to u, as a share of the mean u of the calibration items: pixels of no uncertainty would need an infinite factor.
const FLOOR: f64 = 0.01;

/// How a method is scaled to a coverage.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Calibration {
    /// Factor on u (on each side of an interval).
    lambda: f32,
    scaling: Scaling,
}

impl Calibration {
    /// Scales a method on the validation side so that a new item has, in expectation, at least the share `level` of its pixels
    /// covered (conformal risk control, arXiv 2208.02814). `None` with too few validation items for the level.
    ///
    /// # Errors
    /// Execution errors, a level outside (0, 1), no items.
    pub fn fit(method: &dyn Method, source: &dyn Source, level: f64) -> Result<Option<Self>> {
        let count = source.count(Part::Validation);
        let Some(limit) = crc_risk_limit(count, 1.0 - level)? else { return Ok(None) };
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
        Ok(smallest_lambda(&scores, limit)?.map(|lambda| Self { lambda, scaling }))
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
