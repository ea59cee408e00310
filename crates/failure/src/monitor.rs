//! How long work tells how far it is and hears that it should stop.

use crate::error::{FailureError, Result};

/// The caller's side of a long computation. Never influences a result.
pub trait Monitor: Sync {
    /// `done` of `total` units are finished.
    fn progress(&self, done: usize, total: usize);

    /// Whether the caller wants the work to stop.
    fn interrupted(&self) -> bool;

    /// Stops the work if the caller wants it.
    ///
    /// # Errors
    /// [`FailureError::Interrupted`].
    fn check(&self) -> Result<()> {
        if self.interrupted() { Err(FailureError::Interrupted) } else { Ok(()) }
    }
}

/// Tells nobody and never stops.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Monitor for Silent {
    fn progress(&self, _: usize, _: usize) {}

    fn interrupted(&self) -> bool {
        false
    }
}
