//! Computed tomography with missing angles (METHODS 2.6): what back-projection makes of them, and the truth.

use modelmend_data::Slices;
use modelmend_data::generate::Pairs;
use modelmend_physics::iterative::{Measured, TotalVariation, total_variation};
use modelmend_physics::{Filter, FilteredBackprojection, Parallel, Radon};

use crate::acquisition::Acquisition;
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

/// A [`LimitedAngle`] scan of slices of one size. Measurements are sinograms (`angles x detectors`), inputs their filtered back-projections.
#[derive(Debug)]
pub struct Scanner {
    radon: Radon,
    /// Which angles are there.
    kept: Vec<bool>,
    back: FilteredBackprojection<f32>,
}

/// Steps of the iteration for total variation.
const STEPS: usize = 200;

impl Scanner {
    /// Scans slices of `size x size` pixels.
    ///
    /// # Errors
    /// A geometry that does not exist.
    pub fn new(scan: LimitedAngle, size: usize) -> Result<Self> {
        let geometry = Parallel::covering(size, modelmend_physics::angles(scan.angles))?;
        let kept = geometry.outside_wedge(scan.missing);
        let back = FilteredBackprojection::new(geometry.clone(), scan.filter);
        Ok(Self { radon: Radon::new(geometry), kept, back })
    }

    /// Where the rays run.
    pub fn geometry(&self) -> &Parallel {
        self.radon.geometry()
    }

    /// For each slice its filtered back-projection from the angles that are there (those that are missing count as zeros), and the slice itself.
    ///
    /// # Errors
    /// Slices of another size.
    pub fn pairs(&self, slices: &Slices) -> Result<Vec<Pairs>> {
        let pair = |slice: &[f32]| {
            Ok(Pairs { input: self.reconstruct(&self.measure(slice)?)?, target: slice.to_vec() })
        };
        slices.iter().map(pair).collect()
    }

    /// What total variation of this weight, the reference without a network, makes of the angles that are there: `size x size`.
    ///
    /// # Errors
    /// A slice of another size, a weight that is not above 0.
    pub fn total_variation(&self, slice: &[f32], weight: f64) -> Result<Vec<f32>> {
        let sinogram = self.measure(slice)?;
        let settings = TotalVariation { weight, steps: STEPS, nonnegative: true };
        Ok(total_variation(&self.measured(), &sinogram, settings)?)
    }

    fn measured(&self) -> Measured<'_> {
        Measured { radon: &self.radon, angles: Some(&self.kept) }
    }
}

impl Acquisition for Scanner {
    fn measure(&self, truth: &[f32]) -> Result<Vec<f32>> {
        Ok(self.measured().forward(truth)?)
    }

    fn reconstruct(&self, measurement: &[f32]) -> Result<Vec<f32>> {
        let mut sinogram = measurement.to_vec();
        self.measured().blank(&mut sinogram);
        Ok(self.back.reconstruct(&sinogram)?)
    }

    fn pull_back(&self, input: &[f32]) -> Result<Vec<f32>> {
        let mut sinogram = self.back.adjoint(input)?;
        self.measured().blank(&mut sinogram);
        Ok(sinogram)
    }
}
