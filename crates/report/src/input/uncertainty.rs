//! Uncertainty methods on a reconstruction network.

use serde::{Deserialize, Serialize};

/// A method, measured on the test items of all runs (Oala et al., METHODS 2.4). `None` where a method does not give it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct UncertaintyRow {
    /// Name of the method.
    pub method: String,
    /// Correlation of |error| and u.
    pub pearson: Option<ItemMean>,
    /// Cosine of |error| and u.
    pub cosine: Option<ItemMean>,
    /// `cosine / mse`
    pub pwcc: Option<ItemMean>,
    /// Mean squared error.
    pub mse: Option<ItemMean>,
    /// Area between the sparsification curve and that of the oracle.
    pub ause: Option<ItemMean>,
    /// Share of pixels inside their interval.
    pub coverage: Option<ItemMean>,
    /// Mean width of the intervals.
    pub width: Option<ItemMean>,
    /// Coverage after conformal calibration.
    pub calibrated_coverage: Option<ItemMean>,
    /// Width after conformal calibration.
    pub calibrated_width: Option<ItemMean>,
    /// What the conformal calibration promises.
    pub calibration: Option<Calibration>,
    /// The interval network's own bounds, widened by multiples of its price of width.
    pub markov: Vec<Widened>,
    /// Where the targets lie in the method's own intervals.
    pub placement: Option<Placement>,
    /// Where they lie in the calibrated ones.
    pub calibrated_placement: Option<Placement>,
    /// What is gained by rejecting the items of the highest mean u.
    pub rejection: Option<Rejection>,
    /// Seconds for an item.
    pub seconds: Option<f64>,
    /// The error that is left when the most uncertain pixels are removed.
    pub sparsification: Vec<SparsificationPoint>,
    /// Pixels of the first run by u and |error|.
    pub density: Vec<DensityCell>,
    /// Mean |error| of the pixels of about the same u in the first run, in rising order.
    pub quantiles: Vec<UncertaintyQuantile>,
    /// How well the longer side of the interval tells where the truth lies.
    pub direction: Vec<DirectionAccuracy>,
    /// The same items with more and more noise.
    pub levels: Vec<NoiseLevel>,
    /// Spearman correlation of the mean u with the level of noise.
    pub noise_spearman: Option<ItemMean>,
}

/// A conformal calibration.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Calibration {
    /// What it promises.
    pub promise: Promise,
    /// Validation items, or groups of them, that it was fitted on.
    pub units: u64,
}

/// What a calibration promises of new items or groups.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Promise {
    /// In expectation at least the level is covered.
    Mean,
    /// Except for a small chance at least the level is covered.
    Confident,
    /// Nothing.
    #[default]
    Nothing,
}

/// Bounds widened by `t` times the price of width.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Widened {
    /// The multiple.
    pub t: f64,
    /// Share of pixels inside.
    pub coverage: Option<ItemMean>,
    /// Mean width.
    pub width: Option<ItemMean>,
}

/// Shares of the pixels of all runs by where their target lies in their interval.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Placement {
    /// At or below the lower end.
    pub below: f64,
    /// Inside, in equal parts from the lower to the upper end.
    pub inside: Vec<f64>,
    /// Above the upper end.
    pub above: f64,
}

/// A mean over test items, with what few items and few runs do to it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ItemMean {
    /// The mean over items and runs.
    pub value: f64,
    /// Lower end of the 95 % interval over items.
    pub lo: Option<f64>,
    /// Upper end of the 95 % interval over items.
    pub hi: Option<f64>,
    /// Standard deviation of the runs' means; `None` for one run.
    pub std: Option<f64>,
}

/// Selective prediction: mean over the share of items that is kept, in the unit of the output; lower is better.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Rejection {
    /// Area under the risk-coverage curve.
    pub aurc: ItemMean,
    /// That of an oracle that knows the errors.
    pub aurc_optimal: ItemMean,
    /// Area under the generalised risk-coverage curve (Traub et al., arXiv 2407.01032).
    pub augrc: ItemMean,
    /// That of the oracle.
    pub augrc_optimal: ItemMean,
}

