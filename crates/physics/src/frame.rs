//! Four orientations of an image in one frame.

use std::ops::Range;

use rayon::prelude::*;

use crate::orientation::{Four, LANES};
use crate::real::Real;

/// A square that holds a square image about its middle pixel `(size / 2, size / 2)` in every orientation, and a rim of zeros one pixel wide.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Frame {
    size: usize,
    /// Pixels along a side, odd.
    pub(crate) side: usize,
}

impl Frame {
    pub(crate) fn new(size: usize) -> Self {
        Self { size, side: 2 * (size / 2) + 3 }
    }

    /// Column and row of the middle pixel.
    pub(crate) fn middle(&self) -> usize {
        self.side / 2
    }

    /// Where the pixel of an orientation at `(x, y)` from the middle lies in the image, from its middle.
    fn seen(lane: usize, (x, y): (i32, i32)) -> (i32, i32) {
        match lane {
            0 => (y, -x),
            1 => (x, -y),
            2 => (-x, -y),
            _ => (-y, -x),
        }
    }

    /// The inverse of [`Self::seen`].
    fn shown(lane: usize, (x, y): (i32, i32)) -> (i32, i32) {
        match lane {
            0 => (-y, x),
            1 => (x, -y),
            2 => (-x, -y),
            _ => (-y, -x),
        }
    }

    /// Some rows of the four orientations of an image; zeros below the last row.
    pub(crate) fn orient<T: Real>(&self, image: &[T], rows: Range<usize>, to: &mut [Four<T>]) {
        let (middle, half) = (self.middle() as i32, (self.size / 2) as i32);
        let pixel = |(x, y): (i32, i32)| {
            let inside = |place: i32| usize::try_from(place + half).ok().filter(|&place| place < self.size);
            inside(x).zip(inside(y)).and_then(|(column, row)| image.get(row * self.size + column))
        };
        to.par_chunks_mut(self.side).zip(rows).for_each(|(to, row)| {
            let y = row as i32 - middle;
            for (column, to) in to.iter_mut().enumerate() {
                let at = (column as i32 - middle, y);
                *to =
                    std::array::from_fn(|lane| pixel(Self::seen(lane, at)).copied().unwrap_or_else(T::zero));
            }
        });
    }

    /// The image that is the sum of four orientations, each turned back.
    pub(crate) fn reunite<T: Real>(&self, frame: &[Four<T>]) -> Vec<T> {
        let (middle, half) = (self.middle() as i32, (self.size / 2) as i32);
        let mut image = vec![T::zero(); self.size * self.size];
        image.par_chunks_exact_mut(self.size).enumerate().for_each(|(row, pixels)| {
            for (column, pixel) in pixels.iter_mut().enumerate() {
                for lane in 0..LANES {
                    let (x, y) = Self::shown(lane, (column as i32 - half, row as i32 - half));
                    *pixel += frame[(y + middle) as usize * self.side + (x + middle) as usize][lane];
                }
            }
        });
        image
    }
}
