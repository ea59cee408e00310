//! The operators: one file each (or one file for a family that shares its arithmetic), one line each in [`TABLE`].

use std::sync::Arc;

use crate::error::OpError;
use crate::onnx::Attributes;
use crate::op::Operator;

mod activation;
mod arithmetic;
mod axes;
mod batch_normalization;
mod binary;
mod broadcast;
mod cast;
mod clip;
mod concat;
mod constant;
mod conv;
mod conv_transpose;
pub(crate) mod dropout;
mod extremum;
mod function;
mod gelu;
mod gemm;
mod given;
mod grid;
mod identity;
mod linear;
mod matmul;
mod normalization;
mod pad;
mod pool;
mod rearrange;
mod reduce;
mod reshape;
mod resize;
mod samples;
mod select;
mod shape;
mod slice;
mod softmax;
mod spatial;
mod sums;
mod transpose;
mod unary;

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
    &function::ABS,
    &arithmetic::ADD,
    &pool::AVERAGE,
    &batch_normalization::ENTRY,
    &cast::ENTRY,
    &clip::ENTRY,
    &concat::CONCAT,
    &constant::ENTRY,
    &shape::CONSTANT_OF_SHAPE,
    &conv::ENTRY,
    &conv_transpose::ENTRY,
    &transpose::DEPTH_TO_SPACE,
    &arithmetic::DIV,
    &dropout::ENTRY,
    &activation::ELU,
    &function::ERF,
    &function::EXP,
    &slice::EXPAND,
    &reshape::FLATTEN,
    &slice::GATHER,
    &gelu::GELU,
    &gemm::ENTRY,
    &pool::GLOBAL_AVERAGE,
    &pool::GLOBAL_MAX,
    &normalization::GROUP,
    &activation::HARD_SIGMOID,
    &activation::HARD_SWISH,
    &identity::ENTRY,
    &normalization::INSTANCE,
    &normalization::LAYER,
    &activation::LEAKY_RELU,
    &function::LOG,
    &softmax::LOG_SOFTMAX,
    &matmul::ENTRY,
    &extremum::MAX,
    &pool::MAX,
    &extremum::MIN,
    &arithmetic::MUL,
    &function::NEG,
    &pad::ENTRY,
    &arithmetic::POW,
    &arithmetic::PRELU,
    &reduce::MAX,
    &reduce::MEAN,
    &reduce::SUM,
    &activation::RELU,
    &reshape::RESHAPE,
    &resize::RESIZE,
    &shape::SHAPE,
    &activation::SIGMOID,
    &slice::SLICE,
    &softmax::SOFTMAX,
    &activation::SOFTPLUS,
    &transpose::SPACE_TO_DEPTH,
    &concat::SPLIT,
    &function::SQRT,
    &reshape::SQUEEZE,
    &arithmetic::SUB,
    &activation::TANH,
    &transpose::TRANSPOSE,
    &reshape::UNSQUEEZE,
    &resize::UPSAMPLE,
    &select::ENTRY,
];

/// The line of an operator type.
pub fn find(op_type: &str) -> Option<&'static Entry> {
    TABLE.iter().find(|e| e.name == op_type).copied()
}