/// A point of a sparsification curve.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SparsificationPoint {
    /// Share of the pixels that is removed, in [0, 1).
    pub removed: f64,
    /// Mean squared error of those that are left, over that of all.
    pub left: f64,
    /// The same where the largest errors are removed.
    pub oracle: f64,
}

/// A cell of a 2-D histogram.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct DensityCell {
    /// From and to which u, both above 0.
    pub u: [f64; 2],
    /// From and to which |error|, both above 0.
    pub error: [f64; 2],
    /// Number of pixels.
    pub pixels: u64,
}

/// Pixels of about the same u.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct UncertaintyQuantile {
    /// Share of the pixels with a smaller u, in [0, 1].
    pub share: f64,
    /// Mean u.
    pub u: f64,
    /// Mean |error|.
    pub error: f64,
}

/// Direction accuracy on the pixels whose half-widths differ by a factor.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct DirectionAccuracy {
    /// The factor.
    pub ratio: f64,
    /// Accuracy in [0, 1].
    pub accuracy: Option<ItemMean>,
    /// Share of pixels that take part.
    pub participating: Option<ItemMean>,
}

/// What a method says at a level of noise.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct NoiseLevel {
    /// Standard deviation of the noise.
    pub sigma: f64,
    /// Mean u.
    pub u: Option<ItemMean>,
    /// Mean correlation of |error| and u.
    pub pearson: Option<ItemMean>,
}

/// A test item to look at, or a window of it. Values are (channels, height, width), rows from the top; a signal has height 1.
/// An example whose values do not fit its shape is shown as missing.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct UncertaintyExample {
    /// Name of the item, and why it is shown.
    pub name: String,
    /// Mean squared error of the network on the whole item.
    pub mse: Option<f64>,
    /// Row and column of the item where the window begins.
    pub corner: [usize; 2],
    /// Number of channels.
    pub channels: usize,
    /// Rows of the window.
    pub height: usize,
    /// Columns of the window.
    pub width: usize,
    /// What was measured before it became the input, where that is another kind of picture: a sinogram.
    pub measurement: Option<Plane>,
    /// What goes into the network.
    pub input: Vec<f32>,
    /// The truth.
    pub target: Vec<f32>,
    /// What the network makes of the input.
    pub output: Vec<f32>,
    /// What each method says about it.
    pub maps: Vec<ExampleMaps>,
}

/// What a method says about an example.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ExampleMaps {
    /// Name of the method.
    pub method: String,
    /// Uncertainty.
    pub u: Vec<f32>,
    /// The output that it is about, which some methods have of their own.
    pub output: Vec<f32>,
    /// Lower ends of the intervals; empty for a method without.
    pub lo: Vec<f32>,
    /// Upper ends of the intervals; empty for a method without.
    pub hi: Vec<f32>,
}

/// A picture of its own size, one channel.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Plane {
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// Values, row by row.
    pub values: Vec<f32>,
}

/// The test items of one group (a patient), over all runs.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct GroupRow {
    /// Name of the group.
    pub name: String,
    /// Number of its test items.
    pub items: u64,
    /// Mean squared error of the network.
    pub mse: Option<f64>,
    /// What each method comes to on it.
    pub methods: Vec<MethodInGroup>,
}

/// What a method comes to on a group: means over its items and all runs.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct MethodInGroup {
    /// Name of the method.
    pub method: String,
    /// Correlation of |error| and u.
    pub pearson: Option<f64>,
    /// Mean u.
    pub u: Option<f64>,
    /// Coverage after conformal calibration.
    pub coverage: Option<f64>,
}

/// How near a reconstruction comes to the truth.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Reconstruction {
    /// What reconstructs.
    pub name: String,
    /// Peak signal-to-noise ratio in decibels, for values from 0 to 1.
    pub psnr: Option<ItemMean>,
}
