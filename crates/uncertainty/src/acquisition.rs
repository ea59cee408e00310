//! How the input of a reconstruction network comes from a truth.

use modelmend_data::generate::JumpSignals;

use crate::error::Result;

/// `input = reconstruct(measure(truth) + noise)`, both linear. Values are those of one item, one after another.
pub trait Acquisition: Send + Sync {
    /// What is measured of a truth, without noise; zero where nothing is measured.
    ///
    /// # Errors
    /// A truth of another size.
    fn measure(&self, truth: &[f32]) -> Result<Vec<f32>>;

    /// The input that a measurement gives; what stands where nothing is measured does not count.
    ///
    /// # Errors
    /// A measurement of another size.
    fn reconstruct(&self, measurement: &[f32]) -> Result<Vec<f32>>;

    /// The adjoint of [`Self::reconstruct`], which takes gradients from inputs to measurements.
    ///
    /// # Errors
    /// An input of another size.
    fn pull_back(&self, input: &[f32]) -> Result<Vec<f32>>;
}

/// The truth is measured as it is, and the measurement is the input: denoising.
#[derive(Clone, Copy, Debug)]
pub struct Direct;

impl Acquisition for Direct {
    fn measure(&self, truth: &[f32]) -> Result<Vec<f32>> {
        Ok(truth.to_vec())
    }

    fn reconstruct(&self, measurement: &[f32]) -> Result<Vec<f32>> {
        Ok(measurement.to_vec())
    }

    fn pull_back(&self, input: &[f32]) -> Result<Vec<f32>> {
        Ok(input.to_vec())
    }
}

/// Signals are measured through their blur.
impl Acquisition for JumpSignals {
    fn measure(&self, truth: &[f32]) -> Result<Vec<f32>> {
        Ok(self.blurred(truth))
    }

    fn reconstruct(&self, measurement: &[f32]) -> Result<Vec<f32>> {
        Ok(measurement.to_vec())
    }

    fn pull_back(&self, input: &[f32]) -> Result<Vec<f32>> {
        Ok(input.to_vec())
    }
}
