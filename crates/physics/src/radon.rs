//! The Radon transform of parallel beams and its adjoint.

use rayon::prelude::*;

use crate::error::{Result, sized};
use crate::geometry::Parallel;
use crate::real::Real;

/// The projections of an image (scikit-image's `radon`): for each angle the image is turned, by linear interpolation between four pixels, and its columns are
/// summed. Zero outside the image.
#[derive(Clone, Debug)]
pub struct Radon {
    geometry: Parallel,
}

/// Partial images of an adjoint, each of some angles.
const PARTS: usize = 16;
/// Pixels that one thread adds at a time.
const ADDED: usize = 1 << 14;

impl Radon {
    /// The transform of a geometry.
    pub fn new(geometry: Parallel) -> Self {
        Self { geometry }
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
        let (framed, mut sinogram) = (self.framed(image), vec![T::zero(); self.geometry.sinogram_len()]);
        let rows = sinogram.par_chunks_exact_mut(self.geometry.detectors());
        rows.zip(self.geometry.angles()).for_each(|(row, &angle)| {
            let turned = Turned::<T>::new(&self.geometry, angle);
            pulp::Arch::new().dispatch(|| turned.project(&framed, row));
        });
        Ok(sinogram)
    }

    /// The adjoint `A' y` of [`Self::forward`]: the same weights, from `angles x detectors` to `size x size`.
    ///
    /// # Errors
    /// A sinogram of another size.
    pub fn adjoint<T: Real>(&self, sinogram: &[T]) -> Result<Vec<T>> {
        sized("sinogram", sinogram.len(), self.geometry.sinogram_len())?;
        let some = self.geometry.angles().len().div_ceil(PARTS);
        let rows = sinogram.par_chunks(some * self.geometry.detectors());
        let parts: Vec<Vec<T>> = rows
            .zip(self.geometry.angles().par_chunks(some))
            .map(|(rows, angles)| {
                let side = self.geometry.size() + 2;
                let mut framed = vec![T::zero(); side * side];
                for (row, &angle) in rows.chunks_exact(self.geometry.detectors()).zip(angles) {
                    Turned::new(&self.geometry, angle).spread(row, &mut framed);
                }
                framed
            })
            .collect();
        let mut total = vec![T::zero(); (self.geometry.size() + 2).pow(2)];
        total.par_chunks_mut(ADDED).enumerate().for_each(|(i, total)| {
            for part in &parts {
                total.iter_mut().zip(&part[i * ADDED..]).for_each(|(t, &p)| *t += p);
            }
        });
        let inner = total.chunks_exact(self.geometry.size() + 2).skip(1).take(self.geometry.size());
        Ok(inner.flat_map(|row| row[1..=self.geometry.size()].iter().copied()).collect())
    }

    /// The image in a frame of zeros, one pixel wide.
    fn framed<T: Real>(&self, image: &[T]) -> Vec<T> {
        let side = self.geometry.size() + 2;
        let mut framed = vec![T::zero(); side * side];
        let inner = framed.chunks_exact_mut(side).skip(1);
        inner
            .zip(image.chunks_exact(self.geometry.size()))
            .for_each(|(to, from)| to[1..side - 1].copy_from_slice(from));
        framed
    }
}

/// The rays of one angle, in pixels of the framed image.
struct Turned<T> {
    detectors: usize,
    side: usize,
    cos: T,
    sin: T,
}

/// The points of one row of the turned image that lie in the frame: `x = dc cos + x0`, `y = -dc sin + y0` for the distances `dc` of detectors from
/// the middle one.
struct Points<T> {
    /// Detectors whose points lie in the frame.
    range: std::ops::Range<usize>,
    x0: T,
    y0: T,
}

impl<T: Real> Turned<T> {
    fn new(geometry: &Parallel, angle: f64) -> Self {
        let (sin, cos) = angle.to_radians().sin_cos();
        Self { detectors: geometry.detectors(), side: geometry.size() + 2, cos: T::of(cos), sin: T::of(sin) }
    }

    /// How far a detector or row lies from the middle one.
    #[inline(always)]
    fn distance(&self, index: usize) -> T {
        T::int(index as i32 - (self.detectors / 2) as i32)
    }

