//! A repair, the decision about it, and the evidence behind the decision.

use serde::{Deserialize, Serialize};

use super::{Estimate, Measure, Thumbnail};

/// A repair of one or more subtypes, accepted or refused.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Repair {
    /// Name of the repair.
    pub name: String,
    /// Names of the subtypes that it was to repair.
    pub target: Vec<String>,
    /// The method behind the result: `f_i+c`, `ewc`, ...
    pub method: String,
    /// Its settings, in words.
    pub settings: String,
    /// Whether the repair passed the gate; `None` where it was not judged.
    pub accepted: Option<bool>,
    /// Why, in one sentence.
    pub reason: String,
    /// Path of the repaired model in the output folder; `None` where none was written.
    pub model: Option<String>,
    /// Folds of the cross-fit; 0 where there was none.
    pub folds: u64,
    /// Coverage of the intervals of `before` and `after`, above 0 and below 1, where it is known.
    pub confidence: Option<f64>,
    /// What every run of the study came to, this one first; empty where there is one run only.
    pub runs: Vec<RepairRun>,
    /// Cases behind the accuracies.
    pub counts: RepairCounts,
    /// Accuracy of the unrepaired model.
    pub before: RepairAccuracy,
    /// Accuracy after the repair, cross-fitted where there was a cross-fit.
    pub after: RepairAccuracy,
    /// The acceptance criteria and what came out.
    pub criteria: Vec<Criterion>,
    /// Accuracy in each metadata subgroup.
    pub subgroups: Vec<RepairSubgroup>,
    /// Names of all subtypes: the columns of `methods`.
    pub subtypes: Vec<String>,
    /// The methods that were tried, one row each, the unrepaired model among them.
    pub methods: Vec<RepairMethodRow>,
    /// Every method with every setting that was tried.
    pub tradeoffs: Vec<Tradeoff>,
    /// Cases that were wrong before and are right after.
    pub fixed: Vec<RepairedCase>,
    /// Number of all such cases; `fixed` may hold fewer.
    pub fixed_total: u64,
    /// Cases that were right before and are wrong after.
    pub broken: Vec<RepairedCase>,
    /// Number of all such cases; `broken` may hold fewer.
    pub broken_total: u64,
    /// Training cases that pulled the model toward these failures, where they were looked for.
    pub causes: Option<Causes>,
    /// Checks of the procedure itself.
    pub audit: Vec<AuditLine>,
    /// What was used and written, each with its BLAKE3 hash.
    pub hashes: Vec<(String, String)>,
    /// What was fixed before the repair began.
    pub protocol: Protocol,
}

/// What one of several runs, each with a seed of its own, came to.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct RepairRun {
    /// Its seed.
    pub seed: u64,
    /// Names of the subtypes that it was to repair; every run finds subtypes of its own.
    pub target: Vec<String>,
    /// Whether its repair passed; `None` where it was not judged.
    pub accepted: Option<bool>,
    /// Why, in one sentence.
    pub reason: String,
    /// Path of its model in the output folder; `None` where none was written.
    pub model: Option<String>,
    /// Accuracy on its target subtypes after the repair.
    pub repaired: Option<Estimate>,
    /// Accuracy after the repair on the cases that were right before.
    pub kept: Option<Estimate>,
    /// Accuracy on all cases before.
    pub before: Option<Estimate>,
    /// Accuracy on all cases after.
    pub after: Option<Estimate>,
}

/// Number of cases behind the accuracies of a repair; `None` where they were not counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RepairCounts {
    /// Cases of the target subtypes.
    pub target: Option<u64>,
    /// Those of them that are right after the repair.
    pub target_repaired: Option<u64>,
    /// Cases that were right before the repair.
    pub correct: Option<u64>,
    /// Those of them that are still right after it.
    pub correct_kept: Option<u64>,
}

/// Accuracies in [0, 1] before or after a repair.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct RepairAccuracy {
    /// On the target subtypes.
    pub target: Option<Estimate>,
    /// On the cases that were right before.
    pub correct: Option<Estimate>,
    /// On all cases.
    pub all: Option<Estimate>,
    /// On each subtype, by name.
    pub per_subtype: Vec<(String, Option<Estimate>)>,
}

