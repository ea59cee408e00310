//! Generated data.
