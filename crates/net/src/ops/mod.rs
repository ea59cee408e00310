//! The operators: one file each (or one file for a family that shares its arithmetic), one line each in [`TABLE`].

use std::sync::Arc;

use crate::error::OpError;
use crate::onnx::Attributes;
use crate::op::Operator;

mod activation;
mod batch_normalization;
mod concat;
mod constant;
mod conv;
mod conv_transpose;
mod given;
mod grid;
mod pad;
mod pool;
mod rearrange;
mod reshape;
mod resize;
mod samples;
mod shape;
mod slice;
mod spatial;
mod transpose;

pub use samples::{Sample, SampleInput};

/// How well bounds are computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interval {
    /// The smallest box that holds every output.
    Exact,
    /// A box that holds every output and may be larger than necessary.
    Sound,
    /// Not computed.
    None,
}

/// A line of the operator table.
#[derive(Debug)]
pub struct Entry {
    /// ONNX operator type.
    pub name: &'static str,
    /// Makes the operator from a node's attributes.
    pub parse: fn(&Attributes<'_>) -> Result<Arc<dyn Operator>, OpError>,
    /// Attributes that it understands; others are refused.
    pub attributes: &'static [&'static str],
    /// Inputs that are weights where they come from a floating-point initialiser of rank 1 or more.
    pub trainable: &'static [usize],
    /// Whether gradients flow through it.
    pub gradient: bool,
    /// Its interval reading.
    pub interval: Interval,
    /// Nodes on which the laws of the table are tested: every attribute and every shape of input that matters.
    pub samples: fn() -> Vec<Sample>,
}

/// Every operator of this build, by name.
pub static TABLE: &[&Entry] = &[
    &pool::AVERAGE,
    &batch_normalization::ENTRY,
    &concat::CONCAT,
    &constant::ENTRY,
    &shape::CONSTANT_OF_SHAPE,
    &conv::ENTRY,
    &conv_transpose::ENTRY,
    &transpose::DEPTH_TO_SPACE,
    &slice::EXPAND,
    &reshape::FLATTEN,
    &slice::GATHER,
    &pool::GLOBAL_AVERAGE,
    &pool::GLOBAL_MAX,
    &pool::MAX,
    &pad::ENTRY,
    &activation::RELU,
    &reshape::RESHAPE,
    &resize::RESIZE,
    &shape::SHAPE,
    &slice::SLICE,
    &transpose::SPACE_TO_DEPTH,
    &concat::SPLIT,
    &reshape::SQUEEZE,
    &transpose::TRANSPOSE,
    &reshape::UNSQUEEZE,
    &resize::UPSAMPLE,
];

/// The line of an operator type.
pub fn find(op_type: &str) -> Option<&'static Entry> {
    TABLE.iter().find(|e| e.name == op_type).copied()
}
