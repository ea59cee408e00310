//! The measures of one image.

use super::interval::IntervalRecord;
use super::sparsification::{Sparsification, sparsification};
use crate::error::{LearnError, check_count, check_finite_values, check_lengths};
use crate::metrics;

/// What a method says about one image: slices of equal length, one value for each pixel, all finite.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Maps<'a> {
    output: &'a [f32],
    target: &'a [f32],
    u: &'a [f32],
    bounds: Option<(&'a [f32], &'a [f32])>,
}

impl<'a> Maps<'a> {
    /// Reconstruction, truth, and uncertainty of every pixel.
    ///
    /// # Errors
    /// [`LearnError::TooFew`] without pixels, [`LearnError::Length`] and [`LearnError::NotFiniteValue`].
    pub fn new(output: &'a [f32], target: &'a [f32], u: &'a [f32]) -> Result<Self, LearnError> {
        check_count("pixels", 1, output.len())?;
        check_lengths("output and target", output.len(), target.len())?;
        check_lengths("output and uncertainty", output.len(), u.len())?;
        check_finite_values("output", output)?;
        check_finite_values("target", target)?;
        check_finite_values("uncertainty", u)?;
        Ok(Self { output, target, u, bounds: None })
    }

    /// The same with the interval of every pixel.
    ///
    /// # Errors
    /// As [`Maps::new`]; [`LearnError::Parameter`] where a lower end lies above its upper end, which is a bug of the method
    /// and not to be hidden by swapping them.
    pub fn with_bounds(self, lo: &'a [f32], hi: &'a [f32]) -> Result<Self, LearnError> {
        check_lengths("output and lower ends", self.output.len(), lo.len())?;
        check_lengths("output and upper ends", self.output.len(), hi.len())?;
        check_finite_values("lower ends", lo)?;
        check_finite_values("upper ends", hi)?;
        if let Some((&lo, _)) = lo.iter().zip(hi).find(|(lo, hi)| lo > hi) {
            let rule = "at most the upper end of its pixel";
            return Err(LearnError::Parameter { name: "lower end", value: f64::from(lo), rule });
        }
        Ok(Self { bounds: Some((lo, hi)), ..self })
    }

    /// Uncertainty of every pixel.
    pub(super) fn u(&self) -> &'a [f32] {
        self.u
    }

    /// |output - target| of every pixel.
    pub(super) fn errors(&self) -> Vec<f64> {
        let pairs = self.output.iter().zip(self.target);
        pairs.map(|(&output, &target)| (f64::from(output) - f64::from(target)).abs()).collect()
    }
}

/// The measures of one image. `None` where a measure is not defined: a constant or perfect output, a constant u, a method
/// without intervals.
#[derive(Debug, Clone, PartialEq)]
pub struct ImageRecord {
    /// Pearson correlation of |error| and u, centred, in -1 ..= 1.
    pub pearson: Option<f64>,
    /// Cosine between |error| and u, in 0 ..= 1 for u >= 0.
    pub cosine: Option<f64>,
    /// `cosine` / `mse`, the performance-weighted correlation coefficient.
    pub pwcc: Option<f64>,
    /// Mean squared error over the pixels.
    pub mse: f64,
    /// Mean of u.
    pub mean_u: f64,
    /// The error of what is left when the most uncertain pixels are removed.
    pub sparsification: Option<Sparsification>,
    /// What is measured on intervals.
    pub interval: Option<IntervalRecord>,
}

impl ImageRecord {
    /// Measures one image.
    ///
    /// # Errors
    /// None for maps as [`Maps::new`] lets them pass.
    pub fn of(maps: &Maps<'_>) -> Result<Self, LearnError> {
        let errors = maps.errors();
        let u: Vec<f64> = maps.u.iter().map(|&u| f64::from(u)).collect();
        let pixels = errors.len() as f64;
        let squares: Vec<f64> = errors.iter().map(|error| error * error).collect();
        let mse = squares.iter().sum::<f64>() / pixels;
        let cosine = metrics::cosine(&errors, &u)?;
        Ok(Self {
            pearson: metrics::pearson(&errors, &u)?,
            cosine,
            pwcc: cosine.map(|cosine| cosine / mse),
            mse,
            mean_u: u.iter().sum::<f64>() / pixels,
            sparsification: sparsification(&squares, &u)?,
            interval: maps.bounds.map(|(lo, hi)| IntervalRecord::of(maps.output, maps.target, lo, hi)),
        })
    }
}

/// A measure with one number for each image.
#[derive(Clone, Copy)]
pub struct Measure {
    /// Its name in results.
    pub name: &'static str,
    /// The number of an image, `None` where it is not defined.
    pub of: fn(&ImageRecord) -> Option<f64>,
}

/// All measures with one number for each image.
pub const MEASURES: &[Measure] = &[
    Measure { name: "pearson", of: |record| record.pearson },
    Measure { name: "cosine", of: |record| record.cosine },
    Measure { name: "pwcc", of: |record| record.pwcc },
    Measure { name: "mse", of: |record| Some(record.mse) },
    Measure { name: "mean_u", of: |record| Some(record.mean_u) },
    Measure { name: "ause", of: |record| record.sparsification.as_ref().map(|s| s.ause) },
    Measure { name: "coverage", of: |record| record.interval.as_ref().map(IntervalRecord::coverage) },
    Measure { name: "width", of: |record| record.interval.as_ref().map(|interval| interval.width) },
    Measure { name: "enclosed", of: |record| record.interval.as_ref().map(|interval| interval.enclosed) },
];
