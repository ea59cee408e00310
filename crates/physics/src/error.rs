//! Errors of imaging operators.

/// What can go wrong between an image and its projections.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum PhysicsError {
    /// A geometry, filter or setting that cannot be used.
    #[error("{0}")]
    Invalid(String),
    /// Data of another size than the geometry's.
    #[error("the {what} has {given} values, the geometry needs {needed}")]
    Size {
        /// Image or sinogram.
        what: &'static str,
        /// Values given.
        given: usize,
        /// Values needed.
        needed: usize,
    },
}

/// What this crate returns.
pub type Result<T> = std::result::Result<T, PhysicsError>;

/// Refuses data of another size.
pub(crate) fn sized(what: &'static str, given: usize, needed: usize) -> Result<()> {
    if given == needed { Ok(()) } else { Err(PhysicsError::Size { what, given, needed }) }
}
