//! What a computation sees of the run: progress, interruption, and its own finished parts.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::Hash;
use crate::artifact::Artifact;
use crate::cache::Cache;
use crate::observer::{Interrupt, Interrupted, Observer};
use crate::runner::{StepError, keep, recall};

/// The inside of a step or of a part of one. Shared by reference between threads.
pub struct Scope<'a> {
    cache: &'a Cache,
    step: Hash,
    key: Hash,
    observer: &'a dyn Observer,
    interrupt: &'a Interrupt,
    report: &'a (dyn Fn(f64) + Sync),
    parts: Mutex<BTreeMap<usize, f64>>,
}

impl<'a> Scope<'a> {
    pub(crate) fn of_step(
        cache: &'a Cache,
        step: Hash,
        observer: &'a dyn Observer,
        interrupt: &'a Interrupt,
        report: &'a (dyn Fn(f64) + Sync),
    ) -> Self {
        Self { cache, step, key: step, observer, interrupt, report, parts: Mutex::default() }
    }

    /// Reports that `done` of `total` units of work are behind us.
    ///
    /// # Errors
    /// [`Interrupted`] if the run was asked to stop; the computation should return at once.
    pub fn progress(&self, done: usize, total: usize) -> Result<(), Interrupted> {
        (self.report)((done as f64 / total.max(1) as f64).min(1.0));
        self.check()
    }

    /// # Errors
    /// [`Interrupted`] if the run was asked to stop.
    pub fn check(&self) -> Result<(), Interrupted> {
        self.interrupt.check()
    }

    /// Part `index` of `count` of this computation, kept as soon as it is done, so that a killed step has to compute
    /// only the parts that are missing. Parts may run on several threads; merge their results in the order of `index`.
    ///
    /// `compute` must be a pure function of the step's inputs, `index` and `count`.
    ///
    /// # Errors
    /// Those of `compute`, and [`StepError`].
    pub fn part<T, E>(
        &self,
        index: usize,
        count: usize,
        compute: impl FnOnce(&Scope<'_>) -> Result<Artifact<T>, E>,
    ) -> Result<Artifact<T>, E>
    where
        T: Serialize + DeserializeOwned,
        E: From<StepError>,
    {
        self.check().map_err(StepError::from)?;
        let numbers = [index as u64, count as u64].map(u64::to_le_bytes);
        let key = Hash::of_fields("modelmend 1 part key", &[self.key.as_bytes(), &numbers[0], &numbers[1]]);
        let slot = self.cache.part(self.step, key);
        let artifact = match recall(&slot, self.observer) {
            Some((artifact, _)) => artifact,
            None => {
                let report = |fraction: f64| self.part_progress(index, count, fraction);
                let scope = Scope { key, report: &report, parts: Mutex::default(), ..*self };
                keep(&slot, compute(&scope)?)?.0
            }
        };
        self.part_progress(index, count, 1.0);
        Ok(artifact)
    }

    /// Keeps the state from which this step or part can continue after a kill; the newest replaces the older ones.
    ///
    /// # Errors
    /// [`StepError`] if it cannot be stored.
    pub fn checkpoint<T: Serialize>(&self, state: &Artifact<T>) -> Result<(), StepError> {
        let slot = self.cache.state(self.step, self.key);
        Ok(slot.write(&state.encoded_value()?, &state.blobs)?)
    }

    /// The newest sound state that [`Self::checkpoint`] kept, if the step or part was begun before.
    pub fn resume<T: DeserializeOwned>(&self) -> Option<Artifact<T>> {
        recall(&self.cache.state(self.step, self.key), self.observer).map(|(state, _)| state)
    }

    fn part_progress(&self, index: usize, count: usize, fraction: f64) {
        // The lock is held while reporting: fractions must not overtake each other.
        let mut parts = self.parts.lock().unwrap_or_else(PoisonError::into_inner);
        parts.insert(index, fraction);
        (self.report)((parts.values().sum::<f64>() / count.max(1) as f64).min(1.0));
    }
}
