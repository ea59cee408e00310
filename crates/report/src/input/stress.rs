//! Stress tests of a reconstruction network.

use serde::{Deserialize, Serialize};

use super::ItemMean;

/// A stress test and what each method says about it, on the test items of all runs.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct StressTest {
    /// Its name in results.
    pub name: String,
    /// What was done to the items and what u should mark, in a sentence or two.
    pub about: String,
    /// Share of the pixels that the test aimed at, in [0, 1]; `None` where it aims at none.
    pub aimed: Option<f64>,
    /// A row for each method.
    pub rows: Vec<StressRow>,
    /// Items of the first run to look at.
    pub examples: Vec<StressExample>,
}

/// What a method says about a stress test. `None` where it does not give it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct StressRow {
    /// Name of the method.
    pub method: String,
    /// Correlation of u with what it should mark.
    pub pearson: Option<ItemMean>,
    /// Chance that a pixel that was aimed at has a higher u than another.
    pub auroc: Option<ItemMean>,
    /// Average precision of u for the pixels that were aimed at; chance is their share.
    pub average_precision: Option<ItemMean>,
    /// Mean u.
    pub mean_u: Option<ItemMean>,
    /// Stressed items against clean ones by the mean of u.
    pub by_mean: Option<StressAlarm>,
    /// By the mean of the highest hundredth of u.
    pub by_peak: Option<StressAlarm>,
}

/// Whole items, clean and stressed, told apart by a number.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct StressAlarm {
    /// Chance that a stressed item scores above a clean one.
    pub auroc: ItemMean,
    /// Share of the stressed items that raise the alarm where at most one clean item in twenty does.
    pub rate: ItemMean,
}

/// A stressed item to look at, or a window of it. Values are (channels, height, width), rows from the top; a signal has height 1.
/// An example whose values do not fit its shape is shown as missing.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct StressExample {
    /// Name of the item.
    pub name: String,
    /// Row and column of the item where the window begins.
    pub corner: [usize; 2],
    /// Number of channels.
    pub channels: usize,
    /// Rows of the window.
    pub height: usize,
    /// Columns of the window.
    pub width: usize,
    /// What went into the network before the test.
    pub input_before: Vec<f32>,
    /// What goes into it in the test.
    pub input: Vec<f32>,
    /// What came out before.
    pub output_before: Vec<f32>,
    /// What comes out in the test.
    pub output: Vec<f32>,
    /// What u should mark, at least 0.
    pub change: Vec<f32>,
    /// u of each method in the test.
    pub maps: Vec<StressMap>,
}

/// What a method says about a stressed item.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct StressMap {
    /// Name of the method.
    pub method: String,
    /// Uncertainty.
    pub u: Vec<f32>,
}
