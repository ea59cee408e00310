//! Errors of the runtime: what is wrong, where, and what to do.

use std::path::PathBuf;

/// What one operator has to object; the runtime adds the node's name.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum OpError {
    /// Shapes, attributes or constants that do not fit together.
    #[error("{0}")]
    Invalid(String),
    /// A case that the operator's definition allows and this runtime does not compute.
    #[error("not supported: {0}")]
    Unsupported(String),
}

impl OpError {
    /// An error about shapes, attributes or constants.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::Invalid(message.into())
    }

    /// An error about something that is defined but not computed here.
    pub fn unsupported(message: impl Into<String>) -> Self {
        Self::Unsupported(message.into())
    }
}

/// What can go wrong between a model file and its results.
#[derive(Debug, thiserror::Error)]
pub enum NetError {
    /// The file could not be read or written.
    #[error("{path}: {source}", path = path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The bytes are not a usable ONNX model.
    #[error("{0}")]
    Model(String),
    /// One node cannot be computed.
    #[error("node `{node}` ({op_type}): {source}")]
    Node {
        /// Name of the node, or of its first output where it has none.
        node: String,
        /// ONNX operator type.
        op_type: String,
        /// The operator's objection.
        source: OpError,
    },
    /// The inputs of a run do not fit the model.
    #[error("{0}")]
    Input(String),
}

impl NetError {
    /// An error about the model as a whole.
    pub fn model(message: impl Into<String>) -> Self {
        Self::Model(message.into())
    }

    /// An error about the inputs of a run.
    pub fn input(message: impl Into<String>) -> Self {
        Self::Input(message.into())
    }
}
