//! Runs steps: from the cache where it can, else by the closure that computes them.

use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::Hash;
use crate::artifact::{Artifact, ArtifactError, Encoded};
use crate::cache::{Cache, CacheError, Slot};
use crate::observer::{Interrupt, Interrupted, Observer, Source};
use crate::plan::Plan;
use crate::record::StepRecord;
use crate::scope::Scope;
use crate::step::Step;

/// Why a step has no result, apart from errors of the computation itself.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StepError {
    /// The run was asked to stop.
    #[error(transparent)]
    Interrupted(#[from] Interrupted),
    /// The result could not be stored.
    #[error(transparent)]
    Cache(#[from] CacheError),
    /// The result cannot be represented.
    #[error(transparent)]
    Artifact(#[from] ArtifactError),
}

/// The result of a step, the same bits whether computed or read.
#[derive(Clone, Debug)]
pub struct Outcome<T> {
    /// The result.
    pub artifact: Artifact<T>,
    /// Hash of the result's content, an input of the steps that read it.
    pub hash: Hash,
    /// Where it came from.
    pub source: Source,
}

/// Runs the steps of a study.
pub struct Runner<'a> {
    cache: Cache,
    plan: Plan,
    observer: &'a dyn Observer,
    interrupt: Interrupt,
    records: Mutex<Vec<StepRecord>>,
}

impl<'a> Runner<'a> {
    /// A runner that keeps results in `cache` and tells `observer`.
    pub fn new(cache: Cache, plan: Plan, observer: &'a dyn Observer, interrupt: Interrupt) -> Self {
        Self { cache, plan, observer, interrupt, records: Mutex::default() }
    }

    /// What the user asked for.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The result of `step`: from the cache if it has a sound one and the step is not forced, else from `compute`.
    ///
    /// `compute` must be a pure function of what [`Step::key`] covers. It reports through the [`Scope`], which also
    /// keeps parts of its work, so that a killed step continues.
    ///
    /// # Errors
    /// Those of `compute`, and [`StepError`].
    pub fn run<T, E>(
        &self,
        step: &Step,
        compute: impl FnOnce(&Scope<'_>) -> Result<Artifact<T>, E>,
    ) -> Result<Outcome<T>, E>
    where
        T: Serialize + DeserializeOwned,
        E: From<StepError>,
    {
        self.interrupt.check().map_err(StepError::from)?;
        self.observer.step_started(step);
        let start = Instant::now();
        let key = step.key();
        let forced = self.plan.forces(step.name);
        let (artifact, hash, source) = match recall_unless(forced, &self.cache.step(key), self.observer) {
            Some((artifact, hash)) => (artifact, hash, Source::Cached),
            None => {
                if forced {
                    self.cache.discard_parts(key);
                }
                let report = |fraction: f64| self.observer.progress(step, fraction);
                let scope = Scope::of_step(&self.cache, key, self.observer, &self.interrupt, &report);
                let (artifact, hash) = keep(&self.cache.step(key), compute(&scope)?)?;
                (artifact, hash, Source::Computed)
            }
        };
        self.cache.discard_parts(key);
        let seconds = start.elapsed().as_secs_f64();
        self.observer.step_finished(step, source, seconds);
        self.remember(StepRecord::new(step, key, source, seconds));
        Ok(Outcome { artifact, hash, source })
    }

    /// The steps that are done, in the order in which they were finished.
    pub fn records(&self) -> Vec<StepRecord> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn remember(&self, record: StepRecord) {
        self.records.lock().unwrap_or_else(PoisonError::into_inner).push(record);
    }
}

fn recall_unless<T: DeserializeOwned>(
    forced: bool,
    slot: &Slot,
    observer: &dyn Observer,
) -> Option<(Artifact<T>, Hash)> {
    if forced { None } else { recall(slot, observer) }
}

/// The sound result in `slot`; what is there but unsound is warned about and treated as absent.
pub(crate) fn recall<T: DeserializeOwned>(
    slot: &Slot,
    observer: &dyn Observer,
) -> Option<(Artifact<T>, Hash)> {
    let sound = slot.read().map_err(|broken| broken.to_string()).and_then(|found| {
        let decode = |encoded: Encoded| {
            let hash = encoded.hash();
            encoded.decode().map(|artifact| (artifact, hash)).map_err(|error| error.to_string())
        };
        found.map(decode).transpose()
    });
    sound.unwrap_or_else(|reason| {
        observer.warning(&format!("{}: not used, computing it again: {reason}", slot.path.display()));
        None
    })
}

/// Stores a result and gives it as a later run will read it, so that a run that computes and one that reads see the
/// same bits, and what does not survive storage fails at once.
pub(crate) fn keep<T: Serialize + DeserializeOwned>(
    slot: &Slot,
    artifact: Artifact<T>,
) -> Result<(Artifact<T>, Hash), StepError> {
    let encoded = Encoded { value: artifact.encoded_value()?, blobs: artifact.blobs };
    let value = serde_json::from_slice(&encoded.value).map_err(ArtifactError::Decode)?;
    slot.write(&encoded.value, &encoded.blobs)?;
    let hash = encoded.hash();
    Ok((Artifact { value, blobs: encoded.blobs }, hash))
}
