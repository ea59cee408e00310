//! Filtered back-projection of parallel beams.

mod adjoint;

use std::f64::consts::PI;
use std::ops::Range;
use std::sync::Arc;

use pulp::NullaryFnOnce;
use rayon::prelude::*;
use rustfft::Fft;
use rustfft::num_complex::Complex;

use crate::error::{Result, sized};
use crate::filter::{Filter, response};
use crate::frame::Frame;
use crate::geometry::{Parallel, diagonal};
use crate::orientation::{Four, Group, Groups, LANES};
use crate::pair::{Total, pair};
use crate::real::Real;

/// Filtered back-projection (scikit-image's `iradon` with linear interpolation): every projection is filtered, and each pixel is the sum of the filtered values that
/// its rays meet, times `pi / (2 angles)`.
pub struct FilteredBackprojection<T: Real> {
    geometry: Parallel,
    groups: Groups,
    /// Values of a filtered projection: detectors along the diagonal.
    width: usize,
    /// The even part of the filter's response, over its length; the odd part would leave no trace in real values.
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
/// Rows and columns of pixels that stay near a core while all angles pass.
const TILE: usize = 32;

impl<T: Real> FilteredBackprojection<T> {
    /// Back-projection for a geometry.
    pub fn new(geometry: Parallel, filter: Filter) -> Self {
        // Detectors of the inscribed disc are filled up to the diagonal, as in scikit-image.
        let width = diagonal(geometry.size());
        let size = (2 * width).next_power_of_two().max(SHORTEST);
        let response = response(filter, size);
        let even = |k: usize| (response[k] + response[(size - k) % size]) / (2 * size) as f64;
        let [forward, inverse] = T::transforms(size);
        Self {
            groups: Groups::new(geometry.angles()),
            geometry,
            width,
            filter: (0..size).map(|k| T::of(even(k))).collect(),
            forward,
            inverse,
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
        let frame = Frame::new(self.geometry.size());
        let groups = self.groups.all.iter().zip(filtered.chunks_exact(self.stride()));
        let groups: Vec<Filtered<'_, T>> =
            groups.map(|(group, values)| Filtered::new(group, values, frame.side, self.width)).collect();
        let mut pixels = vec![[T::zero(); LANES]; frame.side * frame.side];
        pixels.par_chunks_mut(TILE * frame.side).enumerate().for_each(|(k, rows)| {
            T::back(Rows { groups: &groups, side: frame.side, first: k * TILE, rows });
        });
        let mut image = frame.reunite(&pixels);
        self.scale(&mut image);
        Ok(image)
    }

    /// Values of a group's filtered projections, two of them zeros at the end: what pixels take that no ray meets.
    fn stride(&self) -> usize {
        self.width + 2
    }

    /// Every row of a sinogram convolved with the filter, group by group.
    fn filtered(&self, sinogram: &[T]) -> Vec<Four<T>> {
        let mut filtered = vec![[T::zero(); LANES]; self.stride() * self.groups.all.len()];
        let groups = filtered.par_chunks_exact_mut(self.stride()).zip(&self.groups.all);
        groups.for_each_init(
            || vec![Complex::default(); self.filter.len()],
            |buffer, (values, group)| {
                for lanes in [[0, 1], [2, 3]] {
                    self.convolve(sinogram, group, lanes, buffer);
                    for (value, pair) in values.iter_mut().zip(buffer.iter()).take(self.width) {
                        (value[lanes[0]], value[lanes[1]]) = (pair.re, pair.im);
                    }
                }
            },
        );
        filtered
    }

    /// Two rows convolved with the filter, as real and imaginary parts: the filter is even, and mixes nothing.
    fn convolve(&self, sinogram: &[T], group: &Group, lanes: [usize; 2], buffer: &mut [Complex<T>]) {
        let detectors = self.geometry.detectors();
        let first = self.width / 2 - detectors / 2;
        let [re, im] = lanes.map(|lane| group.angles[lane].map(|angle| &sinogram[angle * detectors..]));
        buffer.fill(Complex::default());
        for k in 0..detectors {
            let value = |row: Option<&[T]>| row.map_or_else(T::zero, |row| row[k]);
            let place = if group.backwards { self.width - 1 - (first + k) } else { first + k };
            buffer[place] = Complex::new(value(re), value(im));
        }
        self.apply(buffer);
    }

    /// Multiplies by the filter's response.
    fn apply(&self, buffer: &mut [Complex<T>]) {
        self.forward.process(buffer);
        buffer.iter_mut().zip(&self.filter).for_each(|(b, &f)| *b = b.scale(f));
        self.inverse.process(buffer);
    }

    /// Sums over angles as an image: times the step between angles, zero where the inscribed disc ends.
    fn scale(&self, image: &mut [T]) {
        let size = self.geometry.size();
        let weight = T::of(PI / (2 * self.geometry.angles().len()) as f64);
        let from_middle = |index: usize| (index as i64 - (size / 2) as i64).pow(2);
        for (row, pixels) in image.chunks_exact_mut(size).enumerate() {
            for (column, pixel) in pixels.iter_mut().enumerate() {
                let outside = from_middle(row) + from_middle(column) > ((size / 2) as i64).pow(2);
                *pixel = if outside && !self.geometry.covers() { T::zero() } else { *pixel * weight };
            }
        }
    }
}

/// Filtered projections of a group of angles.
struct Filtered<'a, T> {
    values: &'a [Four<T>],
    width: usize,
    cos: T,
    sin: T,
    /// Column and row of the frame's middle.
    centre: i32,
    /// Where the ray through the middle is.
    middle: T,
}

/// Where pixels lie between filtered values.
#[derive(Clone, Copy)]
struct Places<T> {
    at: [i32; TILE],
    beyond: [T; TILE],
}

/// Groups whose values a pixel takes at a time.
const GROUPS: usize = 16;

impl<'a, T: Real> Filtered<'a, T> {
    fn new(group: &Group, values: &'a [Four<T>], side: usize, width: usize) -> Self {
        let middle = if group.backwards { width - 1 - width / 2 } else { width / 2 };
        Self {
            values,
            width,
            cos: T::of(group.cos),
            sin: T::of(group.sin),
            centre: (side / 2) as i32,
            middle: T::int(middle as i32),
        }
    }

