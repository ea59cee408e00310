//! How well a method marks the real errors.

use std::time::Instant;

use modelmend_data::split::Part;
use modelmend_learn::uncertainty::{Density, ImageRecord, Maps as Slices};
use rayon::prelude::*;

use crate::calibrate::{Calibration, Covered};
use crate::error::Result;
use crate::method::{Maps, Method};
use crate::source::{Batch, Source};

/// The measures of a method on the items of a side (METHODS 2.4).
#[derive(Clone, Debug)]
pub struct Evaluation {
    /// A record for each item.
    pub records: Vec<ImageRecord>,
    /// The intervals of each item after calibration; empty without one.
    pub calibrated: Vec<Covered>,
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
    side: (Part, Option<&Calibration>),
) -> Result<Evaluation> {
    evaluate_with(method, source, side, |_, _, _| Ok(())).map(|(evaluation, _)| evaluation)
}

/// As [`evaluate`], with what `look` takes from number, pair and maps of each item while they are there.
///
/// # Errors
/// As [`evaluate`], and those of `look`.
pub fn evaluate_with<T: Send>(
    method: &dyn Method,
    source: &dyn Source,
    (part, calibration): (Part, Option<&Calibration>),
    look: impl Fn(usize, &Batch, &Maps) -> Result<T> + Sync,
) -> Result<(Evaluation, Vec<T>)> {
    let start = Instant::now();
    let measure = |index| {
        let item = source.item(part, index)?;
        let maps = method.maps(&item.input)?;
        let calibrated = calibration.map(|c| c.measure(&maps, item.target.data())).transpose()?;
        let record = ImageRecord::of(&slices(&maps, item.target.data())?)?;
        Ok(((record, calibrated), look(index, &item, &maps)?))
    };
    let items = (0..source.count(part)).into_par_iter().map(measure).collect::<Result<Vec<_>>>()?;
    let seconds = start.elapsed().as_secs_f64();
    let (measured, seen): (Vec<_>, Vec<T>) = items.into_iter().unzip();
    let (records, calibrated): (Vec<ImageRecord>, Vec<Option<Covered>>) = measured.into_iter().unzip();
    let seconds_per_item = seconds / records.len().max(1) as f64;
    let calibrated = calibrated.into_iter().flatten().collect();
    Ok((Evaluation { records, calibrated, seconds_per_item }, seen))
}

/// Counts of the pixels of an item by u and |error|.
///
/// # Errors
/// Maps that are not finite or not of the target's size.
pub fn density(maps: &Maps, target: &[f32]) -> Result<Density> {
    Ok(Density::of(&slices(maps, target)?))
}

fn slices<'a>(maps: &'a Maps, target: &'a [f32]) -> Result<Slices<'a>> {
    let slices = Slices::new(maps.output.data(), target, maps.u.data())?;
    Ok(match &maps.bounds {
        Some((lo, hi)) => slices.with_bounds(lo.data(), hi.data())?,
        None => slices,
    })
}
