//! What is measured on the intervals of one image.

use super::direction::{DIRECTION_RATIOS, Direction};
use super::placement::Placement;

/// The measures of the intervals of one image.
#[derive(Debug, Clone, PartialEq)]
pub struct IntervalRecord {
    /// Mean of hi - lo over the pixels.
    pub width: f64,
    /// Share of pixels with lo <= output <= hi: 1 for a method that encloses its own output.
    pub enclosed: f64,
    /// Direction accuracy at each of [`DIRECTION_RATIOS`].
    pub direction: Vec<Direction>,
    /// Where the targets lie in their intervals.
    pub placement: Placement,
}

impl IntervalRecord {
    /// Measures one image of at least one pixel; slices of equal length, finite, lo <= hi.
    pub(super) fn of(output: &[f32], target: &[f32], lo: &[f32], hi: &[f32]) -> Self {
        let pixels = output.len() as f64;
        let widths = lo.iter().zip(hi).map(|(&lo, &hi)| f64::from(hi) - f64::from(lo));
        let inside = output.iter().zip(lo.iter().zip(hi)).filter(|(y, (lo, hi))| lo <= y && y <= hi);
        Self {
            width: widths.sum::<f64>() / pixels,
            enclosed: inside.count() as f64 / pixels,
            direction: DIRECTION_RATIOS.map(|ratio| Direction::of(ratio, output, target, lo, hi)).to_vec(),
            placement: Placement::of(target, lo, hi),
        }
    }

    /// Share of pixels with lo < target <= hi: a target at or below its lower end is not covered.
    pub fn coverage(&self) -> f64 {
        self.placement.coverage().unwrap_or(f64::NAN)
    }
}
