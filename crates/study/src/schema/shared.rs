//! Sections that more than one task uses, fine-tuning, statistics and repair.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::values::{Auto, AutoOr, Fraction};

/// A learning rate, or `auto` to choose it on validation data.
pub type LearningRate = AutoOr<f64>;

/// An optimiser.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Optimizer {
    /// The method.
    pub name: OptimizerName,
    /// Learning rate, above 0.
    pub learning_rate: f64,
    /// Weight decay, at least 0.
    #[serde(default)]
    pub weight_decay: f64,
}

/// Optimisers by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum OptimizerName {
    /// Adam (arXiv 1412.6980).
    Adam,
}

/// Fine-tuning for the matrices, under the compatibility constraint (Henn et al., section 3.3).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Finetune {
    /// Learning rate of Adam; `auto` chooses it on validation data.
    pub learning_rate: LearningRate,
    /// Weight decay, at least 0.
    pub weight_decay: f64,
    /// Images per step.
    pub batch_size: u32,
    /// Most epochs.
    pub epochs: u32,
    /// Epochs without improvement after which fine-tuning stops.
    pub patience: u32,
    /// Least validation accuracy on the cases that were correct, in `0..=1`.
    pub keep_correct: Fraction,
    /// Share of each subtype to fine-tune on.
    pub train: Fraction,
    /// Share of each subtype that chooses the epoch.
    pub validation: Fraction,
    /// Share of each subtype that measures.
    pub test: Fraction,
}

impl Default for Finetune {
    fn default() -> Self {
        Self {
            learning_rate: AutoOr::AUTO,
            weight_decay: 1e-3,
            batch_size: 4,
            epochs: 40,
            patience: 40,
            keep_correct: 0.9,
            train: 0.64,
            validation: 0.16,
            test: 0.2,
        }
    }
}

/// Intervals and tests.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Statistics {
    /// Bootstrap replicates.
    pub bootstrap: u32,
    /// Confidence of every interval, inside `0..1`.
    pub confidence: f64,
    /// Random subtypings that are fine-tuned as the null of the significance test.
    pub random_subtypings: u32,
}

impl Default for Statistics {
    fn default() -> Self {
        Self { bootstrap: 2000, confidence: 0.95, random_subtypings: 1 }
    }
}

/// Repairs and the gate that accepts or refuses them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Repair {
    /// Subtypes to repair.
    pub target: RepairTarget,
    /// Methods to compare.
    pub methods: Vec<RepairMethod>,
    /// The method whose model is delivered, one of `methods`; by default `auto` where it is among them, else the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deliver: Option<RepairMethod>,
    /// Acceptance criteria.
    pub gate: Gate,
}

impl Default for Repair {
    fn default() -> Self {
        Self {
            target: RepairTarget::Auto(Auto::Auto),
            methods: vec![RepairMethod::None, RepairMethod::Auto],
            deliver: None,
            gate: Gate::default(),
        }
    }
}

/// Which subtypes to repair; subtypes count from 1.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
#[serde(expecting = "expected `auto` or a list of subtypes such as `[1, 4]`")]
pub enum RepairTarget {
    /// Chosen by the product.
    Auto(Auto),
    /// These subtypes.
    Subtypes(Vec<u32>),
}

/// Repair methods by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RepairMethod {
    /// The unrepaired model, as the row to compare with.
    None,
    /// Fine-tuning on the subtype.
    #[serde(rename = "f_i")]
    Subtype,
    /// Fine-tuning on the subtype and correct cases, half and half.
    #[serde(rename = "f_i+c")]
    SubtypeAndCorrect,
    /// Fine-tuning on all failures.
    #[serde(rename = "f")]
    Failures,
    /// Fine-tuning on all failures and correct cases.
    #[serde(rename = "f+c")]
    FailuresAndCorrect,
    /// Elastic weight consolidation (arXiv 1612.00796).
    Ewc,
    /// Penalty on the distance to the starting weights (arXiv 1802.01483).
    L2sp,
    /// Replay of correct cases near the boundary.
    Replay,
    /// Distillation from the unrepaired model on correct cases.
    Distill,
    /// Only the last layers.
    LastLayers,
    /// Low-rank adapters, merged at the end (arXiv 2106.09685).
    Lora,
    /// Weights between before and after (arXiv 2109.01903).
    WiseFt,
    /// One target subtype after another, with a guard on those already repaired.
    Sequential,
    /// Unlearning of the training cases behind the failures (arXiv 2207.04806); needs `data.training_split`.
    Unlearn,
    /// The product's default.
    Auto,
}

impl std::fmt::Display for RepairMethod {
    /// As in a study file.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.serialize(f)
    }
}

/// Acceptance criteria of a repair.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Gate {
    /// Folds of the cross-fit, at least 3: a fold needs others to learn from and to choose by.
    pub folds: u32,
    /// Accuracy that correct cases may lose.
    pub margin_correct: Fraction,
    /// Accuracy that a metadata subgroup may lose.
    pub margin_subgroup: Fraction,
    /// Calibration error that may be added.
    pub margin_calibration: Fraction,
    /// Confidence of every criterion, above 0.5 and below 1.
    pub confidence: f64,
}

impl Default for Gate {
    fn default() -> Self {
        Self {
            folds: 5,
            margin_correct: 0.03,
            margin_subgroup: 0.03,
            margin_calibration: 0.02,
            confidence: 0.95,
        }
    }
}
