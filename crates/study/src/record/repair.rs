//! A repair in `results.json`: what it did, what the gate and the product's own checks say, what else was tried.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A repair and the gate's decision.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RepairResult {
    /// Subtypes that it was to repair.
    pub target: Vec<String>,
    /// Accuracy of the unrepaired model.
    pub before: Effect,
    /// Accuracy of the repaired model.
    pub after: Effect,
    /// Whether it was accepted.
    pub accepted: bool,
    /// Path of the repaired model in the output folder.
    pub model: Option<String>,
    /// Why it was refused; empty where it was accepted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refusals: Vec<String>,
    /// The gate's criteria by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub gate: BTreeMap<String, CriterionResult>,
    /// The metadata subgroups that were judged, by column and value.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub subgroups: BTreeMap<String, BTreeMap<String, SubgroupResult>>,
    /// Every method that was tried, by name; `none` is the unrepaired model.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub methods: BTreeMap<String, MethodResult>,
    /// Checks of the procedure itself, by what has to hold.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub audit: BTreeMap<String, CheckResult>,
    /// BLAKE3 of what was used and written, and the version of the program.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub hashes: BTreeMap<String, String>,
    /// The training cases behind the failures, where they are known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub causes: Option<CausesResult>,
}

/// The training cases behind the failures.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CausesResult {
    /// Number of training cases.
    pub training: u64,
    /// Average precision of the ranking by pull for each planted kind, where they are known.
    pub average_precision: BTreeMap<String, f64>,
}

/// Accuracy on test parts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Effect {
    /// On the target subtypes.
    pub target: f64,
    /// On the cases that were correct.
    pub correct: f64,
    /// On all cases.
    pub all: f64,
}

/// A criterion of the gate. Changes are after minus before, in `-1..=1`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CriterionResult {
    /// Whether it holds.
    pub passed: bool,
    /// The change that was measured; `None` without cases.
    pub estimate: Option<f64>,
    /// Its interval, lower and upper end; `None` where there is too little to form one.
    pub interval: Option<[f64; 2]>,
    /// Coverage of the interval.
    pub level: f64,
    /// Harm that is allowed.
    pub margin: f64,
    /// p-value, where the criterion is a test.
    pub p: Option<f64>,
    /// Cases behind it.
    pub cases: u64,
    /// Further cases that would probably be enough, where the evidence was not.
    pub needed: Option<u64>,
    /// The same in one sentence.
    pub reason: String,
}

/// What a repair did to the cases that share a metadata value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SubgroupResult {
    /// Number of cases.
    pub cases: u64,
    /// Accuracy before.
    pub before: f64,
    /// Accuracy after.
    pub after: f64,
    /// After minus before.
    pub change: f64,
    /// One-sided p-value of a fall beyond the margin, corrected for the number of subgroups.
    pub p: f64,
    /// Whether such a fall is not shown.
    pub passed: bool,
}

/// A method of repair on the study's own split.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct MethodResult {
    /// Whether its model is the delivered one.
    pub delivered: bool,
    /// Test side of the setting that the validation side chose.
    pub test: SharesResult,
    /// Every setting, the best on the validation side first. Over several runs it is kept run by run.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub settings: Vec<SettingResult>,
}

/// A setting of a method.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SettingResult {
    /// The setting in words.
    pub setting: String,
    /// Epochs; 0 is the unrepaired model.
    pub epoch: u64,
    /// Position between the weights before (0) and after (1).
    pub blend: f64,
    /// Validation side, by which it was chosen.
    pub validation: SharesResult,
    /// Test side.
    pub test: SharesResult,
}

/// Right cases of one side of the split.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SharesResult {
    /// Of the failures of the target subtypes.
    pub target: ShareResult,
    /// Of the cases that the unrepaired model gets right.
    pub correct: ShareResult,
    /// Of all cases.
    pub all: ShareResult,
    /// Of the failures of each subtype, in order; test side only.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub subtypes: Vec<ShareResult>,
}

/// Right cases among some.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ShareResult {
    /// Right ones.
    pub right: u64,
    /// All of them.
    pub of: u64,
    /// `right / of`; `None` of none.
    pub share: Option<f64>,
}

/// A check of the procedure itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckResult {
    /// Whether it holds.
    pub passed: bool,
    /// What was seen.
    pub detail: String,
}
