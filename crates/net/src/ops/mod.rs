//! The operators: one file each (or one file for a family that shares its arithmetic), one line each in [`TABLE`].

use std::sync::Arc;

use crate::error::OpError;
use crate::onnx::Attributes;
use crate::op::Operator;

mod activation;
mod batch_normalization;
mod constant;
mod conv;
mod samples;
mod spatial;

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
pub static TABLE: &[&Entry] =
    &[&activation::RELU, &batch_normalization::ENTRY, &constant::ENTRY, &conv::ENTRY];

/// The line of an operator type.
pub fn find(op_type: &str) -> Option<&'static Entry> {
    TABLE.iter().find(|e| e.name == op_type).copied()
}