/// An acceptance criterion and what came out.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Criterion {
    /// Short name.
    pub name: String,
    /// What it asks, in one sentence.
    pub question: String,
    /// The measured quantity with its interval.
    pub estimate: Option<Estimate>,
    /// Coverage of the interval, above 0 and below 1, where it is known.
    pub level: Option<f64>,
    /// The margin that was fixed beforehand.
    pub margin: Option<f64>,
    /// p-value of the test behind the decision.
    pub p: Option<f64>,
    /// Number of cases that it was decided on.
    pub cases: u64,
    /// Whether it is met.
    pub passed: bool,
    /// Number of further cases that would probably be enough to decide, where there were too few.
    pub needed: Option<u64>,
    /// Why, in one sentence.
    pub reason: String,
}

/// Accuracy in a metadata subgroup before and after a repair.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct RepairSubgroup {
    /// Metadata column.
    pub column: String,
    /// Its value.
    pub value: String,
    /// Number of cases with this value.
    pub cases: u64,
    /// Accuracy before, in [0, 1].
    pub before: f64,
    /// Accuracy after, in [0, 1].
    pub after: f64,
    /// Change of the accuracy, in [-1, 1].
    pub change: f64,
    /// p-value of the test behind the decision, corrected for the number of subgroups.
    pub p: Option<f64>,
    /// Whether a fall beyond the margin is not shown.
    pub passed: bool,
}

/// A repair method as a row of the table of methods: accuracies in [0, 1], mean and spread over seeds.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct RepairMethodRow {
    /// The method; `none` is the unrepaired model.
    pub method: String,
    /// Its settings, in words.
    pub settings: String,
    /// Accuracy on each of [`Repair::subtypes`].
    pub per_subtype: Vec<Option<Measure>>,
    /// Accuracy on the target subtypes.
    pub target: Option<Measure>,
    /// Accuracy on the cases that were right before.
    pub correct: Option<Measure>,
    /// Accuracy on all cases.
    pub all: Option<Measure>,
    /// Seconds that one repair took.
    pub seconds: Option<f64>,
    /// True for the method whose model was delivered, or would have been.
    pub delivered: bool,
}

/// A method with one of its settings, and what it gains and costs.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Tradeoff {
    /// The method.
    pub method: String,
    /// Its setting, in words.
    pub setting: String,
    /// Change of the accuracy on the target subtypes, in [-1, 1].
    pub target: f64,
    /// Change of the accuracy on the cases that were right before, in [-1, 0].
    pub correct: f64,
    /// Change of the accuracy on all cases, in [-1, 1].
    pub all: f64,
    /// True for the setting that was chosen.
    pub chosen: bool,
}

/// A case that a repair changed.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct RepairedCase {
    /// Name of the case.
    pub id: String,
    /// A small picture of it.
    pub picture: Option<Thumbnail>,
    /// True class, an index into [`ReportInput::classes`](super::ReportInput::classes).
    pub truth: Option<usize>,
    /// Predicted class before the repair.
    pub before: Option<usize>,
    /// Predicted class after the repair.
    pub after: Option<usize>,
    /// Name of its subtype, where it was a failure.
    pub subtype: Option<String>,
}

/// Training cases that pulled the model toward the target failures.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Causes {
    /// What was found, in one sentence.
    pub summary: String,
    /// The cases, the strongest pull first.
    pub cases: Vec<CauseCase>,
    /// How well the planted causes are found, where they are known.
    pub found: Vec<PlantedCause>,
}

/// Training cases that were planted, and how well the ranking finds them.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct PlantedCause {
    /// What was planted.
    pub kind: String,
    /// Training cases of this kind.
    pub cases: u64,
    /// All training cases.
    pub of: u64,
    /// Average precision in [0, 1]; `cases / of` is what chance gives.
    pub average_precision: f64,
}

/// A training case and its pull toward the target failures.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct CauseCase {
    /// Name of the case.
    pub id: String,
    /// A small picture of it.
    pub picture: Option<Thumbnail>,
    /// Class that it was trained with, an index into [`ReportInput::classes`](super::ReportInput::classes).
    pub label: Option<usize>,
    /// Its pull in nats.
    pub score: f64,
    /// Subtype that it pulls most toward.
    pub toward: Option<String>,
}

/// A check of the procedure itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct AuditLine {
    /// What was checked.
    pub what: String,
    /// Whether it holds.
    pub passed: bool,
    /// What was seen; may be empty.
    pub detail: String,
}

/// What was fixed before a repair began, and what remains after it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Protocol {
    /// The cases that the repair learned from and was judged on.
    pub data: String,
    /// How they were divided.
    pub split: String,
    /// When and where the criteria were fixed.
    pub criteria_fixed: String,
    /// Risks that the evidence does not exclude, one sentence each.
    pub residual_risks: Vec<String>,
}
