//! What a run tells while it goes on, and how it is asked to stop.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::step::Step;

/// Where a step's result came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The cache had it.
    Cached,
    /// It was computed.
    Computed,
}

/// Receives what happens during a run. Methods may be called from several threads at a time.
pub trait Observer: Sync {
    /// A step begins.
    fn step_started(&self, step: &Step);
    /// A step has come so far; `fraction` lies in `0..=1`.
    fn progress(&self, step: &Step, fraction: f64);
    /// A step is done after `seconds`.
    fn step_finished(&self, step: &Step, source: Source, seconds: f64);
    /// Something the user should know, and that does not stop the run.
    fn warning(&self, message: &str);
}

/// Observes nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Observer for Silent {
    fn step_started(&self, _: &Step) {}
    fn progress(&self, _: &Step, _: f64) {}
    fn step_finished(&self, _: &Step, _: Source, _: f64) {}
    fn warning(&self, _: &str) {}
}

/// A request to stop; clones share it. Computations see it when they report progress.
#[derive(Clone, Debug, Default)]
pub struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// Asks for a stop. Safe to call from a signal handler's thread.
    pub fn request(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether a stop was asked for.
    pub fn is_requested(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// # Errors
    /// [`Interrupted`] once a stop was asked for.
    pub fn check(&self) -> Result<(), Interrupted> {
        if self.is_requested() { Err(Interrupted) } else { Ok(()) }
    }
}

/// The run was asked to stop; what is finished stays in the cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("interrupted; run the same command again to continue")]
pub struct Interrupted;
