//! The gate: is a repaired model better, on cases that no choice has touched?
//!
//! Five criteria, all of which must hold ([`CriterionName`]). The burden of proof differs:
//!
//! - `target`, `all`: the repair has to *show* that it helps, so that the interval has to exclude no change.
//! - `correct`, `calibration`: it has to show that it does no harm beyond a margin (non-inferiority): the one-sided bound has to
//!   lie on the right side of the margin. Too few cases are no proof.
//! - `subgroups`: here harm has to be shown, by a one-sided test of "the change is at least -margin" for each subgroup, Holm-corrected
//!   over subgroups. *Why this direction:* proof of no harm within 3 points takes some 80 cases on which nothing changes
//!   and hundreds where something does, so that asking it of every subgroup of 30 would refuse every repair and say
//!   nothing about any. What the test must not miss is a subgroup that is broken while the rest hides it, and that shows in
//!   30 cases: a fall from 90 to 50 % has p < 0.001, enough for the correction over dozens of subgroups.
//!
//! **Intervals of accuracy changes** are the hull of two: a percentile bootstrap that draws whole groups, expanded for
//! few units ([`expanded_level`](modelmend_learn::stats::expanded_level)), and the adjusted Wald interval for paired
//! proportions ([`PairedChange`](modelmend_learn::stats::PairedChange)). *Why both:* the first knows that cases of a group resemble each other, but has
//! width zero where five of five cases stayed right; the second knows that five cases prove little, but no groups.
//!
//! **The test of `all`** is McNemar's exact one, or with groups the sign-flip test of the groups' sums, whose only
//! assumption is that under no change a group is as likely to gain as to lose. **The test of a subgroup** is normal with the adjusted Wald
//! variance times the design effect of the groups; with very few groups that errs towards refusal, the cheaper error
//! in a gate. **Calibration** is the error over bins of equal mass, before and after on the same bootstrap draws.

mod change;
mod criteria;
mod subgroups;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::error::{FailureError, Result};
use crate::problem::Prediction;

pub use subgroups::subgroups;

/// Fewest cases of a subgroup that is judged.
pub const MIN_SUBGROUP: usize = 30;

/// What the gate asks for.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct GateSettings {
    /// Accuracy that the cases that were correct may lose, in `0..=1`.
    pub margin_correct: f64,
    /// Accuracy that a metadata subgroup may lose, in `0..=1`.
    pub margin_subgroup: f64,
    /// Calibration error that may be added, in `0..=1`.
    pub margin_calibration: f64,
    /// Confidence of every criterion, above 0.5 and below 1.
    pub confidence: f64,
    /// Bootstrap replicates and draws of tests, at least 1.
    pub replicates: usize,
    /// Seed of all draws.
    pub seed: u64,
}

impl Default for GateSettings {
    fn default() -> Self {
        Self {
            margin_correct: 0.03,
            margin_subgroup: 0.03,
            margin_calibration: 0.02,
            confidence: 0.95,
            replicates: 2000,
            seed: 0,
        }
    }
}

/// What two models make of the same cases; every slice has an entry per judged case.
#[derive(Clone, Copy, Debug)]
pub struct Evidence<'a> {
    /// Predictions of the model as it was.
    pub before: &'a [Prediction],
    /// Predictions of the repaired model.
    pub after: &'a [Prediction],
    /// Whether the case is one that the repair is meant for: a failure of a chosen subtype.
    pub target: &'a [bool],
    /// Number of the group (patient, slide), where there are groups.
    pub groups: Option<&'a [usize]>,
    /// Metadata subgroups; those below [`MIN_SUBGROUP`] cases are not judged.
    pub subgroups: &'a [Subgroup],
}

/// Cases that share a metadata value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subgroup {
    /// Name of the column.
    pub column: String,
    /// The shared value.
    pub value: String,
    /// Indices of the cases, ascending.
    pub cases: Vec<usize>,
}

/// The criteria, in the order in which they are reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CriterionName {
    /// The target cases improve.
    Target,
    /// Cases that were correct stay so, within a margin.
    Correct,
    /// Accuracy over all cases rises.
    All,
    /// No metadata subgroup falls by more than a margin.
    Subgroups,
    /// Calibration does not worsen by more than a margin.
    Calibration,
}

impl CriterionName {
    /// The name in files and tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Target => "target",
            Self::Correct => "correct",
            Self::All => "all",
            Self::Subgroups => "subgroups",
            Self::Calibration => "calibration",
        }
    }

    /// The question that it answers, in words.
    pub fn question(self) -> &'static str {
        match self {
            Self::Target => "Do the cases that the repair is meant for improve?",
            Self::Correct => "Do the cases that were right stay right?",
            Self::All => "Is the model right more often over all cases?",
            Self::Subgroups => "Is no subgroup of the cases broken?",
            Self::Calibration => "Does the confidence still mean what it meant?",
        }
    }
}

