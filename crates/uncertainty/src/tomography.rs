//! Computed tomography with missing angles (METHODS 2.6): what back-projection makes of them, and the truth.

use modelmend_data::Slices;
use modelmend_data::generate::Pairs;
use modelmend_physics::iterative::{Measured, TotalVariation, total_variation};
use modelmend_physics::{Filter, FilteredBackprojection, Parallel, Radon};

use crate::error::Result;

/// A scan of which a wedge of angles is missing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LimitedAngle {
    /// Angles of the whole scan, evenly from 0 to 180 degrees.
    pub angles: usize,
    /// Degrees that are missing, half of them at each end, in `0..180`.
    pub missing: f64,
    /// Filter of the back-projection.
    pub filter: Filter,
}

impl LimitedAngle {
    /// For each slice its filtered back-projection from the angles that are there (those that are missing count as zeros), and the slice itself.
    ///
    /// # Errors
    /// A geometry that does not exist.
    pub fn pairs(&self, slices: &Slices) -> Result<Vec<Pairs>> {
        let (radon, kept) = self.scan(slices.size())?;
        let back = FilteredBackprojection::<f32>::new(radon.geometry().clone(), self.filter);
        let pair = |slice: &[f32]| {
            let sinogram = Measured { radon: &radon, angles: Some(&kept) }.forward(slice)?;
            Ok(Pairs { input: back.reconstruct(&sinogram)?, target: slice.to_vec() })
        };
        slices.iter().map(pair).collect()
    }

    /// What total variation of this weight, the reference without a network, makes of the angles that are there: `size x size`.
    ///
    /// # Errors
    /// A slice of another size, a weight that is not above 0.
    pub fn total_variation(&self, slice: &[f32], size: usize, weight: f64) -> Result<Vec<f32>> {
        let (radon, kept) = self.scan(size)?;
        let measured = Measured { radon: &radon, angles: Some(&kept) };
        let sinogram = measured.forward(slice)?;
        let settings = TotalVariation { weight, steps: STEPS, nonnegative: true };
        Ok(total_variation(&measured, &sinogram, settings)?)
    }

    /// The projector of the whole scan, and which angles are there.
    fn scan(&self, size: usize) -> Result<(Radon, Vec<bool>)> {
        let geometry = Parallel::covering(size, modelmend_physics::angles(self.angles))?;
        let kept = geometry.outside_wedge(self.missing);
        Ok((Radon::new(geometry), kept))
    }
}

/// Steps of the iteration for total variation.
const STEPS: usize = 200;
