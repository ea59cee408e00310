//! How well a method marks the real errors.

use std::time::Instant;

use modelmend_data::split::Part;
use modelmend_learn::uncertainty::{ImageRecord, Maps as Slices};

use crate::error::Result;
use crate::method::{Maps, Method};
use crate::source::Source;

/// The measures of a method on the items of a side (METHODS 2.4).
#[derive(Clone, Debug)]
pub struct Evaluation {
    /// A record for each item.
    pub records: Vec<ImageRecord>,
    /// Measured time for an item. Differs between machines and runs.
    pub seconds_per_item: f64,
}

/// Measures a method item by item.
///
/// # Errors
/// Execution errors, maps that are not finite.
pub fn evaluate(method: &dyn Method, source: &dyn Source, part: Part) -> Result<Evaluation> {
    let (mut records, mut seconds) = (Vec::new(), 0.0);
    for index in 0..source.count(part) {
        let item = source.item(part, index)?;
        let start = Instant::now();
        let maps = method.maps(&item.input)?;
        seconds += start.elapsed().as_secs_f64();
        records.push(record(&maps, item.target.data())?);
    }
    Ok(Evaluation { seconds_per_item: seconds / records.len().max(1) as f64, records })
}

fn record(maps: &Maps, target: &[f32]) -> Result<ImageRecord> {
    let mut slices = Slices::new(maps.output.data(), target, maps.u.data())?;
    if let Some((lo, hi)) = &maps.bounds {
        slices = slices.with_bounds(lo.data(), hi.data())?;
    }
    Ok(ImageRecord::of(&slices)?)
}
