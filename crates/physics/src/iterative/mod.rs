//! Reconstructions by iteration, to compare networks with.

mod cgls;
mod sirt;
mod tv;

pub use cgls::cgls;
pub use sirt::sirt;
pub use tv::{TotalVariation, total_variation};

use crate::error::Result;
use crate::radon::Radon;
use crate::real::Real;

/// A projector that is blind to some angles: rows of the sinogram that were not measured are zero, and say nothing.
#[derive(Clone, Copy, Debug)]
pub struct Measured<'a> {
    /// The projector of all angles.
    pub radon: &'a Radon,
    /// Which angles were measured; all, where nothing is said.
    pub angles: Option<&'a [bool]>,
}

impl Measured<'_> {
    /// The projections of an image, zero at angles that were not measured.
    ///
    /// # Errors
    /// An image of another size.
    pub fn forward<T: Real>(&self, image: &[T]) -> Result<Vec<T>> {
        let mut sinogram = self.radon.forward(image)?;
        self.blank(&mut sinogram);
        Ok(sinogram)
    }

    fn adjoint<T: Real>(&self, sinogram: &[T]) -> Result<Vec<T>> {
        self.radon.adjoint(sinogram)
    }

    /// Puts zeros in the rows of a sinogram that were not measured.
    pub fn blank<T: Real>(&self, sinogram: &mut [T]) {
        let rows = sinogram.chunks_exact_mut(self.radon.geometry().detectors());
        let measured = self.angles.unwrap_or_default().iter();
        rows.zip(measured).filter(|(_, measured)| !**measured).for_each(|(row, _)| row.fill(T::zero()));
    }
}

/// The inner product in double precision.
fn inner<T: Real>(a: &[T], b: &[T]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a.f64() * b.f64()).sum()
}

/// `a + factor b`, element by element.
fn add<T: Real>(a: &mut [T], factor: f64, b: &[T]) {
    let factor = T::of(factor);
    a.iter_mut().zip(b).for_each(|(a, &b)| *a += factor * b);
}