/// The answer of one criterion. Changes are after minus before, in `-1..=1`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Criterion {
    /// Which criterion.
    pub name: CriterionName,
    /// What it asks, in words.
    pub question: String,
    /// Change of accuracy, or of the calibration error; for `subgroups` that of the subgroup with the strongest evidence of harm.
    /// `None` where there is no case to judge.
    pub estimate: Option<f64>,
    /// Interval of the estimate; `None` where less than two cases or groups are there to draw from.
    pub interval: Option<(f64, f64)>,
    /// Coverage of the interval. One-sided criteria have 2 x confidence - 1, so that each end is a one-sided bound at the
    /// confidence asked for.
    pub level: f64,
    /// Harm that is allowed, at least 0.
    pub margin: f64,
    /// p-value, where the criterion is a test (`all`, two-sided; `subgroups`, one-sided, Holm-corrected).
    pub p: Option<f64>,
    /// Cases behind the estimate.
    pub cases: usize,
    /// Whether the criterion holds.
    pub passed: bool,
    /// Where the estimate is on the right side and the evidence is not enough: how many more cases of the same kind (and with
    /// groups, in more groups of the same kind) would be enough if what was seen holds. Counts `cases`.
    ///
    /// An interval's half-width h shrinks as 1 / sqrt(n), and h = z s sqrt(deff / n) holds the per-case variance s^2 and
    /// the design effect deff as observed. For an estimate at distance d from the bound that it has to clear,
    /// n' = n (h / d)^2 (1 + z_power / z)^2, so that the next look succeeds with a chance of 80 % and not by a toss of
    /// a coin. For a p-value, h / d is the ratio of the normal quantiles of required and observed p.
    pub needed: Option<usize>,
    /// One sentence with the numbers.
    pub reason: String,
}

/// What happened to one metadata subgroup.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SubgroupFinding {
    /// Name of the column.
    pub column: String,
    /// The shared value.
    pub value: String,
    /// Number of cases.
    pub cases: usize,
    /// Accuracy before, in `0..=1`.
    pub before: f64,
    /// Accuracy after, in `0..=1`.
    pub after: f64,
    /// After minus before.
    pub change: f64,
    /// One-sided p-value of "the change is at least -margin", Holm-corrected over subgroups.
    pub p: f64,
    /// Whether a fall beyond the margin is *not* shown.
    pub passed: bool,
}

/// The decision about a repair.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// The criteria, in the order of [`CriterionName`].
    pub criteria: Vec<Criterion>,
    /// Every subgroup that was judged, in the order given.
    pub subgroups: Vec<SubgroupFinding>,
    /// Whether all criteria hold.
    pub accepted: bool,
}

impl Verdict {
    /// The criteria that do not hold.
    pub fn refusals(&self) -> impl Iterator<Item = &Criterion> {
        self.criteria.iter().filter(|criterion| !criterion.passed)
    }
}

/// Judges a repair. The evidence must come from cases that neither the repair nor any choice about it has seen.
///
/// # Errors
/// Evidence without cases or of different lengths, confidences that are not finite, subgroups with cases that are not
/// there, settings outside their ranges.
pub fn judge(evidence: &Evidence<'_>, settings: &GateSettings) -> Result<Verdict> {
    check_settings(settings)?;
    check_evidence(evidence)?;
    let (subgroup_criterion, subgroups) = subgroups::judge(evidence, settings)?;
    let criteria = vec![
        criteria::target(evidence, settings)?,
        criteria::correct(evidence, settings)?,
        criteria::all(evidence, settings)?,
        subgroup_criterion,
        criteria::calibration(evidence, settings)?,
    ];
    let accepted = criteria.iter().all(|criterion| criterion.passed);
    Ok(Verdict { criteria, subgroups, accepted })
}

fn check_settings(settings: &GateSettings) -> Result<()> {
    let margins = BTreeMap::from([
        ("margin_correct", settings.margin_correct),
        ("margin_subgroup", settings.margin_subgroup),
        ("margin_calibration", settings.margin_calibration),
    ]);
    for (name, margin) in margins {
        if !(0.0..=1.0).contains(&margin) {
            return Err(FailureError::invalid(format!("gate: {name} = {margin}: must be between 0 and 1")));
        }
    }
    let confidence = settings.confidence;
    if !(confidence > 0.5 && confidence < 1.0) {
        let rule = "must be above 0.5 and below 1";
        return Err(FailureError::invalid(format!("gate: confidence = {confidence}: {rule}")));
    }
    Ok(())
}

fn check_evidence(evidence: &Evidence<'_>) -> Result<()> {
    let count = evidence.before.len();
    let lengths = [Some(evidence.after.len()), Some(evidence.target.len()), evidence.groups.map(<[_]>::len)];
    if count == 0 || lengths.into_iter().flatten().any(|length| length != count) {
        return Err(FailureError::invalid(format!(
            "gate: one entry per judged case is needed, at least one; there are {count} predictions before, {} after, {} targets",
            evidence.after.len(),
            evidence.target.len()
        )));
    }
    let broken = evidence.before.iter().chain(evidence.after).position(|p| !p.confidence.is_finite());
    if let Some(place) = broken {
        let model = if place < count { "before" } else { "after" };
        return Err(FailureError::invalid(format!(
            "gate: the model {model} the repair gives case {} a confidence that is not a number",
            place % count
        )));
    }
    match evidence.subgroups.iter().find(|s| s.cases.iter().any(|&case| case >= count)) {
        Some(s) => Err(FailureError::invalid(format!(
            "gate: subgroup {} = {} names a case beyond the {count} judged ones",
            s.column, s.value
        ))),
        None => Ok(()),
    }
}
