//! `run.json`: the provenance of a run.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::Hash;
use crate::cache::{InputHash, read_limited};
use crate::observer::Source;
use crate::schema::{Study, StudyFile};
use crate::step::Step;

/// The content of `run.json`.
#[derive(Clone, Debug, Serialize)]
pub struct RunRecord {
    /// The program that ran.
    pub program: Program,
    /// The study as read, defaults filled in.
    pub study: Study,
    /// Hash of the study file's bytes.
    pub study_file: Hash,
    /// Hash and size of every input, by its path as the study writes it.
    pub inputs: BTreeMap<String, InputHash>,
    /// The seed of every run.
    pub seeds: Vec<u64>,
    /// The machine.
    pub machine: Machine,
    /// Every step with its time and cache key.
    pub steps: Vec<StepRecord>,
}

impl RunRecord {
    /// The record of a run of `file` on this machine, whose trainings use a matrix unit or not.
    pub fn new(
        (program, matrix_unit): (Program, bool),
        file: &StudyFile,
        inputs: BTreeMap<String, InputHash>,
        steps: Vec<StepRecord>,
    ) -> Self {
        let (study, study_file, seeds) = (file.study.clone(), file.hash, file.study.seeds());
        Self { program, study, study_file, inputs, seeds, machine: Machine::this(matrix_unit), steps }
    }
}

/// A program and its version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Program {
    /// Name.
    pub name: String,
    /// Version.
    pub version: String,
}

/// The machine of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// Model of the processor, or its architecture where the system does not tell.
    pub cpu: String,
    /// Logical cores that this process may use.
    pub cores: usize,
    /// Operating system.
    pub os: String,
    /// Whether trainings use a matrix unit of the processor, and so have bits of their own.
    #[serde(default)]
    pub matrix_unit: bool,
}

impl Machine {
    /// The machine that this process runs on.
    pub fn this(matrix_unit: bool) -> Self {
        Self {
            cpu: cpu_model().unwrap_or_else(|| std::env::consts::ARCH.to_owned()),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            os: std::env::consts::OS.to_owned(),
            matrix_unit,
        }
    }
}

/// From Linux's list of processors; other systems have none.
fn cpu_model() -> Option<String> {
    const LIMIT: u64 = 16 << 20;
    let list = read_limited(Path::new("/proc/cpuinfo"), LIMIT).ok()??;
    let list = String::from_utf8_lossy(&list);
    let line = list.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

/// One step of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StepRecord {
    /// Name of the step.
    pub step: String,
    /// Which of several steps of this name.
    pub label: String,
    /// Version of the computation.
    pub version: u32,
    /// Key of the result in the cache.
    pub key: Hash,
    /// Whether the cache had the result.
    pub cached: bool,
    /// Seconds that this run spent on it.
    pub seconds: f64,
}

impl StepRecord {
    pub(crate) fn new(step: &Step, key: Hash, source: Source, seconds: f64) -> Self {
        Self {
            step: step.name.to_string(),
            label: step.label.clone(),
            version: step.version,
            key,
            cached: source == Source::Cached,
            seconds,
        }
    }
}
