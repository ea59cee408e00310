//! Errors of uncertainty maps.

use modelmend_data::Error as DataError;
use modelmend_learn::LearnError;
use modelmend_learn::monitor::Interrupted;
use modelmend_net::NetError;
use modelmend_physics::PhysicsError;

/// What can go wrong between a trained network and its maps.
#[derive(Debug, thiserror::Error)]
pub enum UncertaintyError {
    /// The model or its execution.
    #[error(transparent)]
    Net(#[from] NetError),
    /// The inputs.
    #[error(transparent)]
    Data(#[from] DataError),
    /// Projections.
    #[error(transparent)]
    Physics(#[from] PhysicsError),
    /// A measure.
    #[error(transparent)]
    Learn(#[from] LearnError),
    /// Model, data and settings that do not fit together.
    #[error("{0}")]
    Invalid(String),
    /// The caller asked to stop.
    #[error(transparent)]
    Interrupted(#[from] Interrupted),
}

/// What this crate returns.
pub type Result<T> = std::result::Result<T, UncertaintyError>;
