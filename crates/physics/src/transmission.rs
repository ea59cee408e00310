//! What detectors count: transmission by Beer and Lambert, and its noise.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Poisson, StandardNormal};

use crate::error::{PhysicsError, Result};
use crate::real::Real;

/// Photons that pass along line integrals `p` of attenuation: `I0 exp(-p)`.
///
/// # Errors
/// `I0` not above 0.
pub fn intensities<T: Real>(integrals: &[T], photons: f64) -> Result<Vec<T>> {
    check(photons)?;
    Ok(integrals.iter().map(|p| T::of(photons * (-p.f64()).exp())).collect())
}

/// Line integrals of counts: `-ln(I / I0)`, counts below one photon taken as one.
///
/// # Errors
/// `I0` not above 0.
pub fn integrals<T: Real>(counts: &[T], photons: f64) -> Result<Vec<T>> {
    check(photons)?;
    Ok(counts.iter().map(|count| T::of(-(count.f64().max(1.0) / photons).ln())).collect())
}

/// Line integrals as a detector sees them: counts drawn from Poisson's distribution (of a mean of `I0` without an object), with Gaussian noise of the electronics
/// (`electronic`, standard deviation in photons), back to integrals. The first-order variance of the Poisson part is `exp(p) / I0`.
///
/// # Errors
/// `I0` not above 0 or too large to count, a negative deviation, integrals that are not finite.
pub fn noisy<T: Real>(given: &[T], photons: f64, electronic: f64, seed: u64) -> Result<Vec<T>> {
    check(photons)?;
    if !(electronic >= 0.0 && electronic.is_finite()) {
        return Err(PhysicsError::Invalid(format!(
            "electronic noise of {electronic} photons cannot be drawn"
        )));
    }
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut counts = Vec::with_capacity(given.len());
    for mean in intensities(given, photons)? {
        let mean = mean.f64();
        // No photon arrives where the mean is below what counts can tell from none.
        let count = if mean == 0.0 {
            0.0
        } else {
            let law = Poisson::new(mean)
                .map_err(|e| PhysicsError::Invalid(format!("{mean} photons cannot be counted: {e}")))?;
            law.sample(&mut rng)
        };
        let unit: f64 = StandardNormal.sample(&mut rng);
        counts.push(T::of(count + electronic * unit));
    }
    integrals(&counts, photons)
}

fn check(photons: f64) -> Result<()> {
    if photons > 0.0 && photons.is_finite() {
        return Ok(());
    }
    Err(PhysicsError::Invalid(format!("{photons} photons per ray: there must be some")))
}
