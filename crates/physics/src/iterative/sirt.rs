//! Simultaneous iterative reconstruction.

use super::Measured;
use crate::error::{Result, sized};
use crate::real::Real;

/// `steps` steps of SIRT from zero (Gilbert 1972; Kak and Slaney 1988, chapter 7): `x += C A' R (y - A x)` with the inverse column and row sums of A, kept
/// at 0 or above where `nonnegative`.
///
/// # Errors
/// A sinogram of another size.
pub fn sirt<T: Real>(
    measured: &Measured<'_>,
    sinogram: &[T],
    steps: usize,
    nonnegative: bool,
) -> Result<Vec<T>> {
    let geometry = measured.radon.geometry();
    sized("sinogram", sinogram.len(), geometry.sinogram_len())?;
    let inverse = |sum: &T| if *sum > T::of(1e-6) { sum.recip() } else { T::zero() };
    let rows: Vec<T> = measured.forward(&vec![T::one(); geometry.image_len()])?.iter().map(inverse).collect();
    let mut ones = vec![T::one(); geometry.sinogram_len()];
    measured.blank(&mut ones);
    let columns: Vec<T> = measured.adjoint(&ones)?.iter().map(inverse).collect();
    let mut image = vec![T::zero(); geometry.image_len()];
    for _ in 0..steps {
        let mut rest = measured.forward(&image)?;
        rest.iter_mut().zip(sinogram).zip(&rows).for_each(|((rest, &y), &row)| *rest = (y - *rest) * row);
        let step = measured.adjoint(&rest)?;
        for ((x, &step), &column) in image.iter_mut().zip(&step).zip(&columns) {
            *x += step * column;
            if nonnegative {
                *x = x.max(T::zero());
            }
        }
    }
    Ok(image)
}
