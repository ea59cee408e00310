//! Where rays run.

use crate::error::{PhysicsError, Result};

/// No more than this many pixels along a side: larger numbers come from a mistake.
const LARGEST: usize = 1 << 14;

/// Parallel beams through a square image, in the convention of scikit-image's `radon`: the image turns about its pixel
/// `(size / 2, size / 2)`, which lies on the ray of detector `detectors / 2`; detectors are one pixel apart.
#[derive(Clone, Debug, PartialEq)]
pub struct Parallel {
    size: usize,
    detectors: usize,
    angles: Vec<f64>,
}

impl Parallel {
    /// Rays at `angles` (degrees) through an image of `size x size` pixels, with as many detectors as the diagonal needs (`circle=False` in
    /// scikit-image).
    ///
    /// # Errors
    /// No pixels or angles, too many pixels, an angle that is not finite.
    pub fn covering(size: usize, angles: Vec<f64>) -> Result<Self> {
        Self::new(size, diagonal(size), angles)
    }

    /// Rays at `angles` (degrees) through the disc inside an image, with one detector for each of its columns (`circle=True`). What lies outside the disc
    /// is partly seen.
    ///
    /// # Errors
    /// As [`Self::covering`].
    pub fn inscribed(size: usize, angles: Vec<f64>) -> Result<Self> {
        Self::new(size, size, angles)
    }

    fn new(size: usize, detectors: usize, angles: Vec<f64>) -> Result<Self> {
        if !(1..=LARGEST).contains(&size) {
            return Err(PhysicsError::Invalid(format!(
                "an image of {size} x {size} pixels cannot be projected (1 to {LARGEST})"
            )));
        }
        if let Some(angle) = angles.iter().find(|angle| !angle.is_finite()) {
            return Err(PhysicsError::Invalid(format!("angle {angle} is not a number of degrees")));
        }
        if angles.is_empty() {
            return Err(PhysicsError::Invalid("at least one angle is needed".to_owned()));
        }
        Ok(Self { size, detectors, angles })
    }

    /// The same detectors at other angles (degrees).
    ///
    /// # Errors
    /// As [`Self::covering`].
    pub fn at(&self, angles: Vec<f64>) -> Result<Self> {
        Self::new(self.size, self.detectors, angles)
    }

    /// Pixels along a side of the image.
    pub fn size(&self) -> usize {
        self.size
    }

    /// Detectors of an angle.
    pub fn detectors(&self) -> usize {
        self.detectors
    }

    /// The angles in degrees.
    pub fn angles(&self) -> &[f64] {
        &self.angles
    }

    /// Pixels of the image.
    pub fn image_len(&self) -> usize {
        self.size * self.size
    }

    /// Rays.
    pub fn sinogram_len(&self) -> usize {
        self.detectors * self.angles.len()
    }

    /// Whether detectors cover the diagonal.
    pub fn covers(&self) -> bool {
        self.detectors > self.size
    }

    /// Which angles are left where a wedge of `missing` degrees (in `0..180`) is not measured, half of it at each end of the range from 0 to 180.
    pub fn outside_wedge(&self, missing: f64) -> Vec<bool> {
        let half = missing / 2.0;
        self.angles
            .iter()
            .map(|angle| angle.rem_euclid(180.0))
            .map(|angle| angle >= half && angle < 180.0 - half)
            .collect()
    }
}

/// Detectors along the diagonal of an image.
pub(crate) fn diagonal(size: usize) -> usize {
    (std::f64::consts::SQRT_2 * size as f64).ceil() as usize
}

/// So many angles from 0 to 180 degrees, the end left out.
pub fn angles(count: usize) -> Vec<f64> {
    (0..count).map(|k| 180.0 * k as f64 / count as f64).collect()
}
