//! Filtered back-projection of parallel beams.

mod adjoint;

use std::f64::consts::PI;
use std::sync::Arc;

use rayon::prelude::*;
use rustfft::num_complex::Complex;
use rustfft::{Fft, FftPlanner};

use crate::error::{Result, sized};
use crate::filter::{Filter, response};
use crate::geometry::{Parallel, diagonal};
use crate::real::Real;

/// Filtered back-projection (scikit-image's `iradon` with linear interpolation): every projection is filtered, and each pixel is the sum of the filtered values that
/// its rays meet, times `pi / (2 angles)`.
pub struct FilteredBackprojection<T: Real> {
    geometry: Parallel,
    /// Values of a filtered projection: detectors along the diagonal.
    width: usize,
    filter: Vec<T>,
    forward: Arc<dyn Fft<T>>,
    inverse: Arc<dyn Fft<T>>,
}

impl<T: Real> std::fmt::Debug for FilteredBackprojection<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FilteredBackprojection").field("geometry", &self.geometry).finish_non_exhaustive()
    }
}

/// Filters have at least so many points.
const SHORTEST: usize = 64;

impl<T: Real> FilteredBackprojection<T> {
    /// Back-projection for a geometry.
    pub fn new(geometry: Parallel, filter: Filter) -> Self {
        // Detectors of the inscribed disc are filled up to the diagonal, as in scikit-image.
        let width = diagonal(geometry.size());
        let size = (2 * width).next_power_of_two().max(SHORTEST);
        let filter = response(filter, size).into_iter().map(T::of).collect();
        let mut planner = FftPlanner::new();
        Self {
            geometry,
            width,
            filter,
            forward: planner.plan_fft_forward(size),
            inverse: planner.plan_fft_inverse(size),
        }
    }

    /// The geometry.
    pub fn geometry(&self) -> &Parallel {
        &self.geometry
    }

    /// The image (`size x size`) of a sinogram (`angles x detectors`). Angles that were not measured are rows of zeros. Where detectors cover the
    /// inscribed disc alone, pixels outside it are zero.
    ///
    /// # Errors
    /// A sinogram of another size.
    pub fn reconstruct(&self, sinogram: &[T]) -> Result<Vec<T>> {
        sized("sinogram", sinogram.len(), self.geometry.sinogram_len())?;
        let filtered = self.filtered(sinogram);
        let size = self.geometry.size();
        let mut image = vec![T::zero(); self.geometry.image_len()];
        image.par_chunks_exact_mut(size).enumerate().for_each(|(row, pixels)| {
            pulp::Arch::new().dispatch(|| self.row(&filtered, row, pixels));
        });
        Ok(image)
    }

    /// Every row of a sinogram convolved with the filter, followed by one zero, so that the last value has a neighbour.
    fn filtered(&self, sinogram: &[T]) -> Vec<T> {
        let detectors = self.geometry.detectors();
        let first = self.width / 2 - detectors / 2;
        let mut filtered = vec![T::zero(); (self.width + 1) * self.geometry.angles().len()];
        let rows = filtered.par_chunks_exact_mut(self.width + 1).zip(sinogram.par_chunks_exact(detectors));
        rows.for_each_init(
            || self.buffer(),
            |buffer, (to, from)| {
                self.convolve(buffer, (from, first));
                to.iter_mut().zip(buffer.iter()).take(self.width).for_each(|(to, b)| *to = b.re);
            },
        );
        filtered
    }

    /// Room for a row with the padding of the filter.
    fn buffer(&self) -> Vec<Complex<T>> {
        vec![Complex::new(T::zero(), T::zero()); self.filter.len()]
    }

    /// The convolution of the filter with values that begin at `first`, zeros around them.
    fn convolve(&self, buffer: &mut [Complex<T>], (values, first): (&[T], usize)) {
        buffer.fill(Complex::new(T::zero(), T::zero()));
        buffer.iter_mut().skip(first).zip(values).for_each(|(b, &value)| b.re = value);
        self.forward.process(buffer);
        buffer.iter_mut().zip(&self.filter).for_each(|(b, &f)| *b = b.scale(f));
        self.inverse.process(buffer);
        let scale = T::of(1.0 / buffer.len() as f64);
        buffer.iter_mut().for_each(|b| b.re = b.re * scale);
    }

    /// One row of the image: sums over angles in their order.
    #[inline(always)]
    fn row(&self, filtered: &[T], row: usize, pixels: &mut [T]) {
        let size = self.geometry.size();
        let from_middle = |index: usize| T::int(index as i32 - (size / 2) as i32);
        let middle = T::of((self.width / 2) as f64);
        let (dy, end) = (from_middle(row), T::of((self.width - 1) as f64));
        for (values, angle) in filtered.chunks_exact(self.width + 1).zip(self.geometry.angles()) {
            let (sin, cos) = angle.to_radians().sin_cos();
            let (start, cos) = (middle - dy * T::of(sin), T::of(cos));
            for (column, pixel) in pixels.iter_mut().enumerate() {
                let place = from_middle(column) * cos + start;
                let seen = place >= T::zero() && place <= end;
                let place = if seen { place } else { T::zero() };
                // SAFETY: the place lies between 0 and the last detector, behind which there is one more value.
                let (whole, near, next) = unsafe {
                    let whole = place.whole();
                    (whole, *values.get_unchecked(whole as usize), *values.get_unchecked(whole as usize + 1))
                };
                let value = near + (place - T::int(whole)) * (next - near);
                *pixel += if seen { value } else { T::zero() };
            }
        }
        let weight = T::of(PI / (2 * self.geometry.angles().len()) as f64);
        let radius = T::of((size / 2) as f64);
        for (column, pixel) in pixels.iter_mut().enumerate() {
            let dx = from_middle(column);
            let outside = !self.geometry.covers() && dx * dx + dy * dy > radius * radius;
            *pixel = if outside { T::zero() } else { *pixel * weight };
        }
    }
}
