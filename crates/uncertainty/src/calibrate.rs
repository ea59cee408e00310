//! Conformal calibration on top of any method.

use modelmend_data::split::Part;
use modelmend_learn::conformal::{HalfWidths, Scaling, crc_risk_limit, smallest_lambda};

use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::method::{Maps, Method};
use crate::source::Source;

/// Added to u, as a share of the mean u of the calibration items: pixels of no uncertainty would need an infinite factor.
const FLOOR: f64 = 0.01;

/// A method whose intervals are scaled to a coverage.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Calibrated {
    /// Factor on u (on each side of an interval).
    pub lambda: f32,
    /// What is added to u before.
    pub floor: f64,
    /// Mean share of covered pixels over the test items.
    pub coverage: f64,
    /// Mean width over the test items.
    pub width: f64,
}

/// Scales a method on the validation side so that a new item has, in expectation, at least the share `level` of its pixels covered
/// (conformal risk control, arXiv 2208.02814), and measures that on the test side. `None` with too few validation items
/// for the level.
///
/// # Errors
/// Execution errors, a level outside (0, 1), no items.
pub fn calibrate(method: &dyn Method, source: &dyn Source, level: f64) -> Result<Option<Calibrated>> {
    let items = |part| -> Result<Vec<(Maps, Vec<f32>)>> {
        let ask = |index| {
            let item = source.item(part, index)?;
            Ok((method.maps(&item.input)?, item.target.data().to_vec()))
        };
        (0..source.count(part)).map(ask).collect()
    };
    let Some(limit) = crc_risk_limit(source.count(Part::Validation), 1.0 - level)? else { return Ok(None) };
    let validation = items(Part::Validation)?;
    let pixels: usize = validation.iter().map(|(maps, _)| maps.u.len()).sum();
    let total: f64 = validation.iter().flat_map(|(maps, _)| maps.u.data()).map(|&u| f64::from(u)).sum();
    let floor = (FLOOR * total / pixels.max(1) as f64).max(f64::from(f32::MIN_POSITIVE));
    let scaling = Scaling::new(floor)?;
    let mut scores = Vec::new();
    for (maps, target) in &validation {
        let (below, above) = sides(maps);
        let widths = HalfWidths::Sides { below: &below, above: &above };
        scores.push(scaling.scores(maps.output.data(), target, widths)?);
    }
    let scores: Vec<&[f32]> = scores.iter().map(Vec::as_slice).collect();
    let Some(lambda) = smallest_lambda(&scores, limit)? else { return Ok(None) };
    let (mut coverage, mut width, test) = (0.0, 0.0, items(Part::Test)?);
    for (maps, target) in &test {
        let (below, above) = sides(maps);
        let widths = HalfWidths::Sides { below: &below, above: &above };
        let (lo, hi) = scaling.interval(maps.output.data(), widths, lambda)?;
        let inside = lo.iter().zip(&hi).zip(target).filter(|((lo, hi), t)| *lo < *t && *t <= *hi).count();
        coverage += inside as f64 / target.len().max(1) as f64;
        let widths = lo.iter().zip(&hi).map(|(lo, hi)| f64::from(hi - lo));
        width += widths.sum::<f64>() / target.len().max(1) as f64;
    }
    let count = test.len().max(1) as f64;
    Ok(Some(Calibrated { lambda, floor, coverage: coverage / count, width: width / count }))
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
