//! How long work tells how far it is and hears that it should stop.

/// The caller asked to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("interrupted")]
pub struct Interrupted;

/// The caller's side of a long computation. Never influences a result.
pub trait Monitor: Sync {
    /// `done` of `total` units are finished.
    fn progress(&self, done: usize, total: usize);

    /// Whether the caller wants the work to stop.
    fn interrupted(&self) -> bool;

    /// Stops the work if the caller wants it.
    ///
    /// # Errors
    /// [`Interrupted`].
    fn check(&self) -> Result<(), Interrupted> {
        if self.interrupted() { Err(Interrupted) } else { Ok(()) }
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
