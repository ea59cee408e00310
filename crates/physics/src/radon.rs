//! The Radon transform of parallel beams and its adjoint.

use rayon::prelude::*;

use crate::error::{Result, sized};
use crate::frame::Frame;
use crate::geometry::Parallel;
use crate::orientation::{Four, Groups, LANES};
use crate::rays::{Band, Project, Rays, Spread};
use crate::real::Real;

/// The projections of an image (scikit-image's `radon`): for each angle the image is turned, by linear interpolation between four pixels, and its columns are
/// summed. Zero outside the image.
#[derive(Clone, Debug)]
pub struct Radon {
    geometry: Parallel,
    groups: Groups,
    frame: Frame,
}

/// Rows of the frame that stay near a core while all angles pass.
const ROWS: usize = 64;
/// Detectors that one thread computes at a time.
const DETECTORS: usize = 128;

impl Radon {
    /// The transform of a geometry.
    pub fn new(geometry: Parallel) -> Self {
        let (groups, frame) = (Groups::new(geometry.angles()), Frame::new(geometry.size()));
        Self { geometry, groups, frame }
    }

    /// The geometry.
    pub fn geometry(&self) -> &Parallel {
        &self.geometry
    }

    /// The projections `A x` of an image (`size x size`): line integrals in pixels, `angles x detectors`.
    ///
    /// # Errors
    /// An image of another size.
    pub fn forward<T: Real>(&self, image: &[T]) -> Result<Vec<T>> {
        sized("image", image.len(), self.geometry.image_len())?;
        let (rays, side, detectors) = (self.rays::<T>(), self.frame.side, self.geometry.detectors());
        let mut sums = vec![[T::zero(); LANES]; rays.len() * detectors];
        let mut pixels = vec![[T::zero(); LANES]; (ROWS + 1) * side];
        for first in (0..side).step_by(ROWS) {
            let band = Band { rows: first..(first + ROWS).min(side) };
            self.frame.orient(image, first..first + ROWS + 1, &mut pixels);
            sums.par_chunks_exact_mut(detectors).zip(&rays).for_each(|(sums, rays)| {
                sums.par_chunks_mut(DETECTORS).enumerate().for_each(|(k, sums)| {
                    T::project(Project { rays, band: &band, pixels: &pixels, first: k * DETECTORS, sums });
                });
            });
        }
        let mut sinogram = vec![T::zero(); self.geometry.sinogram_len()];
        let rows = sinogram.par_chunks_exact_mut(detectors).zip(&self.groups.places);
        rows.for_each(|(row, &(group, lane))| {
            row.iter_mut().zip(&sums[group * detectors..]).for_each(|(value, sum)| *value = sum[lane]);
        });
        Ok(sinogram)
    }

    /// The adjoint `A' y` of [`Self::forward`]: the same weights, from `angles x detectors` to `size x size`.
    ///
    /// # Errors
    /// A sinogram of another size.
    pub fn adjoint<T: Real>(&self, sinogram: &[T]) -> Result<Vec<T>> {
        sized("sinogram", sinogram.len(), self.geometry.sinogram_len())?;
        let (rays, side, detectors) = (self.rays::<T>(), self.frame.side, self.geometry.detectors());
        let mut sums = vec![[T::zero(); LANES]; rays.len() * detectors];
        for (row, &(group, lane)) in sinogram.chunks_exact(detectors).zip(&self.groups.places) {
            sums[group * detectors..].iter_mut().zip(row).for_each(|(sum, &value)| sum[lane] = value);
        }
        let mut frame = vec![[T::zero(); LANES]; side * side];
        let bands = frame.par_chunks_mut(ROWS * side).enumerate();
        let below: Vec<Vec<Four<T>>> = bands
            .map(|(k, rows)| {
                let band = Band { rows: k * ROWS..k * ROWS + rows.len() / side };
                let mut pixels = vec![[T::zero(); LANES]; rows.len() + side];
                for (rays, sums) in rays.iter().zip(sums.chunks_exact(detectors)) {
                    T::spread(Spread { rays, band: &band, sums, pixels: &mut pixels });
                }
                let below = pixels.split_off(rows.len());
                rows.copy_from_slice(&pixels);
                below
            })
            .collect();
        for (rows, below) in frame.chunks_mut(ROWS * side).skip(1).zip(&below) {
            let pairs = rows.iter_mut().flatten().zip(below.iter().flatten());
            pairs.for_each(|(pixel, &value)| *pixel += value);
        }
        Ok(self.frame.reunite(&frame))
    }

    fn rays<T: Real>(&self) -> Vec<Rays<T>> {
        let groups = self.groups.all.iter();
        groups.map(|group| Rays::new(group, &self.frame, self.geometry.detectors())).collect()
    }
}
