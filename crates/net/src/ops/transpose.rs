//! `Transpose`, and the two operators that trade channels for pixels.

use std::sync::Arc;

use super::axes::ordered;
use super::given::{Given, strides};
use super::rearrange::{Rearrange, Rearranged, Source};
use super::{Entry, Interval, Sample, SampleInput};
use crate::error::OpError;
use crate::kernels::select::Axis;
use crate::onnx::{Attributes, attribute};
use crate::op::Operator;

pub(super) static TRANSPOSE: Entry = Entry {
    name: "Transpose",
    parse: |attributes| {
        Ok(Arc::new(Rearranged(Transpose { order: attributes.ints("perm")?.map(<[i64]>::to_vec) })))
    },
    attributes: &["perm"],
    trainable: &[],
    gradient: true,
    interval: Interval::Exact,
    samples: || {
        let perm = |p: &[i64]| vec![attribute::ints("perm", p)];
        vec![
            Sample::new("to channels last", perm(&[0, 2, 3, 1]), vec![SampleInput::data(&[3, 4, 5])]),
            Sample::new("last two axes", perm(&[0, 1, 3, 2]), vec![SampleInput::data(&[3, 4, 5])]),
            Sample::new("batch axis away", vec![], vec![SampleInput::data(&[3, 4])]),
        ]
    },
};

pub(super) static DEPTH_TO_SPACE: Entry = Entry {
    name: "DepthToSpace",
    parse: depth_to_space,
    attributes: &["blocksize", "mode"],
    trainable: &[],
    gradient: true,
    interval: Interval::Exact,
    samples: || {
        let size = attribute::int("blocksize", 2);
        let crd = vec![size.clone(), attribute::string("mode", "CRD")];
        vec![
            Sample::new("DCR", vec![size], vec![SampleInput::data(&[8, 3, 2])]),
            Sample::new("CRD", crd, vec![SampleInput::data(&[8, 3, 2])]),
        ]
    },
};

pub(super) static SPACE_TO_DEPTH: Entry = Entry {
    name: "SpaceToDepth",
    parse: |attributes| Ok(Arc::new(Rearranged(Blocks { block: block(attributes)?, fold: Fold::ToDepth }))),
    attributes: &["blocksize"],
    trainable: &[],
    gradient: true,
    interval: Interval::Exact,
    samples: || {
        let size = vec![attribute::int("blocksize", 2)];
        vec![Sample::new("blocks of 2", size, vec![SampleInput::data(&[3, 4, 6])])]
    },
};

/// Axes in another order.
#[derive(Debug)]
struct Transpose {
    /// `None`: reversed.
    order: Option<Vec<i64>>,
}

impl Rearrange for Transpose {
    fn source<G: Given + ?Sized>(&self, given: &G) -> Result<Source, OpError> {
        let shape = given.shape(0)?;
        let order = match &self.order {
            None => (0..shape.len()).rev().collect(),
            Some(order) if order.len() == shape.len() => ordered(order, shape.len())?,
            Some(order) => {
                return Err(OpError::invalid(format!(
                    "perm {order:?} does not fit an input of shape {shape:?}"
                )));
            }
        };
        Ok(Source::of(reordered(shape, &order)))
    }
}

fn reordered(shape: &[usize], order: &[usize]) -> Vec<Axis> {
    let strides = strides(shape);
    order.iter().map(|&a| Axis::whole(shape[a], strides[a])).collect()
}

fn block(attributes: &Attributes<'_>) -> Result<usize, OpError> {
    let size = attributes.int("blocksize", 0)?;
    let size = u32::try_from(size).ok().filter(|&b| b > 0);
    size.map(|b| b as usize).ok_or_else(|| OpError::invalid("attribute `blocksize` must be at least 1"))
}

fn depth_to_space(attributes: &Attributes<'_>) -> Result<Arc<dyn Operator>, OpError> {
    let fold = match attributes.string("mode", "DCR")? {
        "DCR" => Fold::DepthFirst,
        "CRD" => Fold::ColumnFirst,
        other => return Err(OpError::invalid(format!("mode `{other}` is unknown"))),
    };
    Ok(Arc::new(Rearranged(Blocks { block: block(attributes)?, fold })))
}

/// Which axis the blocks come from.
#[derive(Clone, Copy, Debug)]
enum Fold {
    /// From channels that count (row, column, channel).
    DepthFirst,
    /// From channels that count (channel, row, column).
    ColumnFirst,
    /// From pixels to channels that count (row, column, channel).
    ToDepth,
}

/// Channels to blocks of pixels or back.
#[derive(Debug)]
struct Blocks {
    block: usize,
    fold: Fold,
}

impl Rearrange for Blocks {
    fn source<G: Given + ?Sized>(&self, given: &G) -> Result<Source, OpError> {
        let &[n, c, h, w] = given.shape(0)? else {
            return Err(OpError::invalid("an input of rank 4 expected"));
        };
        let b = self.block;
        let square = b * b;
        let (whole, shape) = match self.fold {
            Fold::ToDepth => (h % b == 0 && w % b == 0, vec![n, c.saturating_mul(square), h / b, w / b]),
            _ => (c % square == 0, vec![n, c / square, h.saturating_mul(b), w.saturating_mul(b)]),
        };
        if !whole {
            return Err(OpError::invalid(format!(
                "shape {:?} does not divide into blocks of {b}",
                [n, c, h, w]
            )));
        }
        let axes = match self.fold {
            Fold::DepthFirst => reordered(&[n, b, b, c / square, h, w], &[0, 3, 4, 1, 5, 2]),
            Fold::ColumnFirst => reordered(&[n, c / square, b, b, h, w], &[0, 1, 4, 2, 5, 3]),
            Fold::ToDepth => reordered(&[n, c, h / b, b, w / b, b], &[0, 3, 5, 1, 2, 4]),
        };
        Ok(Source::new(shape, axes))
    }
}
