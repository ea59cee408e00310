//! A small graph runtime for ONNX models with three readings of one graph: **point** (what it predicts),
//! **gradient** (how each single case would change it) and **interval** (between which values it could lie).
//!
//! [`onnx::Model`] is a file: it loads, runs through [`exec::Runtime`], and is written back with other weights and
//! nothing else changed. Operators live in [`ops`], one file each; [`interval::enclose`] rewrites a graph into one
//! that computes bounds.

pub mod architecture;
pub mod error;
pub mod exec;
pub mod graph;
pub mod interval;
pub mod kernels;
pub mod loss;
pub mod onnx;
pub mod op;
pub mod ops;
pub mod optim;
mod scratch;
pub mod tensor;

pub use error::NetError;
pub use exec::{Runtime, Settings};
pub use graph::{Graph, Parameters};
pub use kernels::Precision;
pub use onnx::Model;
pub use tensor::{Element, Tensor};
