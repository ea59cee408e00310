//! `results.json`: the numbers of one run, in the layout of the contract (schema 1).
//!
//! No times and no dates: the same study gives the same bytes, however often it was killed on the way.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::RepairResult;
use super::uncertainty::{StressScore, UncertaintyScore};

/// The content of `results.json` after one run; [`super::over_runs`] joins several.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Results {
    /// Version of the layout, 1.
    pub schema: u32,
    /// Name of the study.
    pub study: String,
    /// The study's seed.
    pub seed: u64,
    /// The analysed cases.
    pub cases: Cases,
    /// Results by subtyping.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub subtypings: BTreeMap<String, SubtypingResult>,
    /// Results by repair.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub repairs: BTreeMap<String, RepairResult>,
    /// Agreement with planted subtypes, by subtyping; only where subtypes are planted.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub truth: BTreeMap<String, TruthScore>,
    /// Scores by uncertainty method.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub uncertainty: BTreeMap<String, UncertaintyScore>,
    /// Scores by stress test and uncertainty method.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub stress: BTreeMap<String, BTreeMap<String, StressScore>>,
    /// What was skipped or set aside, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

impl Results {
    /// The layout's version.
    pub const SCHEMA: u32 = 1;

    /// Results of the study `name` without any numbers yet.
    pub fn new(name: &str, seed: u64) -> Self {
        Self { schema: Self::SCHEMA, study: name.to_owned(), seed, ..Self::default() }
    }
}

/// The analysed cases.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Cases {
    /// All of them.
    pub total: u64,
    /// Those on which the model fails.
    pub failures: u64,
    /// Share on which it does not, in `0..=1`; `None` for a task without right and wrong.
    pub accuracy: Option<f64>,
}

/// The results of one subtyping.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SubtypingResult {
    /// Number of subtypes.
    pub subtypes: u64,
    /// Failures per subtype.
    pub sizes: Vec<u64>,
    /// Mean silhouette in `-1..=1`; `None` where nothing was clustered.
    pub silhouette: Option<f64>,
    /// Accuracy on the subtype that was repaired.
    pub learnability: Option<Measure>,
    /// How much more the repaired subtype gained than the others.
    pub independence: Option<Measure>,
    /// How much of the gain on training cases reaches unseen ones.
    pub generalisability: Option<Measure>,
    /// Accuracy kept on the cases that were correct.
    pub compatibility: Option<Measure>,
    /// The fine-tuning matrix.
    pub matrix: Option<Matrix>,
    /// Tests against random subtypings of the same sizes, by measure (`learnability`, `independence`).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub significance: BTreeMap<String, Significance>,
    /// Mean adjusted Rand index between clusterings of different seeds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stability: Option<f64>,
    /// Metadata that a subtype has more of than the failures in all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub explanations: Vec<Explanation>,
    /// What was skipped or set aside, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// A measure over subtypes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Measure {
    /// Mean over subtypes.
    pub mean: f64,
    /// Population standard deviation over subtypes.
    pub std: f64,
    /// The value of every subtype; `None` where it has none.
    pub per_subtype: Vec<Option<f64>>,
    /// Bootstrap confidence interval of the mean, lower and upper end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<[f64; 2]>,
}

/// A fine-tuning matrix: a row per model, a column per evaluation set.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Matrix {
    /// What the model was fine-tuned on: `1`, `2`, ..., `all`, `none`, `checkpoint`.
    pub rows: Vec<String>,
    /// What it is evaluated on: `1`, `2`, ..., `correct`, `all`.
    pub columns: Vec<String>,
    /// Accuracy on test parts, `rows` x `columns`; `None` where the part is empty.
    pub test: Vec<Vec<Option<f64>>>,
    /// Accuracy on training parts, `rows` x `columns`; `None` where the part is empty.
    pub train: Vec<Vec<Option<f64>>>,
    /// Test cases per column.
    pub counts: Vec<u64>,
    /// Bootstrap confidence intervals of `test`, `rows` x `columns` x (lower, upper).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test_intervals: Option<Vec<Vec<Option<[f64; 2]>>>>,
}

/// A test of one measure against random subtypings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Significance {
    /// Name of the test.
    pub test: String,
    /// p-value.
    pub p: f64,
    /// Difference to the mean of random subtypings.
    pub difference: f64,
    /// Confidence interval of the difference.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<[f64; 2]>,
}

/// A metadata value that is more frequent in a subtype than among all failures.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Explanation {
    /// The subtype, counted from 1.
    pub subtype: String,
    /// Metadata column.
    pub column: String,
    /// Value in that column.
    pub value: String,
    /// Share in the subtype divided by the share among all failures.
    pub lift: f64,
    /// Cases of the subtype with this value.
    pub cases: u64,
    /// p-value after correction for the number of values looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p: Option<f64>,
}

/// Agreement of a subtyping with planted subtypes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TruthScore {
    /// Adjusted Rand index.
    pub ari: f64,
    /// Normalised mutual information.
    pub nmi: f64,
}
