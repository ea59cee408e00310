//! A subtyping of the failures, and the evidence for it.

use serde::{Deserialize, Serialize};

use super::{Estimate, Part};

/// One way to divide the failures into kinds.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Subtyping {
    /// Name of the method: `random`, `fpfn`, `metadata`, `features`, `gradients`, ...
    pub name: String,
    /// What the method looked at, in one sentence; may be empty.
    pub description: String,
    /// Subtype of each case, an index into `subtypes`; `None` where the method set the case aside.
    pub labels: Vec<Option<usize>>,
    /// The subtypes.
    pub subtypes: Vec<Subtype>,
    /// Mean silhouette of the clustering, in [-1, 1].
    pub silhouette: Option<f64>,
    /// Learnability L over the subtypes.
    pub learnability: Option<Measure>,
    /// Independence I over the subtypes.
    pub independence: Option<Measure>,
    /// Generalisability over the subtypes.
    pub generalisability: Option<Measure>,
    /// Compatibility (accuracy kept on the correct cases) over the subtypes.
    pub compatibility: Option<Measure>,
    /// p-value of L against random subtypings of the same sizes.
    pub p_learnability: Option<f64>,
    /// p-value of I against random subtypings of the same sizes.
    pub p_independence: Option<f64>,
    /// The test behind the p-values, in one sentence.
    pub test: String,
    /// Adjusted Rand index between clusterings of different seeds.
    pub stability: Option<Measure>,
    /// Agreement with planted kinds, where the truth is known.
    pub truth: Option<TruthScores>,
    /// Fine-tuning matrices.
    pub matrices: Vec<Matrix>,
    /// Order of rows and columns found by biclustering.
    pub order: Option<MatrixOrder>,
    /// Fine-tuning curves, one per row of the matrices.
    pub curves: Vec<FinetuningCurve>,
    /// Metadata values that are over-represented in a subtype.
    pub findings: Vec<Finding>,
    /// How the number of subtypes was chosen, a curve per criterion.
    pub selection: Vec<Selection>,
    /// Warnings about this subtyping, one sentence each.
    pub notes: Vec<String>,
}

/// One kind of failure.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Subtype {
    /// Name; rows and columns of the matrices with the same name belong to this subtype.
    pub name: String,
    /// Number of its cases.
    pub size: u64,
    /// Indices into the cases, nearest to the centre first.
    pub nearest: Vec<usize>,
    /// L of this subtype, in [0, 1].
    pub learnability: Option<Estimate>,
    /// I of this subtype, in [-1, 1].
    pub independence: Option<Estimate>,
    /// Generalisability of this subtype, in [0, 1].
    pub generalisability: Option<Estimate>,
    /// Accuracy kept on the correct cases after fine-tuning on this subtype, in [0, 1].
    pub compatibility: Option<Estimate>,
    /// Suspected label noise: fine-tuning on these cases would teach the network wrong labels.
    pub label_noise: bool,
    /// Warnings about this subtype, one sentence each.
    pub notes: Vec<String>,
}

/// A mean over subtypes (or runs) with its spread and its confidence interval.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Measure {
    /// Mean.
    pub mean: f64,
    /// Population standard deviation.
    pub std: f64,
    /// Lower end of the 95 % bootstrap confidence interval of the mean.
    pub lo: Option<f64>,
    /// Upper end of the 95 % bootstrap confidence interval of the mean.
    pub hi: Option<f64>,
}

/// Agreement of a subtyping with planted kinds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TruthScores {
    /// Adjusted Rand index.
    pub ari: f64,
    /// Normalised mutual information.
    pub nmi: f64,
}

/// A fine-tuning matrix: entry (i, j) is the accuracy on set j of the network of row i.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Matrix {
    /// Side of the split on which it is measured.
    pub side: Side,
    /// Before or after fine-tuning.
    pub stage: Stage,
    /// Names of the rows: what the network was fine-tuned on.
    pub rows: Vec<String>,
    /// Names of the columns: what it is evaluated on.
    pub columns: Vec<String>,
    /// Accuracy in [0, 1], rows by columns.
    pub values: Vec<Vec<Option<f64>>>,
    /// Lower ends of the 95 % confidence intervals, rows by columns, or empty.
    #[serde(default)]
    pub lo: Vec<Vec<Option<f64>>>,
    /// Upper ends of the 95 % confidence intervals, rows by columns, or empty.
    #[serde(default)]
    pub hi: Vec<Vec<Option<f64>>>,
    /// Number of cases behind each column, or empty.
    #[serde(default)]
    pub counts: Vec<u64>,
}

/// Side of a matrix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// Cases that fine-tuning saw.
    Train,
    /// Cases that it did not see.
    Test,
}

/// Stage of a matrix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// The unmodified network.
    Before,
    /// The fine-tuned networks.
    After,
}

/// Order of a matrix by biclustering; what an order leaves out follows in its own order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct MatrixOrder {
    /// Indices of the rows, first shown first.
    pub rows: Vec<usize>,
    /// Indices of the columns, first shown first.
    pub columns: Vec<usize>,
}

/// The course of one fine-tuning.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct FinetuningCurve {
    /// Name of the matrix row.
    pub row: String,
    /// Curves; entry `e` belongs to epoch `e`, where epoch 0 is the unmodified network.
    pub series: Vec<FinetuningSeries>,
    /// The epoch whose weights were kept.
    pub chosen_epoch: Option<usize>,
    /// The compatibility constraint: least accuracy on the correct cases, in [0, 1].
    pub constraint: Option<f64>,
}

/// One curve of a fine-tuning.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FinetuningSeries {
    /// Train or validation side.
    pub part: Part,
    /// The cases it is measured on.
    pub set: CaseSet,
    /// Accuracy in [0, 1] per epoch.
    pub values: Vec<Option<f64>>,
}

/// A set of cases on which fine-tuning is watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CaseSet {
    /// The subtype that is fine-tuned on.
    Subtype,
    /// The cases that were right before.
    Correct,
    /// All cases.
    All,
}

/// A metadata value that is over-represented in a subtype.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Finding {
    /// Index of the subtype.
    pub subtype: usize,
    /// Metadata column.
    pub column: String,
    /// Its value.
    pub value: String,
    /// Share of the value inside the subtype, in [0, 1].
    pub share_in: f64,
    /// Share of the value among the other failures, in [0, 1].
    pub share_elsewhere: f64,
    /// Lift: `share_in / share_elsewhere`; `None` where no other failure has the value.
    pub lift: Option<f64>,
    /// p-value, corrected for the number of values looked at.
    pub p: Option<f64>,
}

/// How a criterion depends on the number of subtypes.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Selection {
    /// Name of the criterion, for example `silhouette`.
    pub criterion: String,
    /// Number of subtypes and value of the criterion.
    pub points: Vec<(usize, f64)>,
    /// The number of subtypes that this criterion prefers.
    pub best: Option<usize>,
}
