//! Least squares with total variation.

use super::{Measured, inner};
use crate::error::{PhysicsError, Result, sized};
use crate::real::Real;

/// Settings of [`total_variation`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TotalVariation {
    /// Weight of the total variation, above 0.
    pub weight: f64,
    /// Steps.
    pub steps: usize,
    /// Whether the image is kept at 0 or above.
    pub nonnegative: bool,
}

/// Steps of the power method that estimates the norm of the projector.
const POWER_STEPS: usize = 20;

/// Minimises `|A x - y|^2 / 2 + weight TV(x)` (isotropic, zero slope at the border) by the primal-dual method of Chambolle and Pock (2011, algorithm 1; Sidky,
/// Jørgensen and Pan 2012, algorithm 4).
///
/// # Errors
/// A sinogram of another size, a weight that is not above 0.
pub fn total_variation<T: Real>(
    measured: &Measured<'_>,
    sinogram: &[T],
    settings: TotalVariation,
) -> Result<Vec<T>> {
    let geometry = measured.radon.geometry();
    sized("sinogram", sinogram.len(), geometry.sinogram_len())?;
    if !(settings.weight > 0.0 && settings.weight.is_finite()) {
        return Err(PhysicsError::Invalid(format!(
            "a weight of {} for the total variation must be above 0",
            settings.weight
        )));
    }
    let norm = norm(measured)?;
    if norm == 0.0 {
        return Ok(vec![T::zero(); geometry.image_len()]);
    }
    // The gradient is scaled to the projector's norm (its own is at most the root of 8), so that one step size serves both.
    let slope = norm / 8f64.sqrt();
    let step = T::of(1.0 / (norm * 2f64.sqrt()));
    let mut data = sinogram.to_vec();
    measured.blank(&mut data);
    let mut state = State::new(geometry.size(), data.len());
    for _ in 0..settings.steps {
        let seen = measured.forward(&state.ahead)?;
        for ((dual, &seen), &y) in state.dual.iter_mut().zip(&seen).zip(&data) {
            *dual = (*dual + step * (seen - y)) / (T::one() + step);
        }
        state.ascend_slopes(step, T::of(slope), T::of(settings.weight / slope));
        let back = measured.adjoint(&state.dual)?;
        state.descend(step, T::of(slope), &back, settings.nonnegative);
    }
    Ok(state.image)
}

/// The largest singular value of the projector, slightly below it, by the power method from an even image.
fn norm(measured: &Measured<'_>) -> Result<f64> {
    let mut image = vec![1f64; measured.radon.geometry().image_len()];
    let mut largest = 0.0;
    for _ in 0..POWER_STEPS {
        let length = inner(&image, &image).sqrt();
        if length == 0.0 {
            return Ok(0.0);
        }
        image.iter_mut().for_each(|x| *x /= length);
        let seen = measured.forward(&image)?;
        largest = inner(&seen, &seen).sqrt();
        image = measured.adjoint(&seen)?;
    }
    Ok(1.01 * largest)
}

/// What the iteration knows.
struct State<T> {
    size: usize,
    image: Vec<T>,
    /// The image, extrapolated.
    ahead: Vec<T>,
    /// Dual of the data.
    dual: Vec<T>,
    /// Dual of the slopes: to the right, then down.
    slopes: [Vec<T>; 2],
}

impl<T: Real> State<T> {
    fn new(size: usize, data: usize) -> Self {
        let blank = || vec![T::zero(); size * size];
        Self { size, image: blank(), ahead: blank(), dual: vec![T::zero(); data], slopes: [blank(), blank()] }
    }

    /// A step up in the duals of the slopes, back to lengths of at most `limit`.
    fn ascend_slopes(&mut self, step: T, scale: T, limit: T) {
        let [right, down] = &mut self.slopes;
        for (i, (right, down)) in right.iter_mut().zip(down).enumerate() {
            let (row, column) = (i / self.size, i % self.size);
            let here = self.ahead[i];
            if column + 1 < self.size {
                *right += step * scale * (self.ahead[i + 1] - here);
            }
            if row + 1 < self.size {
                *down += step * scale * (self.ahead[i + self.size] - here);
            }
            let length = (*right * *right + *down * *down).sqrt();
            if length > limit {
                (*right, *down) = (*right * limit / length, *down * limit / length);
            }
        }
    }

    /// A step down in the image, then ahead.
    fn descend(&mut self, step: T, scale: T, back: &[T], nonnegative: bool) {
        let [right, down] = &self.slopes;
        for (i, &back) in back.iter().enumerate() {
            let (row, column) = (i / self.size, i % self.size);
            let mut divergence = right[i] + down[i];
            if column > 0 {
                divergence = divergence - right[i - 1];
            }
            if row > 0 {
                divergence = divergence - down[i - self.size];
            }
            let before = self.image[i];
            let after = before - step * (back - scale * divergence);
            let after = if nonnegative { after.max(T::zero()) } else { after };
            self.image[i] = after;
            self.ahead[i] = after + after - before;
        }
    }
}