    /// The places of pixels of a row, from a column on.
    #[inline(always)]
    fn places(&self, row: usize, column: usize, places: &mut Places<T>) {
        let start = T::int(row as i32 - self.centre) * self.cos + self.middle;
        let (end, column) = (T::int(self.width as i32 - 1), column as i32 - self.centre);
        for k in 0..TILE {
            let place = T::int(column + k as i32) * self.sin + start;
            let seen = place >= T::zero() && place <= end;
            // What no ray meets takes the zeros behind the values.
            let place = if seen { place } else { T::int(self.width as i32) };
            // SAFETY: the place is one of a few thousand values.
            places.at[k] = unsafe { place.whole() };
            places.beyond[k] = place - T::int(places.at[k]);
        }
    }
}

/// Adds to pixels of a row, from a column on, what the rays of some groups bring.
#[inline(always)]
fn add<T: Real>(groups: &[Filtered<'_, T>], row: usize, column: usize, pixels: &mut [Four<T>]) {
    let mut places = [Places { at: [0; TILE], beyond: [T::zero(); TILE] }; GROUPS];
    for (places, group) in places.iter_mut().zip(groups) {
        group.places(row, column, places);
    }
    for (k, pixel) in pixels.iter_mut().take(TILE).enumerate() {
        let mut total = Total::new();
        for (places, group) in places.iter().zip(groups) {
            // SAFETY: the place and the next one are among the `width + 2` values.
            let value = unsafe { pair(group.values.as_ptr().add(places.at[k] as usize)) };
            total.add(&value, places.beyond[k]);
        }
        let sum = total.sum();
        *pixel = std::array::from_fn(|lane| pixel[lane] + sum[lane]);
    }
}

/// Rows of the frame that take what all angles bring, in the order of groups.
pub struct Rows<'a, T> {
    groups: &'a [Filtered<'a, T>],
    side: usize,
    first: usize,
    rows: &'a mut [Four<T>],
}

impl<T: Real> NullaryFnOnce for Rows<'_, T> {
    type Output = ();
    #[inline(always)]
    fn call(self) {
        for column in (0..self.side).step_by(TILE) {
            let columns: Range<usize> = column..(column + TILE).min(self.side);
            for groups in self.groups.chunks(GROUPS) {
                for (k, row) in self.rows.chunks_exact_mut(self.side).enumerate() {
                    add(groups, self.first + k, column, &mut row[columns.clone()]);
                }
            }
        }
    }
}
