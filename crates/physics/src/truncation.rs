//! A field of view that ends inside the object.

use crate::error::{PhysicsError, Result};
use crate::real::Real;

/// What stands for detectors that are not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fill {
    /// Zero, as if nothing were beyond: bright rims.
    Zero,
    /// The value of the last detector that is there.
    Edge,
}

/// Loses all but the central `share` (above 0, at most 1) of the detectors of each angle (`angles x detectors`), at least the middle one.
///
/// # Errors
/// A share out of range, rows that are not of `detectors`.
pub fn truncate<T: Real>(sinogram: &mut [T], detectors: usize, share: f64, fill: Fill) -> Result<()> {
    if !(share > 0.0 && share <= 1.0) {
        return Err(PhysicsError::Invalid(format!("a share of {share} of the detectors cannot be kept")));
    }
    if detectors == 0 || !sinogram.len().is_multiple_of(detectors) {
        return Err(PhysicsError::Invalid(format!(
            "{} values are no rows of {detectors} detectors",
            sinogram.len()
        )));
    }
    let reach = (share * detectors as f64 / 2.0) as usize;
    let (first, last) = (detectors / 2 - reach, (detectors / 2 + reach).min(detectors - 1));
    for row in sinogram.chunks_exact_mut(detectors) {
        let (left, right) = match fill {
            Fill::Zero => (T::zero(), T::zero()),
            Fill::Edge => (row[first], row[last]),
        };
        row[..first].fill(left);
        row[last + 1..].fill(right);
    }
    Ok(())
}
