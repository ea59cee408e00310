//! Study files of `task: classification`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::values::{AutoOr, ClusterCount, Fraction, InputPath, OneOrMany};
use super::{Finetune, Optimizer, Repair, Statistics, defaults};

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
    /// Split that the model was trained on, for cause analysis.
    pub training_split: Option<String>,
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

/// From failures to subtypes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Subtype {
    /// What describes a case.
    pub representation: Representation,
    /// Checkpoints of the model, in the order of training, for `trajectory` and for joined gradients.
    pub checkpoints: Vec<InputPath>,
    /// Dimensions per layer after the random projection.
    pub projection: u32,
    /// Scaling of the representation before it is embedded.
    pub scaling: Scaling,
    /// Embedding before clustering.
    pub embedding: Embedding,
    /// Clustering.
    pub clustering: Clustering,
}

impl Default for Subtype {
    fn default() -> Self {
        Self {
            representation: Representation::Gradients,
            checkpoints: Vec::new(),
            projection: 100,
            scaling: Scaling::Auto,
            embedding: Embedding::default(),
            clustering: Clustering::default(),
        }
    }
}

/// What describes a case (Henn et al., section 3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Representation {
    /// Projected gradient of the case's loss, layer by layer.
    Gradients,
    /// Activations averaged over space, layer by layer.
    Features,
    /// Projected activations, layer by layer.
    FeaturesFlat,
    /// Right or wrong at each checkpoint.
    Trajectory,
}

/// Scaling of a representation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Scaling {
    /// As computed.
    None,
    /// Every layer divided by its own norm.
    Layer,
    /// Every case divided by its norm.
    Unit,
    /// Chosen on validation data.
    #[default]
    Auto,
}

/// Embedding before clustering.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Embedding {
    /// The method.
    pub method: EmbeddingMethod,
    /// Dimensions for clustering.
    pub dims: u32,
    /// Neighbours per case.
    pub neighbors: u32,
    /// Least distance between embedded cases, in `0..=1`.
    pub min_dist: f64,
}

impl Default for Embedding {
    fn default() -> Self {
        Self { method: EmbeddingMethod::Umap, dims: 10, neighbors: 5, min_dist: 0.0 }
    }
}

/// Embedding methods.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum EmbeddingMethod {
    /// UMAP (arXiv 1802.03426).
    Umap,
    /// Clusters the representation itself.
    None,
}

/// Clustering of the embedded failures.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Clustering {
    /// The method.
    pub method: ClusteringMethod,
    /// Number of subtypes, or the smallest and the largest to try (both included).
    pub k: ClusterCount,
    /// How `k` is chosen from a range.
    pub select: KSelection,
}

impl Default for Clustering {
    fn default() -> Self {
        Self {
            method: ClusteringMethod::Kmeans,
            k: ClusterCount::Range(3, 10),
            select: KSelection::Validation,
        }
    }
}

/// Clustering methods.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ClusteringMethod {
    /// k-means++.
    Kmeans,
}

/// How the number of subtypes is chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum KSelection {
    /// By fine-tuning, on validation data.
    Validation,
    /// By the highest mean silhouette, as in the paper.
    Silhouette,
}

/// One subtyping of a comparison.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
#[serde(expecting = "expected random, fpfn, metadata, features, features-flat, gradients, trajectory, \
                     or `metadata: COLUMN`")]
pub enum Comparison {
    /// A subtyping by its name.
    Named(Subtyping),
    /// By the values of one metadata column.
    Column(MetadataColumn),
}

impl std::fmt::Display for Comparison {
    /// The name under which results are filed: `gradients`, `metadata`, `metadata:slide`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Named(subtyping) => f.write_str(subtyping.as_str()),
            Self::Column(MetadataColumn { metadata }) => write!(f, "metadata:{metadata}"),
        }
    }
}

/// `metadata: COLUMN`
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MetadataColumn {
    /// Name of the column.
    pub metadata: String,
}

/// Subtypings by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Subtyping {
    /// Random parts of equal size.
    Random,
    /// By the predicted class.
    Fpfn,
    /// By fine label.
    Metadata,
    /// Clusters of mean features.
    Features,
    /// Clusters of projected features.
    FeaturesFlat,
    /// Clusters of gradients.
    Gradients,
    /// Clusters of correctness trajectories.
    Trajectory,
}

impl Subtyping {
    /// The name in study files and results.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Random => "random",
            Self::Fpfn => "fpfn",
            Self::Metadata => "metadata",
            Self::Features => "features",
            Self::FeaturesFlat => "features-flat",
            Self::Gradients => "gradients",
            Self::Trajectory => "trajectory",
        }
    }
}

/// A learning rate, or `auto` to choose it on validation data.
pub type LearningRate = AutoOr<f64>;
