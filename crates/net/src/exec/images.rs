//! Inputs by images: how many there are, some of them, and outputs joined again.

use std::ops::Range;

use crate::op::Scratch;
use crate::tensor::{Element, Tensor};

/// The shapes of inputs with so many images.
pub(super) fn shapes<T: Element>(inputs: &[Tensor<T>], images: usize) -> Vec<Vec<usize>> {
    let shape = |t: &Tensor<T>| {
        t.shape().iter().take(1).map(|_| images).chain(t.shape().iter().skip(1).copied()).collect()
    };
    inputs.iter().map(shape).collect()
}

/// Number of images.
pub(super) fn images<T>(inputs: &[Tensor<T>]) -> usize {
    inputs.first().map_or(0, Tensor::rows)
}

/// The images `range` of a tensor.
pub(super) fn slice<T: Element>(
    tensor: &Tensor<T>,
    range: &Range<usize>,
    scratch: &mut Scratch<T>,
) -> Tensor<T> {
    let row = tensor.row_len();
    let mut shape = tensor.shape().to_vec();
    if let Some(first) = shape.first_mut() {
        *first = range.len();
    }
    let mut data = scratch.take(range.len() * row);
    data.copy_from_slice(&tensor.data()[range.start * row..range.end * row]);
    Tensor::new(shape, data).unwrap_or_default()
}

/// Joins the parts of each value along the first axis.
pub(super) fn concatenate<T: Element>(parts: Vec<Vec<Tensor<T>>>) -> Vec<Tensor<T>> {
    let mut parts = parts.into_iter();
    let mut whole = parts.next().unwrap_or_default();
    for part in parts {
        for (total, tensor) in whole.iter_mut().zip(part) {
            let mut shape = total.shape().to_vec();
            if let Some(first) = shape.first_mut() {
                *first += tensor.rows();
            }
            let mut data = std::mem::take(total).into_data();
            data.extend(tensor.into_data());
            *total = Tensor::new(shape, data).unwrap_or_default();
        }
    }
    whole
}

/// As [`concatenate`], where all parts lack the same values.
pub(super) fn concatenate_options<T: Element>(parts: Vec<Vec<Option<Tensor<T>>>>) -> Vec<Option<Tensor<T>>> {
    let given: Vec<bool> = parts.first().map(|p| p.iter().map(Option::is_some).collect()).unwrap_or_default();
    let tensors = parts.into_iter().map(|p| p.into_iter().flatten().collect()).collect();
    let mut joined = concatenate(tensors).into_iter();
    given.into_iter().map(|g| if g { joined.next() } else { None }).collect()
}
