//! The sections `subtype` and `compare`: how failures become subtypes, and which subtypings to compare.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::values::{ClusterCount, InputPath};

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
