//! Conjugate gradients for least squares.

use super::{Measured, add, inner};
use crate::error::{Result, sized};
use crate::real::Real;

/// `steps` steps of conjugate gradients on `|A x - y|^2` from zero (CGLS; Hestenes and Stiefel 1952, Björck, *Numerical Methods for Least Squares Problems*, 1996,
/// algorithm 7.4.1). Stopping early regularises.
///
/// # Errors
/// A sinogram of another size.
pub fn cgls<T: Real>(measured: &Measured<'_>, sinogram: &[T], steps: usize) -> Result<Vec<T>> {
    let geometry = measured.radon.geometry();
    sized("sinogram", sinogram.len(), geometry.sinogram_len())?;
    let mut image = vec![T::zero(); geometry.image_len()];
    let mut rest = sinogram.to_vec();
    measured.blank(&mut rest);
    let mut direction = measured.adjoint(&rest)?;
    let mut square = inner(&direction, &direction);
    for _ in 0..steps {
        let seen = measured.forward(&direction)?;
        let length = inner(&seen, &seen);
        // The solution is reached.
        if length == 0.0 || square == 0.0 {
            break;
        }
        add(&mut image, square / length, &direction);
        add(&mut rest, -square / length, &seen);
        let gradient = measured.adjoint(&rest)?;
        let next = inner(&gradient, &gradient);
        let keep = T::of(next / square);
        direction.iter_mut().zip(&gradient).for_each(|(d, &g)| *d = g + keep * *d);
        square = next;
    }
    Ok(image)
}
