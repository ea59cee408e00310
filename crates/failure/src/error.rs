//! Errors of the failure analysis.

use modelmend_data::Error as DataError;
use modelmend_learn::LearnError;
use modelmend_learn::monitor::Interrupted;
use modelmend_net::NetError;

/// What can go wrong between cases and results.
#[derive(Debug, thiserror::Error)]
pub enum FailureError {
    /// The model or its execution.
    #[error(transparent)]
    Net(#[from] NetError),
    /// The cases.
    #[error(transparent)]
    Data(#[from] DataError),
    /// A numeric method.
    #[error(transparent)]
    Learn(#[from] LearnError),
    /// Model, data and settings that do not fit together.
    #[error("{0}")]
    Invalid(String),
    /// A repair whose loss is not finite any more.
    #[error("the repair diverged in epoch {epoch} at learning rate {learning_rate:e}")]
    Diverged {
        /// Counted from 1.
        epoch: usize,
        /// Step size of its recipe.
        learning_rate: f64,
    },
    /// The caller asked to stop.
    #[error(transparent)]
    Interrupted(#[from] Interrupted),
}

impl FailureError {
    /// An error about model, data and settings that do not fit together.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::Invalid(message.into())
    }
}

/// What this crate returns.
pub type Result<T> = std::result::Result<T, FailureError>;
