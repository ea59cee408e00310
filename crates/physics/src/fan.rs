//! Fan beams, and their rebinning to parallel ones (Kak and Slaney, *Principles of Computerized Tomographic Imaging*, 1988, chapter 3.4).

use rayon::prelude::*;

use crate::error::{PhysicsError, Result, sized};
use crate::geometry::Parallel;
use crate::real::Real;

/// How detectors lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detector {
    /// Equal angles between rays: an arc about the source.
    Arc,
    /// Equal distances on a line, scaled to the line through the centre.
    Flat,
}

/// Which way the source goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scan {
    /// 360 degrees, the end left out: every ray is measured twice.
    Full,
    /// 180 degrees and the angle of the fan, with its end: every ray is measured at least once.
    Short,
}

/// A source that turns about the middle pixel of an image, and the rays of its fan. The ray at fan angle `g` of the source at angle `b` is the parallel ray of
/// angle `b + g` at `distance sin(g)` from the middle (eq. 3.4.1; on a flat detector `tan(g)` grows evenly).
#[derive(Clone, Debug, PartialEq)]
pub struct Fan {
    size: usize,
    detector: Detector,
    distance: f64,
    detectors: usize,
    scan: Scan,
    sources: usize,
    /// Half the angle of the fan, in radians.
    half: f64,
}

impl Fan {
    /// A fan over the disc around an image of `size x size` pixels from a source at `distance` pixels from its middle, with so many `detectors` and places of the
    /// source.
    ///
    /// # Errors
    /// A source inside the disc, fewer than two detectors or places of the source, sizes that [`Parallel`] refuses.
    pub fn covering(
        size: usize,
        (detector, detectors): (Detector, usize),
        distance: f64,
        (scan, sources): (Scan, usize),
    ) -> Result<Self> {
        Parallel::covering(size, vec![0.0])?;
        let reach = size as f64 * std::f64::consts::FRAC_1_SQRT_2 + 1.0;
        if !(distance > reach && distance.is_finite()) {
            return Err(PhysicsError::Invalid(format!(
                "a source at {distance} pixels lies inside the disc of {reach:.1} pixels around the image"
            )));
        }
        if detectors < 2 || sources < 2 {
            return Err(PhysicsError::Invalid(format!(
                "{detectors} detectors and {sources} places of the source: at least two of each are needed"
            )));
        }
        Ok(Self { size, detector, distance, detectors, scan, sources, half: (reach / distance).asin() })
    }

    /// Pixels along a side of the image.
    pub fn size(&self) -> usize {
        self.size
    }

    /// Rays of one place of the source.
    pub fn detectors(&self) -> usize {
        self.detectors
    }

    /// The places of the source in degrees.
    pub fn sources(&self) -> Vec<f64> {
        (0..self.sources).map(|k| k as f64 * self.step().to_degrees()).collect()
    }

    /// Rays.
    pub fn sinogram_len(&self) -> usize {
        self.detectors * self.sources
    }

    /// The parallel ray of a detector of a source: angle in degrees, distance from the middle in pixels.
    pub fn ray(&self, source: usize, detector: usize) -> (f64, f64) {
        let share = 2.0 * detector as f64 / (self.detectors - 1) as f64 - 1.0;
        let fan = match self.detector {
            Detector::Arc => share * self.half,
            Detector::Flat => (share * self.half.tan()).atan(),
        };
        ((source as f64 * self.step() + fan).to_degrees(), self.distance * fan.sin())
    }

    /// The parallel projections (`angles x detectors`) that lie between the rays of a fan (`sources x detectors`), by linear interpolation between sources and
    /// between detectors (eq. 3.4.3). Of a ray measured from both ends the mean is taken.
    ///
    /// # Errors
    /// A sinogram of another size, a geometry of another image.
    pub fn rebin<T: Real>(&self, sinogram: &[T], to: &Parallel) -> Result<Vec<T>> {
        sized("sinogram", sinogram.len(), self.sinogram_len())?;
        if to.size() != self.size {
            return Err(PhysicsError::Invalid(format!(
                "a fan around {} pixels cannot be rebinned for {}",
                self.size,
                to.size()
            )));
        }
        let mut parallel = vec![T::zero(); to.sinogram_len()];
        let rows = parallel.par_chunks_exact_mut(to.detectors()).zip(to.angles());
        rows.for_each(|(row, angle)| {
            for (detector, value) in row.iter_mut().enumerate() {
                let sine = (detector as f64 - (to.detectors() / 2) as f64) / self.distance;
                *value = self.between(sinogram, angle.to_radians(), sine);
            }
        });
        Ok(parallel)
    }

    /// The value of a parallel ray; zero beyond the fan.
    fn between<T: Real>(&self, sinogram: &[T], angle: f64, sine: f64) -> T {
        let fan = sine.asin();
        // The same ray from its other end.
        let ends = [(angle - fan, fan), (angle + std::f64::consts::PI + fan, -fan)];
        let (mut sum, mut count) = (0.0, 0.0);
        for (source, fan) in ends {
            if let Some(value) = self.at(sinogram, source, fan) {
                (sum, count) = (sum + value, count + 1.0);
            }
        }
        T::of(if count > 0.0 { sum / count } else { 0.0 })
    }

    /// The value between two sources and two detectors, in radians.
    fn at<T: Real>(&self, sinogram: &[T], source: f64, fan: f64) -> Option<f64> {
        let share = match self.detector {
            Detector::Arc => fan / self.half,
            Detector::Flat => fan.tan() / self.half.tan(),
        };
        let (left, right) = neighbours((share + 1.0) / 2.0 * (self.detectors - 1) as f64, self.detectors)?;
        let place = source.rem_euclid(std::f64::consts::TAU) / self.step();
        // A full scan ends where it began.
        let places = if self.scan == Scan::Full { self.sources + 1 } else { self.sources };
        let (first, next) = neighbours(place, places)?;
        let along = |source: usize| {
            let value = |detector: usize| sinogram[source * self.detectors + detector].f64();
            value(left) * (1.0 - right) + value(left + 1) * right
        };
        Some(along(first) * (1.0 - next) + along((first + 1) % self.sources) * next)
    }

    /// Radians between two places of the source.
    fn step(&self) -> f64 {
        match self.scan {
            Scan::Full => std::f64::consts::TAU / self.sources as f64,
            Scan::Short => (std::f64::consts::PI + 2.0 * self.half) / (self.sources - 1) as f64,
        }
    }
}

/// The left of two neighbours among `count`, and how far a place lies to the right of it.
fn neighbours(place: f64, count: usize) -> Option<(usize, f64)> {
    let last = (count - 1) as f64;
    (place >= 0.0 && place <= last).then(|| {
        let left = (place as usize).min(count - 2);
        (left, place - left as f64)
    })
}