    /// The point of a detector: column and row in the frame.
    #[inline(always)]
    fn point(&self, points: &Points<T>, detector: usize) -> (T, T) {
        let dc = self.distance(detector);
        (dc * self.cos + points.x0, points.y0 - dc * self.sin)
    }

    /// Whether a point has four pixels around it.
    #[inline(always)]
    fn inside(&self, (x, y): (T, T)) -> bool {
        let end = T::of((self.side - 1) as f64);
        x >= T::zero() && y >= T::zero() && x < end && y < end
    }

    /// The points of a row.
    fn points(&self, row: usize) -> Points<T> {
        let (dr, middle) = (self.distance(row), T::of(((self.side - 2) / 2 + 1) as f64));
        let mut points = Points { range: 0..0, x0: dr * self.sin + middle, y0: dr * self.cos + middle };
        // Both coordinates run one way, also as rounded, so that all points between two inside are inside.
        let (mut first, mut last) = self.crossing(&points);
        while first < last && !self.inside(self.point(&points, first)) {
            first += 1;
        }
        while first < last && !self.inside(self.point(&points, last - 1)) {
            last -= 1;
        }
        points.range = first..last;
        points
    }

    /// Detectors among which all points inside are, from the geometry, with one more at either end.
    fn crossing(&self, points: &Points<T>) -> (usize, usize) {
        let (end, middle) = ((self.side - 1) as f64, (self.detectors / 2) as f64);
        let (mut low, mut high) = (f64::NEG_INFINITY, f64::INFINITY);
        for (start, slope) in [(points.x0.f64(), self.cos.f64()), (points.y0.f64(), -self.sin.f64())] {
            if slope.abs() > 1e-9 {
                let ends = [-start / slope, (end - start) / slope];
                low = low.max(ends[0].min(ends[1]));
                high = high.min(ends[0].max(ends[1]));
            }
        }
        let detectors = self.detectors as f64;
        let first = (low + middle - 1.0).floor().clamp(0.0, detectors);
        let last = (high + middle + 2.0).ceil().clamp(first, detectors);
        (first as usize, last as usize)
    }

    /// Adds the points of all rows to the detectors.
    #[inline(always)]
    fn project(&self, framed: &[T], sums: &mut [T]) {
        for row in 0..self.detectors {
            let points = self.points(row);
            for (detector, sum) in points.range.clone().zip(&mut sums[points.range.clone()]) {
                let Corner { at, right, down } = self.corner(&points, detector);
                // SAFETY: the pixel at `at`, its right neighbour and those below are in the frame.
                let [a, b, c, d] = [at, at + 1, at + self.side, at + self.side + 1]
                    .map(|i| unsafe { *framed.get_unchecked(i) });
                let (above, below) = (a + right * (b - a), c + right * (d - c));
                *sum += above + down * (below - above);
            }
        }
    }

    /// Adds to the pixels of the frame what [`Self::project`] takes from them.
    fn spread(&self, sums: &[T], framed: &mut [T]) {
        for row in 0..self.detectors {
            let points = self.points(row);
            for detector in points.range.clone() {
                let Corner { at, right, down } = self.corner(&points, detector);
                let (below, sum) = (down * sums[detector], sums[detector]);
                let above = sum - below;
                framed[at + 1] += right * above;
                framed[at] += above - right * above;
                framed[at + self.side + 1] += right * below;
                framed[at + self.side] += below - right * below;
            }
        }
    }

    /// Where the point of a detector lies between pixels.
    #[inline(always)]
    fn corner(&self, points: &Points<T>, detector: usize) -> Corner<T> {
        let (x, y) = self.point(points, detector);
        // SAFETY: the point is inside.
        let (column, row) = unsafe { (x.whole(), y.whole()) };
        let at = (row * self.side as i32 + column) as usize;
        Corner { at, right: x - T::int(column), down: y - T::int(row) }
    }
}

/// A point between four pixels.
struct Corner<T> {
    /// The pixel above and to the left.
    at: usize,
    /// How far the point lies to the right of it, in 0 .. 1.
    right: T,
    /// How far below it.
    down: T,
}
