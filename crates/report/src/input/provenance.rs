//! Where the numbers of a report come from.

use serde::{Deserialize, Serialize};

/// What is needed to make the same numbers again.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Provenance {
    /// Version of the program.
    pub program_version: String,
    /// Input files and their hashes.
    pub inputs: Vec<InputFile>,
    /// Seeds of the runs.
    pub seeds: Vec<u64>,
    /// Facts about the machine: name and value.
    pub machine: Vec<(String, String)>,
    /// Steps in the order in which they ran.
    pub steps: Vec<StepRecord>,
    /// The study file as read.
    pub study_yaml: String,
}

/// An input file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct InputFile {
    /// Path as the study names it.
    pub path: String,
    /// Content hash.
    pub hash: String,
}

/// A step of the study.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct StepRecord {
    /// Name of the step.
    pub name: String,
    /// Seconds it took in this run.
    pub seconds: f64,
    /// True where the result came from the cache.
    pub cached: bool,
    /// Cache key.
    pub key: String,
}
