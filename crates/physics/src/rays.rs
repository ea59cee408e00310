//! The rays of four angles through four orientations of an image.

use std::ops::Range;

use pulp::NullaryFnOnce;

use crate::frame::Frame;
use crate::orientation::{Four, Group, LANES};
use crate::pair::{Pair, Total, pair};
use crate::real::Real;

/// The rays of a group of angles. Point `j` of ray `i`, both counted from the middle, lies at `x = j cos + i sin`, `y = i cos - j sin` from the middle
/// of the frame: rays run along its rows, and downwards one after the other.
pub(crate) struct Rays<T> {
    detectors: usize,
    side: usize,
    cos: T,
    sin: T,
    backwards: bool,
    /// Points of a ray and what they count in each orientation.
    parts: Vec<(Range<i32>, Four<T>)>,
}

/// Points whose places are computed at a time.
const STRETCH: usize = 32;

/// Where points lie between pixels.
struct Places<T> {
    /// The pixel above and to the left.
    at: [i32; STRETCH],
    /// How far the point lies to the right of it, in 0 .. 1.
    right: [T; STRETCH],
    /// How far below it.
    down: [T; STRETCH],
}

/// Rows of the frame and one below.
#[derive(Clone, Debug)]
pub(crate) struct Band {
    pub(crate) rows: Range<usize>,
}

/// Where a ray starts: the point 0.
#[derive(Clone, Copy)]
struct Ray<T> {
    x: T,
    y: T,
}

impl<T: Real> Rays<T> {
    pub(crate) fn new(group: &Group, frame: &Frame, detectors: usize) -> Self {
        let last = (detectors / 2) as i32;
        let parts = if detectors % 2 == 1 {
            vec![(-last..last + 1, [T::one(); LANES])]
        } else {
            // The turned image has one more row before the middle than behind it.
            let counts = |against| {
                std::array::from_fn(|lane| if group.against(lane) == against { T::one() } else { T::zero() })
            };
            vec![
                (-last..1 - last, counts(false)),
                (1 - last..last, [T::one(); LANES]),
                (last..last + 1, counts(true)),
            ]
        };
        let (cos, sin) = (T::of(group.cos), T::of(group.sin));
        Self { detectors, side: frame.side, cos, sin, backwards: group.backwards, parts }
    }

    /// Detectors among which are all whose rays meet a band.
    fn detectors(&self, band: &Band) -> Range<usize> {
        let (middle, sin, cos) = ((self.side / 2) as f64, self.sin.f64(), self.cos.f64());
        let low = (band.rows.start as f64 - middle) * cos - middle * sin - 2.0;
        let high = (band.rows.end as f64 - middle) * cos + middle * sin + 2.0;
        let (low, high) = if self.backwards { (-high, -low) } else { (low, high) };
        let detector = |i: f64| (i + (self.detectors / 2) as f64).clamp(0.0, self.detectors as f64) as usize;
        detector(low)..detector(high + 1.0)
    }

    #[inline(always)]
    fn ray(&self, detector: usize) -> Ray<T> {
        let i = detector as i32 - (self.detectors / 2) as i32;
        let i = T::int(if self.backwards { -i } else { i });
        let middle = T::int((self.side / 2) as i32);
        Ray { x: i * self.sin + middle, y: i * self.cos + middle }
    }

    #[inline(always)]
    fn point(&self, ray: Ray<T>, j: i32) -> (T, T) {
        let j = T::int(j);
        (ray.x + j * self.cos, ray.y - j * self.sin)
    }

    /// Whether a point has four pixels around it, the upper ones in the band.
    #[inline(always)]
    fn inside(&self, (x, y): (T, T), band: &Band) -> bool {
        let end = |index: usize| T::int(index.min(self.side - 1) as i32);
        x >= T::zero() && x < end(self.side) && y >= end(band.rows.start) && y < end(band.rows.end)
    }

    /// The points of a ray in a band.
    #[inline(always)]
    fn range(&self, ray: Ray<T>, band: &Band) -> Range<i32> {
        let (cos, sin, x, y) = (self.cos.f64(), self.sin.f64(), ray.x.f64(), ray.y.f64());
        // Coordinates are rounded by less than this.
        let slack = 8.0 * T::epsilon().f64() * self.side as f64;
        let mut low = -(x + slack) / cos;
        let mut high = (self.side as f64 + slack - x) / cos;
        if sin > 1e-9 {
            low = low.max((y - band.rows.end as f64 - slack) / sin);
            high = high.min((y - band.rows.start as f64 + slack) / sin);
        }
        let last = (self.detectors / 2) as f64;
        let first = low.ceil().clamp(-last, last + 1.0) as i32;
        let last = (high + 1.0).floor().clamp(-last, last + 1.0) as i32;
        // Both coordinates run one way, also as rounded, so that all points between two inside are inside.
        let mut range = first..last.max(first);
        while range.start < range.end && !self.inside(self.point(ray, range.start), band) {
            range.start += 1;
        }
        while range.start < range.end && !self.inside(self.point(ray, range.end - 1), band) {
            range.end -= 1;
        }
        range
    }

    /// Where points lie, from `first` on.
    #[inline(always)]
    fn places(&self, ray: Ray<T>, first: i32, band: &Band) -> Places<T> {
        let mut places = Places { at: [0; STRETCH], right: [T::zero(); STRETCH], down: [T::zero(); STRETCH] };
        let (side, start) = (self.side as i32, band.rows.start as i32);
        for k in 0..STRETCH {
            let (x, y) = self.point(ray, first + k as i32);
            // SAFETY: coordinates are a few thousands.
            let (column, row) = unsafe { (x.whole(), y.whole()) };
            places.at[k] = (row - start) * side + column;
            places.right[k] = x - T::int(column);
            places.down[k] = y - T::int(row);
        }
        places
    }

