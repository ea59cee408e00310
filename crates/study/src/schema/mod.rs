//! The study file: its types, and the one door through which it is read and checked.

mod classification;
mod defaults;
mod error;
mod reconstruction;
mod shared;
mod subtype;
mod validate;
mod values;

use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_saphyr::{Budget, Options};

pub use classification::*;
pub use error::StudyError;
pub use reconstruction::*;
pub use shared::*;
pub use subtype::*;
pub use values::{Auto, AutoOr, ClusterCount, Fraction, InputPath, OneOrMany, PartSize};

use crate::Hash;

/// Largest study file in bytes.
pub const STUDY_FILE_LIMIT: u64 = 1 << 20;

/// A study, by its task.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum Study {
    /// `task: classification`
    Classification(Box<ClassificationStudy>),
    /// `task: reconstruction`
    Reconstruction(Box<ReconstructionStudy>),
}

impl Study {
    /// Parses and checks a study file's content. `file` is the name for messages and is not opened.
    ///
    /// # Errors
    /// Everything in [`StudyError`] but `Read`: not YAML, duplicate or unknown keys, values of the wrong type,
    /// values out of range, sections that contradict each other.
    pub fn parse(file: &Path, text: &[u8]) -> Result<Self, StudyError> {
        if text.len() as u64 > STUDY_FILE_LIMIT {
            return Err(StudyError::TooLarge { file: file.to_owned(), limit: STUDY_FILE_LIMIT });
        }
        let study = match from_yaml::<TaskOnly>(file, text)?.task {
            Task::Classification => Self::Classification(from_yaml(file, text)?),
            Task::Reconstruction => Self::Reconstruction(from_yaml(file, text)?),
        };
        study.check(file)?;
        Ok(study)
    }

    /// Checks the values again, after something other than a study file has changed them. `file` is the name for messages.
    ///
    /// # Errors
    /// Values out of range, sections that contradict each other.
    pub fn check(&self, file: &Path) -> Result<(), StudyError> {
        validate::study(file, self)
    }

    /// Name of the study.
    pub fn name(&self) -> &str {
        match self {
            Self::Classification(study) => &study.name,
            Self::Reconstruction(study) => &study.name,
        }
    }

    /// The study's seed.
    pub fn seed(&self) -> u64 {
        match self {
            Self::Classification(study) => study.seed,
            Self::Reconstruction(study) => study.seed,
        }
    }

    /// The seed of every run: `seed`, `seed + 1`, ... so that the first run is that of the same study with `runs: 1`.
    pub fn seeds(&self) -> Vec<u64> {
        let runs = match self {
            Self::Classification(study) => study.runs,
            Self::Reconstruction(study) => study.runs,
        };
        (0..u64::from(runs)).map(|run| self.seed().wrapping_add(run)).collect()
    }

    fn output(&self) -> InputPath {
        let output = match self {
            Self::Classification(study) => &study.output,
            Self::Reconstruction(study) => &study.output,
        };
        output.clone().unwrap_or_else(|| InputPath::new(Path::new("out").join(self.name())))
    }
}

/// A study and where it was read.
#[derive(Clone, Debug)]
pub struct StudyFile {
    /// The path as the user gave it.
    pub path: PathBuf,
    /// Hash of the file's bytes.
    pub hash: Hash,
    /// The checked study.
    pub study: Study,
    folder: PathBuf,
}

impl StudyFile {
    /// Reads, parses and checks a study file.
    ///
    /// # Errors
    /// See [`StudyError`].
    pub fn load(path: &Path) -> Result<Self, StudyError> {
        let text = crate::cache::read_limited(path, STUDY_FILE_LIMIT)
            .map_err(|source| StudyError::Read { file: path.to_owned(), source })?
            .ok_or_else(|| StudyError::TooLarge { file: path.to_owned(), limit: STUDY_FILE_LIMIT })?;
        let study = Study::parse(path, &text)?;
        let folder = path.parent().unwrap_or(Path::new("")).to_owned();
        Ok(Self { path: path.to_owned(), hash: Hash::of(&text), study, folder })
    }

    /// The path to open for a path in the study: relative ones start at the study file's folder.
    pub fn resolve(&self, path: &InputPath) -> PathBuf {
        self.folder.join(path.as_written())
    }

    /// The output folder that the study names, by default `out/<name>` beside the study file.
    pub fn output(&self) -> PathBuf {
        self.resolve(&self.study.output())
    }
}

/// The JSON Schema of a study file.
pub fn json_schema() -> serde_json::Value {
    schemars::schema_for!(Study).to_value()
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Task {
    Classification,
    Reconstruction,
}

/// The key that says which keys the rest of the file may have.
#[derive(Deserialize)]
struct TaskOnly {
    task: Task,
}

fn from_yaml<T: DeserializeOwned>(file: &Path, text: &[u8]) -> Result<T, StudyError> {
    let mut track = serde_path_to_error::Track::new();
    let parsed = serde_saphyr::with_deserializer_from_slice_with_options(text, options(), |yaml| {
        T::deserialize(serde_path_to_error::Deserializer::new(yaml, &mut track))
    });
    parsed.map_err(|error| {
        let path = track.path();
        let key = if path.iter().len() == 0 { String::new() } else { path.to_string() };
        StudyError::from_yaml(file, key, &error)
    })
}

/// Limits far above any study file and far below what costs time or memory; duplicate keys are errors.
fn options() -> Options {
    serde_saphyr::options! {
        budget: budget(),
        duplicate_keys: serde_saphyr::DuplicateKeyPolicy::Error,
        strict_booleans: true,
        with_snippet: false,
    }
}

fn budget() -> Option<Budget> {
    serde_saphyr::budget! {
        max_depth: 16,
        flow_nesting_limit: 16,
        max_documents: 1,
        max_events: 100_000,
        max_nodes: 50_000,
        max_aliases: 64,
        max_anchors: 64,
        max_recorded_anchor_events: 10_000,
    }
}
