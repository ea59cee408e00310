//! The typed input of a report: everything that a page shows, and nothing that it computes elsewhere.
//!
//! Every struct has a [`Default`] and reads missing JSON keys as empty, so that a study that skipped a step
//! still renders. Numbers that were not computed are `None`; numbers that are not finite are shown like `None`.

mod case;
mod provenance;
mod regions;
mod repair;
mod stress;
mod subtyping;
mod uncertainty;

pub use case::{Case, MetadataColumn, MetadataValues, Part, Thumbnail};
pub use provenance::{InputFile, Provenance, StepRecord};
pub use regions::RegionFacts;
pub use repair::{
    AuditLine, CauseCase, Causes, Criterion, PlantedCause, Protocol, Repair, RepairAccuracy, RepairCounts,
    RepairMethodRow, RepairRun, RepairSubgroup, RepairedCase, Tradeoff,
};
pub use stress::{StressAlarm, StressExample, StressMap, StressRow, StressTest};
pub use subtyping::{
    CaseSet, Finding, FinetuningCurve, FinetuningSeries, Matrix, MatrixOrder, Measure, Selection, Side,
    Stage, Subtype, Subtyping, TruthScores,
};

pub use uncertainty::{
    Calibration, DensityCell, DirectionAccuracy, ExampleMaps, GroupRow, ItemMean, MethodInGroup, NoiseLevel,
    Placement, Plane, Promise, Reconstruction, Rejection, SparsificationPoint, UncertaintyExample,
    UncertaintyQuantile, UncertaintyRow, Widened,
};

use serde::{Deserialize, Serialize};

/// All that one report shows.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ReportInput {
    /// Name of the study.
    pub study: String,
    /// Headline facts.
    pub facts: Facts,
    /// Names of the classes that the network tells apart, in the order of its outputs.
    pub classes: Vec<String>,
    /// Names of the fine labels (tissue type, cell type); empty where the data has none.
    pub fine_labels: Vec<String>,
    /// Of which regions the failing cases are, where they are regions of what a reconstruction network puts out.
    pub regions: Option<RegionFacts>,
    /// The cases on which the network fails.
    pub cases: Vec<Case>,
    /// Further columns of the failing cases, each with one value per entry of `cases`.
    pub metadata: Vec<MetadataColumn>,
    /// The subtypings of the failing cases.
    pub subtypings: Vec<Subtyping>,
    /// Name of the subtyping that the report opens with; the first where it is absent or unknown.
    pub chosen: Option<String>,
    /// Learning curves of the study's own training, where a `train:` step ran.
    pub training: Option<TrainingCurves>,
    /// Repairs, accepted or refused.
    pub repairs: Vec<Repair>,
    /// Uncertainty methods, where a study asks for them.
    pub uncertainty: Vec<UncertaintyRow>,
    /// Test items of such a study to look at, the worst first.
    pub examples: Vec<UncertaintyExample>,
    /// How near the network and its rivals come to the truth.
    pub reconstructions: Vec<Reconstruction>,
    /// Its test items by group, where the data names groups.
    pub groups: Vec<GroupRow>,
    /// Its stress tests.
    pub stress: Vec<StressTest>,
    /// Coverage that its conformal calibration aims at, in (0, 1).
    pub coverage_level: Option<f64>,
    /// Chance with which the conformal calibration may fail, where one was asked for.
    pub coverage_delta: Option<f64>,
    /// What the levels of noise are shares of, in words behind the name of their axis (`, of 255`); empty where they are in the unit of the output.
    pub noise_unit: String,
    /// Where the numbers come from.
    pub provenance: Provenance,
    /// What a reader must know before he believes the numbers, one sentence each.
    pub notes: Vec<String>,
}

/// Headline facts of a study.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Facts {
    /// Name or file name of the model.
    pub model: String,
    /// Number of cases on which the model was evaluated.
    pub cases: u64,
    /// Number of them on which it fails.
    pub failures: u64,
    /// Share of correct cases, in [0, 1].
    pub accuracy: Option<Estimate>,
    /// Seed of the study.
    pub seed: u64,
}

/// A number with its confidence interval.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Estimate {
    /// The point estimate.
    pub value: f64,
    /// Lower end of the 95 % confidence interval.
    pub lo: Option<f64>,
    /// Upper end of the 95 % confidence interval.
    pub hi: Option<f64>,
}

/// Learning curves of a training run; entry `e` of a series belongs to epoch `e + 1`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TrainingCurves {
    /// Mean loss on the training side.
    pub train_loss: Vec<Option<f64>>,
    /// Mean loss on the validation side.
    pub validation_loss: Vec<Option<f64>>,
    /// Accuracy in [0, 1] on the training side.
    pub train_accuracy: Vec<Option<f64>>,
    /// Accuracy in [0, 1] on the validation side.
    pub validation_accuracy: Vec<Option<f64>>,
    /// The epoch (from 1) whose weights were kept.
    pub chosen_epoch: Option<usize>,
}