    /// Adds what the rays of some detectors, from `first` on, meet in a band.
    #[inline(always)]
    pub(crate) fn project(&self, band: &Band, pixels: &[Four<T>], first: usize, sums: &mut [Four<T>]) {
        assert!(pixels.len() >= (band.rows.len() + 1) * self.side);
        let met = self.detectors(band);
        for detector in met.start.max(first)..met.end.min(first + sums.len()) {
            let ray = self.ray(detector);
            let range = self.range(ray, band);
            for (part, counts) in &self.parts {
                let range = range.start.max(part.start)..range.end.min(part.end);
                let sum = self.sum(ray, range, band, pixels);
                for lane in 0..LANES {
                    sums[detector - first][lane] += counts[lane] * sum[lane];
                }
            }
        }
    }

    /// The sum of points of a ray, which are all inside.
    #[inline(always)]
    fn sum(&self, ray: Ray<T>, range: Range<i32>, band: &Band, pixels: &[Four<T>]) -> Four<T> {
        let pixels = pixels.as_ptr();
        // Of every second point, so that additions need not wait for each other.
        let mut totals = [Total::new(); 2];
        for first in range.clone().step_by(STRETCH) {
            let places = self.places(ray, first, band);
            let count = (range.end - first).min(STRETCH as i32) as usize;
            let even = count & !1;
            for k in (0..even).step_by(2) {
                // SAFETY: the points are inside.
                unsafe {
                    self.meet(&mut totals[0], pixels, &places, k);
                    self.meet(&mut totals[1], pixels, &places, k + 1);
                }
            }
            if even < count {
                // SAFETY: the point is inside.
                unsafe { self.meet(&mut totals[0], pixels, &places, even) };
            }
        }
        together(totals)
    }

    /// Adds a point to a sum.
    ///
    /// # Safety
    /// The point is inside.
    #[inline(always)]
    unsafe fn meet(&self, total: &mut Total<T>, pixels: *const Four<T>, places: &Places<T>, k: usize) {
        // SAFETY: the four pixels around the point lie in the band.
        let (above, below) = unsafe {
            let from = pixels.add(places.at[k] as usize);
            (pair(from), pair(from.add(self.side)))
        };
        total.add_between(&above, &below, places.right[k], places.down[k]);
    }

    /// Adds to the pixels of a band what [`Self::project`] takes from them.
    #[inline(always)]
    pub(crate) fn spread(&self, band: &Band, sums: &[Four<T>], pixels: &mut [Four<T>]) {
        assert!(pixels.len() >= (band.rows.len() + 1) * self.side);
        for detector in self.detectors(band) {
            let ray = self.ray(detector);
            let range = self.range(ray, band);
            for (part, counts) in &self.parts {
                let range = range.start.max(part.start)..range.end.min(part.end);
                let sum = std::array::from_fn(|lane| counts[lane] * sums[detector][lane]);
                self.add(ray, range, band, &sum, pixels);
            }
        }
    }

    /// Adds a value to the pixels around points of a ray, which are all inside.
    #[inline(always)]
    fn add(&self, ray: Ray<T>, range: Range<i32>, band: &Band, sum: &Four<T>, pixels: &mut [Four<T>]) {
        let pixels = pixels.as_mut_ptr();
        for first in range.clone().step_by(STRETCH) {
            let places = self.places(ray, first, band);
            let count = (range.end - first).min(STRETCH as i32) as usize;
            // Points that lie three apart share no pixel: none waits until another is written.
            for k in (0..3).flat_map(|phase| (phase..count).step_by(3)) {
                // SAFETY: the four pixels around the point lie in the band.
                let (above, below) = unsafe {
                    let from = pixels.add(places.at[k] as usize);
                    (from.cast::<Pair<T>>(), from.add(self.side).cast::<Pair<T>>())
                };
                let (mut upper, mut lower) = unsafe { (above.read(), below.read()) };
                let (right, down) = (places.right[k], places.down[k]);
                for l in 0..2 * LANES {
                    let weight = if l < LANES { T::one() - right } else { right };
                    let value = weight * sum[l % LANES];
                    let part = value * down;
                    upper[l] += value - part;
                    lower[l] += part;
                }
                unsafe {
                    above.write(upper);
                    below.write(lower);
                }
            }
        }
    }
}

/// The sum of two. Not part of its caller, whose loop compilers would arrange for these few additions.
#[inline(never)]
fn together<T: Real>(totals: [Total<T>; 2]) -> Four<T> {
    let [a, b] = totals.map(|total| total.sum());
    std::array::from_fn(|lane| a[lane] + b[lane])
}

/// [`Rays::project`], compiled for the vectors of this machine.
pub struct Project<'a, T> {
    pub(crate) rays: &'a Rays<T>,
    pub(crate) band: &'a Band,
    pub(crate) pixels: &'a [Four<T>],
    pub(crate) first: usize,
    pub(crate) sums: &'a mut [Four<T>],
}

impl<T: Real> NullaryFnOnce for Project<'_, T> {
    type Output = ();
    #[inline(always)]
    fn call(self) {
        self.rays.project(self.band, self.pixels, self.first, self.sums);
    }
}

/// [`Rays::spread`], compiled for the vectors of this machine.
pub struct Spread<'a, T> {
    pub(crate) rays: &'a Rays<T>,
    pub(crate) band: &'a Band,
    pub(crate) sums: &'a [Four<T>],
    pub(crate) pixels: &'a mut [Four<T>],
}

impl<T: Real> NullaryFnOnce for Spread<'_, T> {
    type Output = ();
    #[inline(always)]
    fn call(self) {
        self.rays.spread(self.band, self.sums, self.pixels);
    }
}
