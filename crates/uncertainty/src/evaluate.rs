//! How well a method marks the real errors.

use std::time::Instant;

use modelmend_data::split::Part;
use modelmend_learn::uncertainty::{ImageRecord, Maps as Slices};
use rayon::prelude::*;

use crate::calibrate::Calibration;
use crate::error::Result;
use crate::method::{Maps, Method};
use crate::source::Source;

/// The measures of a method on the items of a side (METHODS 2.4).
#[derive(Clone, Debug)]
pub struct Evaluation {
    /// A record for each item.
    pub records: Vec<ImageRecord>,
    /// Coverage and mean width of each item after calibration; empty without one.
    pub calibrated: Vec<(f64, f64)>,
    /// Measured time on all cores, divided by the items. Differs between machines and runs.
    pub seconds_per_item: f64,
}

/// Measures a method item by item, as it is and as `calibration` scales it.
///
/// # Errors
/// Execution errors, maps that are not finite.
pub fn evaluate(
    method: &dyn Method,
    source: &dyn Source,
    (part, calibration): (Part, Option<&Calibration>),
) -> Result<Evaluation> {
    let start = Instant::now();
    let measure = |index| {
        let item = source.item(part, index)?;
        let maps = method.maps(&item.input)?;
        let calibrated = calibration.map(|c| c.measure(&maps, item.target.data())).transpose()?;
        Ok((record(&maps, item.target.data())?, calibrated))
    };
    let items = (0..source.count(part)).into_par_iter().map(measure).collect::<Result<Vec<_>>>()?;
    let seconds = start.elapsed().as_secs_f64();
    let (records, calibrated): (Vec<ImageRecord>, Vec<Option<(f64, f64)>>) = items.into_iter().unzip();
    let seconds_per_item = seconds / records.len().max(1) as f64;
    Ok(Evaluation { records, calibrated: calibrated.into_iter().flatten().collect(), seconds_per_item })
}

fn record(maps: &Maps, target: &[f32]) -> Result<ImageRecord> {
    let mut slices = Slices::new(maps.output.data(), target, maps.u.data())?;
    if let Some((lo, hi)) = &maps.bounds {
        slices = slices.with_bounds(lo.data(), hi.data())?;
    }
    Ok(ImageRecord::of(&slices)?)
}
