//! What every step of a run shares.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use anyhow::Result;
use modelmend_learn::monitor::Monitor;
use modelmend_study::Hash;
use modelmend_study::artifact::Artifact;
use modelmend_study::cache::{InputHash, hash_input};
use modelmend_study::runner::{Outcome, Runner};
use modelmend_study::scope::Scope;
use modelmend_study::step::{Step, StepName};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// A run of a study with one seed.
pub(crate) struct Context<'a> {
    /// Computes steps or takes them from the cache.
    pub(crate) runner: &'a Runner<'a>,
    /// Seed of this run.
    pub(crate) seed: u64,
    /// Hashes of the input files so far, by path as the user knows it.
    pub(crate) inputs: &'a Mutex<BTreeMap<String, InputHash>>,
}

/// The name, version and label of a step.
#[derive(Clone, Copy)]
pub(crate) struct Title<'a> {
    /// What is computed.
    pub(crate) name: StepName,
    /// Which of several of that name.
    pub(crate) label: &'a str,
    /// Raised when the same inputs give another result.
    pub(crate) version: u32,
}

impl Context<'_> {
    /// Hashes an input file or folder and remembers it for the provenance.
    pub(crate) fn hash(&self, shown: &str, path: &Path) -> Result<Hash> {
        let mut inputs = self.inputs.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = inputs.get(shown) {
            return Ok(known.hash);
        }
        let hash = hash_input(path)?;
        inputs.insert(shown.to_owned(), hash);
        Ok(hash.hash)
    }

    /// Runs a step.
    pub(crate) fn step<T: Serialize + DeserializeOwned>(
        &self,
        title: Title<'_>,
        parameters: impl Serialize,
        inputs: &[Hash],
        compute: impl FnOnce(&Scope<'_>) -> Result<Artifact<T>>,
    ) -> Result<Outcome<T>> {
        let step = Step {
            name: title.name,
            label: title.label.to_owned(),
            version: title.version,
            parameters: serde_json::to_value(parameters)?,
            inputs: inputs.to_vec(),
        };
        self.runner.run(&step, compute)
    }

    /// Whether the user wants this step.
    pub(crate) fn wants(&self, step: StepName) -> bool {
        self.runner.plan().includes(step)
    }
}

/// Carries progress and interruption from a computation to the run.
pub(crate) struct Watch<'a>(pub(crate) &'a Scope<'a>);

impl Monitor for Watch<'_> {
    fn progress(&self, done: usize, total: usize) {
        // An interruption is heard by `interrupted`, which the computation asks next.
        let _ = self.0.progress(done, total);
    }

    fn interrupted(&self) -> bool {
        self.0.check().is_err()
    }
}

/// Only hears interruptions: for parts, whose number is the progress.
pub(crate) struct Listen<'a>(pub(crate) &'a Scope<'a>);

impl Monitor for Listen<'_> {
    fn progress(&self, _: usize, _: usize) {}

    fn interrupted(&self) -> bool {
        self.0.check().is_err()
    }
}
