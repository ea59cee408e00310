//! What uncertainty methods and stress tests come to, as parts of `results.json`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Bootstrap intervals of a run over test items (whole groups, where there are groups), lower and upper end, by the name of the number that they belong to.
pub type Intervals = BTreeMap<String, [f64; 2]>;

/// Scores of an uncertainty method (Oala et al.); `None` where a method does not give it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct UncertaintyScore {
    /// Pearson correlation of |error| and uncertainty.
    pub pearson: Option<f64>,
    /// Cosine of |error| and uncertainty.
    pub cosine: Option<f64>,
    /// `cosine / mse`
    pub pwcc: Option<f64>,
    /// Mean squared error of the prediction.
    pub mse: Option<f64>,
    /// Share of pixels inside their interval.
    pub coverage: Option<f64>,
    /// Mean width of the intervals.
    pub width: Option<f64>,
    /// Mean uncertainty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mean_u: Option<f64>,
    /// Area between the sparsification curve and that of the oracle.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ause: Option<f64>,
    /// Area under the risk-coverage curve of items rejected by their mean uncertainty, in root mean squared error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aurc: Option<f64>,
    /// That of an oracle that rejects by the error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aurc_optimal: Option<f64>,
    /// Area under the generalised risk-coverage curve (arXiv 2407.01032).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub augrc: Option<f64>,
    /// That of the oracle.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub augrc_optimal: Option<f64>,
    /// Share of pixels inside their interval after conformal calibration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calibrated_coverage: Option<f64>,
    /// Mean width of the intervals after conformal calibration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calibrated_width: Option<f64>,
    /// The calibration, and what it promises.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calibration: Option<CalibrationResult>,
    /// The interval network's own bounds widened by t times its price of width, by t.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub markov: BTreeMap<String, MarkovResult>,
    /// Share of pixels whose target lies on the side of the larger half of their interval, among those that have one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub direction_accuracy: Option<f64>,
    /// The same on pixels whose half-widths differ by a factor, by this factor.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub direction: BTreeMap<String, DirectionResult>,
    /// Where the targets lie in the method's own intervals.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub placement: Option<PlacementResult>,
    /// Where they lie in the calibrated ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calibrated_placement: Option<PlacementResult>,
    /// Spearman correlation of the mean uncertainty with the noise level; `None` with fewer than two levels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub noise_spearman: Option<f64>,
    /// Intervals of the numbers above.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub intervals: Intervals,
    /// Measured time. Differs between machines and runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds_per_image: Option<f64>,
}

/// A conformal calibration.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CalibrationResult {
    /// Share of the pixels that it aims at.
    pub level: f64,
    /// Chance with which it may fail, where one was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delta: Option<f64>,
    /// `mean`: in expectation the level is covered; `confident`: except for the chance `delta`; `nothing`: there are too few units.
    pub promise: String,
    /// Validation items, or groups of them, that it was fitted on.
    pub units: u64,
    /// Factor on half-widths.
    pub lambda: f64,
    /// What is added to them before.
    pub floor: f64,
}

/// Intervals widened by t times the price of width (arXiv 2003.11566, theorem 1).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct MarkovResult {
    /// Coverage that it promises on the training distribution, where training has converged: `1 - 1/t`.
    pub promised: f64,
    /// Share of pixels inside.
    pub coverage: Option<f64>,
    /// Mean width.
    pub width: Option<f64>,
    /// Intervals of the numbers above.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub intervals: Intervals,
}

/// Direction accuracy on the pixels whose half-widths differ by a factor.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DirectionResult {
    /// Accuracy.
    pub accuracy: Option<f64>,
    /// Share of pixels that take part.
    pub participating: Option<f64>,
    /// Intervals of the numbers above.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub intervals: Intervals,
}

/// Shares of the pixels by where their target lies in their interval.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PlacementResult {
    /// At or below the lower end.
    pub below: f64,
    /// Inside, in equal parts from the lower to the upper end.
    pub inside: Vec<f64>,
    /// Above the upper end.
    pub above: f64,
}

/// Scores of an uncertainty method under a stress test.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct StressScore {
    /// Pearson correlation of the uncertainty with the change it should mark.
    pub pearson: Option<f64>,
    /// Area under the ROC curve of the uncertainty against the mask, over pixels.
    pub auroc: Option<f64>,
    /// Average precision of the uncertainty for the mask, over pixels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub average_precision: Option<f64>,
    /// Mean uncertainty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mean_u: Option<f64>,
    /// Area under the ROC curve of an item's mean uncertainty, stressed items against clean ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub item_auroc: Option<f64>,
    /// Share of the stressed items above the mean uncertainty that at most one clean item in twenty exceeds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alarm_rate: Option<f64>,
    /// As `item_auroc`, by the mean of the highest hundredth of the uncertainty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub item_auroc_peak: Option<f64>,
    /// As `alarm_rate`, by the mean of the highest hundredth of the uncertainty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alarm_rate_peak: Option<f64>,
    /// Intervals of the numbers above.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub intervals: Intervals,
}
