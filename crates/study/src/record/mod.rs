//! What is written down about a run: `run.json` (how it came about) and `results.json` (its numbers).

mod merge;
mod repair;
mod results;
mod run;
mod uncertainty;

use std::io;
use std::path::Path;

use serde::Serialize;

pub use merge::over_runs;
pub use repair::{
    CausesResult, CheckResult, CriterionResult, Effect, MethodResult, RepairResult, SettingResult,
    ShareResult, SharesResult, SubgroupResult,
};
pub use results::{Cases, Explanation, Matrix, Measure, Results, Significance, SubtypingResult, TruthScore};
pub use run::{Machine, Program, RunRecord, StepRecord};
pub use uncertainty::{
    CalibrationResult, DirectionResult, Intervals, MarkovResult, PlacementResult, StressScore,
    UncertaintyScore,
};

/// Writes a record as indented JSON, complete or not at all. The same record gives the same bytes.
///
/// # Errors
/// The system's.
pub fn write_json(path: &Path, record: &impl Serialize) -> io::Result<()> {
    let mut text = serde_json::to_vec_pretty(record).map_err(io::Error::other)?;
    text.push(b'\n');
    crate::cache::write_atomically(path, &[&text])
}
