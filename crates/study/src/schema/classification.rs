//! Study files of `task: classification`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::values::{Fraction, InputPath, OneOrMany};
use super::{Comparison, Finetune, Optimizer, Repair, Statistics, Subtype, defaults};

/// The value of `task` that selects [`ClassificationStudy`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ClassificationTask {
    /// `task: classification`
    Classification,
}

/// A study of a classifier: which kinds of failure it has, and what repairs them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClassificationStudy {
    /// Name of the study, shown in the report.
    pub name: String,
    /// Every random choice of the study follows from this number.
    #[serde(default)]
    pub seed: u64,
    /// How often everything is repeated, with seeds `seed`, `seed + 1`, ...
    #[serde(default = "defaults::runs")]
    pub runs: u32,
    /// Always `classification`.
    pub task: ClassificationTask,
    /// The trained network, an ONNX file; either this or `train`.
    pub model: Option<InputPath>,
    /// Trains the network first; either this or `model`.
    pub train: Option<ClassificationTrain>,
    /// The labelled cases to analyse.
    pub data: ClassificationData,
    /// How failures become subtypes.
    #[serde(default)]
    pub subtype: Subtype,
    /// Subtypings to compare by their fine-tuning matrices.
    #[serde(default)]
    pub compare: Vec<Comparison>,
    /// Fine-tuning of the matrices; without it no matrix is made.
    pub finetune: Option<Finetune>,
    /// Intervals and tests.
    #[serde(default)]
    pub statistics: Statistics,
    /// Repairs and the gate that accepts or refuses them.
    pub repair: Option<Repair>,
    /// Output folder; by default `out/<name>` beside the study file.
    pub output: Option<InputPath>,
}

/// Training of a classifier.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClassificationTrain {
    /// The network to build.
    pub architecture: ClassifierArchitecture,
    /// Training data, `.npz` in the MedMNIST layout or a folder.
    pub data: InputPath,
    /// Split to train on.
    #[serde(default = "defaults::train_split")]
    pub split: String,
    /// Split on which training stops early.
    #[serde(default = "defaults::validation_split")]
    pub validation_split: String,
    /// Class of the network's output: fine labels that belong to it. Without it every label is a class.
    #[serde(default)]
    pub classes: BTreeMap<u32, Vec<i64>>,
    /// Channels of the first layer; by default the architecture's own.
    pub channels: Option<u32>,
    /// The optimiser.
    pub optimizer: Optimizer,
    /// Images per step.
    #[serde(default = "defaults::train_batch")]
    pub batch_size: u32,
    /// Most epochs.
    #[serde(default = "defaults::train_epochs")]
    pub epochs: u32,
    /// Epochs without better validation accuracy after which training stops.
    #[serde(default = "defaults::train_patience")]
    pub patience: u32,
    /// Epochs between two kept checkpoints, which the representation `trajectory` reads.
    #[serde(default = "defaults::checkpoint_every")]
    pub checkpoint_every: u32,
    /// Augmentation.
    #[serde(default)]
    pub augment: Augment,
    /// Seed of the initial weights; by default the study's seed.
    pub init_seed: Option<u64>,
}

/// Classifiers that can be built.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ClassifierArchitecture {
    /// The network of Henn et al. (arXiv 2109.12347): eight 3x3 convolutions, 1x1 to the classes, mean over space.
    VggSmall,
    /// A residual network of two-convolution blocks.
    ResnetSmall,
}

/// Label-preserving augmentation of square images; both on by default.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Augment {
    /// Horizontal and vertical flips.
    pub flips: bool,
    /// Rotations by multiples of 90 degrees.
    pub rotations: bool,
}

impl Default for Augment {
    fn default() -> Self {
        Self { flips: true, rotations: true }
    }
}

/// The cases to analyse, which the network was not trained on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClassificationData {
    /// An `.npz` file, a folder of images, or an `.npy` file of images (then `labels` names the other half).
    pub source: InputPath,
    /// Layout of `source`.
    #[serde(default)]
    pub format: DataFormat,
    /// `.npy` file of labels that goes with an `.npy` source.
    pub labels: Option<InputPath>,
    /// Split or splits to analyse, joined in this order; without it all cases.
    pub split: Option<OneOrMany<String>>,
    /// Joins the splits and draws the cases to analyse anew, by group where groups exist.
    pub resplit: Option<Resplit>,
    /// CSV or Parquet table that goes with a folder of images.
    pub table: Option<InputPath>,
    /// Column of `table` with the image's path inside the folder.
    pub path_column: Option<String>,
    /// Column with the label.
    pub label_column: Option<String>,
    /// Column whose values (patient, slide, smear) are never on two sides of a split.
    pub group_column: Option<String>,
    /// Column with the planted kind of each case (`none` where there is none), for data whose failures are known. It is
    /// compared with what was found and never used to find it.
    pub truth_column: Option<String>,
    /// Further columns to keep; without it all.
    pub metadata: Option<Vec<String>>,
    /// Class of the model's output: fine labels that belong to it. Without it every label is a class.
    #[serde(default)]
    pub classes: BTreeMap<u32, Vec<i64>>,
    /// Names of the classes, for the report.
    #[serde(default)]
    pub class_names: BTreeMap<u32, String>,
    /// Names of the fine labels, for the report.
    #[serde(default)]
    pub fine_label_names: BTreeMap<i64, String>,
    /// Most cases that are analysed beyond their prediction; where there are more, some are drawn by the seed.
    #[serde(default)]
    pub at_most: AtMost,
    /// Split that the model was trained on: a repair rehearses it and looks there for the causes of failures.
    pub training_split: Option<String>,
}

/// Most cases that are analysed. What is compared with each other takes time with the square of their number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AtMost {
    /// Failures, which are divided into subtypes.
    pub failures: u32,
    /// Cases that the network gets right, which fine-tuning has to keep.
    pub correct: u32,
}

impl Default for AtMost {
    fn default() -> Self {
        Self { failures: 10_000, correct: 40_000 }
    }
}

/// Layouts of a data source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum DataFormat {
    /// From the name and content of the source.
    #[default]
    Auto,
    /// `<split>_images`, `<split>_labels`, optional `<split>_groups` in one `.npz`.
    Npz,
    /// `.npy` images and `.npy` labels.
    Npy,
    /// A folder of images with a table.
    Folder,
}

/// Draws the analysed cases anew from the joined splits.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Resplit {
    /// Share of the joined cases to analyse, above 0 and at most 1.
    pub fraction: Fraction,
}
