//! Volumes in one orientation, whatever the orientation of the file.

use crate::error::{Error, Result};

/// Hounsfield units of air, around images that are not square.
const AIR: f32 = -1000.0;

/// An axis is aligned with the patient if the cosine between them is at least this (2.6 degrees).
const ALIGNED: f64 = 0.999;

/// Height and width of a pixel may differ by this share.
const SQUARE: f64 = 0.01;

/// Square axial slices: row 0 anterior, column 0 at the patient's right, the first slice nearest to the feet.
pub(super) struct Volume {
    pub(super) size: usize,
    pub(super) pixels: Vec<f32>,
}

/// For left, posterior and superior, the axis of the file along which it lies, and whether that runs the other way.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Axes([(usize, bool); 3]);

impl Axes {
    /// From where one step along each axis of a file leads, in millimetres to the left, posterior and superior.
    ///
    /// # Errors
    /// [`Error::Request`] where an axis lies obliquely, or does not exist.
    pub(super) fn new(steps: [[f64; 3]; 3]) -> Result<Self> {
        let mut axes = [None; 3];
        for (axis, step) in steps.iter().enumerate() {
            let length = length(step);
            for (direction, part) in step.iter().enumerate() {
                if length.is_finite() && length > 0.0 && part.abs() / length >= ALIGNED {
                    axes[direction] = Some((axis, *part < 0.0));
                }
            }
        }
        match axes {
            [Some(left), Some(posterior), Some(superior)] => Ok(Self([left, posterior, superior])),
            _ => Err(Error::Request(
                "the volume lies obliquely to the patient; resample it along the axes of the body".to_owned(),
            )),
        }
    }

    /// Whether the slices of the file, along its third axis, are axial.
    pub(super) fn axial(&self) -> bool {
        self.0[2].0 == 2
    }

    /// Refuses pixels of an axial slice that are not square.
    pub(super) fn check_pixels(&self, spacing: [f64; 3]) -> Result<()> {
        let [left, posterior, _] = self.0.map(|(axis, _)| spacing[axis]);
        if (left - posterior).abs() <= SQUARE * left.max(posterior) {
            return Ok(());
        }
        Err(Error::Request(format!("pixels of {posterior} x {left} mm are not square; resample the volume")))
    }
}

/// Voxels as a file keeps them.
pub(super) struct Grid {
    /// Voxels along each axis.
    pub(super) extents: [usize; 3],
    /// Voxels from one to the next along each axis.
    pub(super) strides: [usize; 3],
    /// Where the axes point.
    pub(super) axes: Axes,
}

impl Grid {
    /// Pixels that [`Grid::volume`] will have along a side and in all.
    ///
    /// # Errors
    /// [`Error::Request`] for slices that are far from square.
    pub(super) fn room(&self) -> Result<(usize, usize)> {
        let [width, height, slices] = self.axes.0.map(|(axis, _)| self.extents[axis]);
        let (short, long) = (width.min(height), width.max(height));
        if short == 0 || slices == 0 {
            return Err(Error::NoSamples { name: "slices".to_owned() });
        }
        if long > short.saturating_mul(2) {
            return Err(Error::Request(format!(
                "slices of {height} x {width} pixels are too far from square"
            )));
        }
        Ok((long, long.saturating_mul(long).saturating_mul(slices)))
    }

    /// All slices; `value` gives the Hounsfield units of a voxel by its place in the file.
    ///
    /// # Errors
    /// That of [`Grid::room`], [`Error::NonFinite`].
    pub(super) fn volume(&self, value: impl Fn(usize) -> f32) -> Result<Volume> {
        let (size, room) = self.room()?;
        let [left, posterior, superior] = self.axes.0.map(|(axis, reversed)| {
            let (extent, stride) = (self.extents[axis], self.strides[axis]);
            move |i: usize| stride * if reversed { extent - 1 - i } else { i }
        });
        let [width, height, slices] = self.axes.0.map(|(axis, _)| self.extents[axis]);
        let (top, start) = ((size - height) / 2, (size - width) / 2);
        let mut pixels = vec![AIR; room];
        for (k, slice) in pixels.chunks_exact_mut(size * size).enumerate().take(slices) {
            for (r, row) in slice.chunks_exact_mut(size).skip(top).take(height).enumerate() {
                let line = superior(k) + posterior(r);
                for (c, pixel) in row.iter_mut().skip(start).take(width).enumerate() {
                    *pixel = value(line + left(c));
                }
            }
            if slice.iter().any(|pixel| !pixel.is_finite()) {
                return Err(Error::NonFinite { array: "Hounsfield units".to_owned(), image: k });
            }
        }
        Ok(Volume { size, pixels })
    }
}

/// The length of a vector.
pub(super) fn length(vector: &[f64; 3]) -> f64 {
    vector.iter().map(|part| part * part).sum::<f64>().sqrt()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn every_axis_goes_to_its_place() {
        // Along the file's axes: to the feet, to the right, posterior.
        let axes = Axes::new([[0.0, 0.0, -2.0], [-1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]).unwrap();
        assert!(!axes.axial());
        axes.check_pixels([2.0, 1.0, 1.0]).unwrap();
        assert!(axes.check_pixels([1.0, 1.0, 2.0]).unwrap_err().to_string().contains("2 x 1 mm"));
        let grid = Grid { extents: [2, 2, 3], strides: [1, 2, 4], axes };
        let volume = grid.volume(|i| i as f32).unwrap();
        assert_eq!(volume.size, 3);
        // The slice nearest to the feet is file index 1 along axis 0; columns are reversed, one column of air at the end.
        let air = AIR;
        assert_eq!(volume.pixels[..9], [3.0, 1.0, air, 7.0, 5.0, air, 11.0, 9.0, air]);
        assert_eq!(volume.pixels[9..12], [2.0, 0.0, air]);
    }

    #[test]
    fn what_is_oblique_flat_or_thin_is_refused() {
        let turned = |angle: f64| {
            let (sine, cosine) = angle.to_radians().sin_cos();
            Axes::new([[1.0, 0.0, 0.0], [0.0, cosine, sine], [0.0, -sine, cosine]])
        };
        assert!(turned(2.0).is_ok() && turned(3.0).is_err() && turned(45.0).is_err());
        assert!(Axes::new([[1.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]).is_err());
        assert!(Axes::new([[1.0, 0.0, 0.0], [0.0, f64::NAN, 0.0], [0.0, 0.0, 1.0]]).is_err());
        assert!(Axes::new([[1.0, 0.0, 0.0], [0.0; 3], [0.0, 0.0, 1.0]]).is_err());
        let axes = turned(0.0).unwrap();
        let grid = |extents| Grid { extents, strides: [0; 3], axes };
        assert!(grid([2, 5, 1]).room().is_err() && grid([0, 0, 1]).room().is_err());
        assert_eq!(grid([2, 4, 3]).room().unwrap(), (4, 48));
        assert!(grid([2, 2, 1]).volume(|_| f32::INFINITY).is_err());
    }
}
