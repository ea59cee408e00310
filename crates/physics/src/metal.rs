//! Metal: discs that hardly a photon passes.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::error::{PhysicsError, Result, sized};
use crate::phantom::{self, Ellipse};
use crate::real::Real;
use crate::transmission;

/// Pieces of metal in a body.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Metal {
    /// How many.
    pub count: usize,
    /// The smallest and the largest radius, as shares of half the side of the image, above 0 and below 0.5.
    pub radii: [f64; 2],
    /// What they add to the image.
    pub value: f64,
}

/// Centres lie within this share of the inscribed disc.
const WITHIN: f64 = 0.5;

impl Metal {
    /// Discs at random places near the middle. Where two overlap their values add.
    ///
    /// # Errors
    /// Radii out of range, a value that is not finite.
    pub fn discs(&self, seed: u64) -> Result<Vec<Ellipse>> {
        let [small, large] = self.radii;
        if !(small > 0.0 && small <= large && large < 0.5 && self.value.is_finite()) {
            return Err(PhysicsError::Invalid(format!(
                "no metal with radii from {small} to {large} and value {}",
                self.value
            )));
        }
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut disc = || {
            let radius = rng.random_range(small..=large);
            let away = WITHIN * rng.random_range(0.0f64..1.0).sqrt();
            let (sin, cos) = rng.random_range(0.0f64..360.0).to_radians().sin_cos();
            Ellipse { value: self.value, axes: [radius; 2], centre: [away * cos, away * sin], rotation: 0.0 }
        };
        Ok((0..self.count).map(|_| disc()).collect())
    }
}

/// Adds metal to an image (`size x size`); the exact projections are those of the ellipses ([`phantom::sinogram`]).
///
/// # Errors
/// An image of another size.
pub fn insert<T: Real>(discs: &[Ellipse], image: &mut [T], size: usize) -> Result<()> {
    sized("image", image.len(), size * size)?;
    let metal = phantom::image(discs, size);
    image.iter_mut().zip(metal).for_each(|(pixel, metal)| *pixel += T::of(metal));
    Ok(())
}

/// A sinogram as so few photons show it: line integrals times `attenuation` (per unit of the image and pixel) are counted ([`transmission::noisy`]; counts below one are
/// taken as one, which cuts off what metal shadows), and scaled back.
///
/// # Errors
/// An attenuation not above 0, and as [`transmission::noisy`].
pub fn starve<T: Real>(
    sinogram: &[T],
    attenuation: f64,
    (photons, electronic): (f64, f64),
    seed: u64,
) -> Result<Vec<T>> {
    if !(attenuation > 0.0 && attenuation.is_finite()) {
        return Err(PhysicsError::Invalid(format!("an attenuation of {attenuation} is not above 0")));
    }
    let integrals: Vec<f64> = sinogram.iter().map(|value| value.f64() * attenuation).collect();
    let counted = transmission::noisy(&integrals, photons, electronic, seed)?;
    Ok(counted.into_iter().map(|value| T::of(value / attenuation)).collect())
}
