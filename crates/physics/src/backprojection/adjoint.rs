//! The adjoint of filtered back-projection, for gradients through it.

use std::f64::consts::PI;

use rayon::prelude::*;
use rustfft::num_complex::Complex;

use super::FilteredBackprojection;
use crate::error::{Result, sized};
use crate::real::Real;

impl<T: Real> FilteredBackprojection<T> {
    /// The adjoint of [`Self::reconstruct`]: the same weights, from an image (`size x size`) to a sinogram (`angles x detectors`).
    ///
    /// # Errors
    /// An image of another size.
    pub fn adjoint(&self, image: &[T]) -> Result<Vec<T>> {
        sized("image", image.len(), self.geometry.image_len())?;
        let mut sinogram = vec![T::zero(); self.geometry.sinogram_len()];
        let rows = sinogram.par_chunks_exact_mut(self.geometry.detectors()).zip(self.geometry.angles());
        rows.for_each_init(
            || vec![Complex::default(); self.filter.len()],
            |buffer, (row, &angle)| {
                buffer.fill(Complex::default());
                buffer.iter_mut().zip(self.met(image, angle)).for_each(|(to, value)| to.re = value);
                // The filter is even, so that it is its own adjoint; padding and cutting change places.
                self.apply(buffer);
                let first = self.width / 2 - self.geometry.detectors() / 2;
                row.iter_mut().zip(buffer.iter().skip(first)).for_each(|(to, value)| *to = value.re);
            },
        );
        Ok(sinogram)
    }

    /// Every pixel times its weight, added to the two values of a projection that it reads.
    fn met(&self, image: &[T], angle: f64) -> Vec<T> {
        let size = self.geometry.size();
        let (sin, cos) = angle.to_radians().sin_cos();
        let (sin, cos) = (T::of(sin), T::of(cos));
        let (middle, end) = (T::of((self.width / 2) as f64), T::of((self.width - 1) as f64));
        let from_middle = |index: usize| T::int(index as i32 - (size / 2) as i32);
        let radius = T::of((size / 2) as f64);
        let weight = T::of(PI / (2 * self.geometry.angles().len()) as f64);
        let mut met = vec![T::zero(); self.width + 1];
        for (row, pixels) in image.chunks_exact(size).enumerate() {
            let dy = from_middle(row);
            let start = middle - dy * sin;
            for (column, &pixel) in pixels.iter().enumerate() {
                let dx = from_middle(column);
                let place = dx * cos + start;
                let inside = self.geometry.covers() || dx * dx + dy * dy <= radius * radius;
                if inside && place >= T::zero() && place <= end {
                    // SAFETY: the place lies between 0 and the last detector.
                    let whole = unsafe { place.whole() };
                    let (part, value) = (place - T::int(whole), weight * pixel);
                    met[whole as usize] += value - part * value;
                    met[whole as usize + 1] += part * value;
                }
            }
        }
        met.truncate(self.width);
        met
    }
}
