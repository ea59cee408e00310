//! Inputs by images: how many there are, some of them, and outputs joined again.

use std::ops::Range;

use crate::op::Scratch;
use crate::scratch::Pool;
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

/// Joins the parts of each value along the first axis; the memory of parts that are copied goes to `pool`.
pub(super) fn concatenate<T: Element>(parts: Vec<Vec<Tensor<T>>>, pool: &Pool<T>) -> Vec<Tensor<T>> {
    let mut values: Vec<Vec<Tensor<T>>> = Vec::new();
    for part in parts {
        values.resize_with(part.len().max(values.len()), Vec::new);
        values.iter_mut().zip(part).for_each(|(value, tensor)| value.push(tensor));
    }
    values.into_iter().map(|value| join(value, pool)).collect()
}

fn join<T: Element>(mut parts: Vec<Tensor<T>>, pool: &Pool<T>) -> Tensor<T> {
    if parts.len() < 2 {
        return parts.pop().unwrap_or_default();
    }
    let mut shape = parts.first().map(|part| part.shape().to_vec()).unwrap_or_default();
    if let Some(first) = shape.first_mut() {
        *first = parts.iter().map(Tensor::rows).sum();
    }
    let mut data = Vec::with_capacity(parts.iter().map(Tensor::len).sum());
    for part in parts {
        data.extend_from_slice(part.data());
        pool.give(part.into_data());
    }
    Tensor::new(shape, data).unwrap_or_default()
}

/// As [`concatenate`], where all parts lack the same values.
pub(super) fn concatenate_options<T: Element>(
    parts: Vec<Vec<Option<Tensor<T>>>>,
    pool: &Pool<T>,
) -> Vec<Option<Tensor<T>>> {
    let given: Vec<bool> = parts.first().map(|p| p.iter().map(Option::is_some).collect()).unwrap_or_default();
    let tensors = parts.into_iter().map(|p| p.into_iter().flatten().collect()).collect();
    let mut joined = concatenate(tensors, pool).into_iter();
    given.into_iter().map(|g| if g { joined.next() } else { None }).collect()
}
