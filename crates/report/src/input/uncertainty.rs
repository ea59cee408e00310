//! Uncertainty methods on a reconstruction network.

use serde::{Deserialize, Serialize};

use super::Estimate;

/// A method, measured on the test items of all runs (Oala et al., METHODS 2.4). `None` where a method does not give it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct UncertaintyRow {
    /// Name of the method.
    pub method: String,
    /// Correlation of |error| and u.
    pub pearson: Option<Estimate>,
    /// Cosine of |error| and u.
    pub cosine: Option<Estimate>,
    /// `cosine / mse`
    pub pwcc: Option<Estimate>,
    /// Mean squared error.
    pub mse: Option<Estimate>,
    /// Area between the sparsification curve and that of the oracle.
    pub ause: Option<Estimate>,
    /// Share of pixels inside their interval.
    pub coverage: Option<Estimate>,
    /// Mean width of the intervals.
    pub width: Option<Estimate>,
    /// Coverage after conformal calibration.
    pub calibrated_coverage: Option<f64>,
    /// Width after conformal calibration.
    pub calibrated_width: Option<f64>,
    /// Seconds for an item.
    pub seconds: Option<f64>,
    /// How well the longer side of the interval tells where the truth lies.
    pub direction: Vec<DirectionAccuracy>,
    /// The same items with more and more noise.
    pub levels: Vec<NoiseLevel>,
}

/// Direction accuracy on the pixels whose half-widths differ by a factor.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct DirectionAccuracy {
    /// The factor.
    pub ratio: f64,
    /// Accuracy in [0, 1].
    pub accuracy: Option<Estimate>,
    /// Share of pixels that take part.
    pub participating: Option<Estimate>,
}

/// What a method says at a level of noise.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct NoiseLevel {
    /// Standard deviation of the noise.
    pub sigma: f64,
    /// Mean u.
    pub u: Option<f64>,
    /// Mean correlation of |error| and u.
    pub pearson: Option<f64>,
}
