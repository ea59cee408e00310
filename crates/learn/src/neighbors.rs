//! Exact k nearest neighbours by brute force, for thousands of rows.

use crate::distance::squared_distances;
use crate::error::{LearnError, check_count, check_finite, check_lengths};
use ndarray::{Array2, ArrayView2};
use rayon::prelude::*;

/// Reference rows compared at once: they stay in the cache while the queries of a piece pass by.
const REFERENCE_ROWS: usize = 64;
/// Queries of one piece of work.
const QUERY_ROWS: usize = 16;

/// Neighbours of each query, nearest first, ties in the order of their index.
#[derive(Debug, Clone, PartialEq)]
pub struct Neighbors {
    /// Shape (queries, k): row numbers in the reference set.
    pub indices: Array2<usize>,
    /// Shape (queries, k): Euclidean distances.
    pub distances: Array2<f32>,
}

/// The `k` nearest other rows of each row of `x` (samples, features); `k` is cut to the samples there are.
///
/// # Errors
/// [`LearnError::NotFinite`] for NaN or infinities.
pub fn nearest_neighbors(x: ArrayView2<'_, f32>, k: usize) -> Result<Neighbors, LearnError> {
    check_finite(x)?;
    Ok(search(x, x, k.min(x.nrows().saturating_sub(1)), true))
}

/// The `k` rows of `reference` nearest to each row of `queries`, for example the cases nearest to each centre.
///
/// # Errors
/// [`LearnError::Length`] if the features differ, [`LearnError::NotFinite`] for NaN or infinities,
/// [`LearnError::TooFew`] if `k` exceeds the rows of `reference`.
pub fn nearest_in(
    queries: ArrayView2<'_, f32>,
    reference: ArrayView2<'_, f32>,
    k: usize,
) -> Result<Neighbors, LearnError> {
    check_lengths("features of queries and reference", queries.ncols(), reference.ncols())?;
    check_count("reference rows", k, reference.nrows())?;
    check_finite(queries)?;
    check_finite(reference)?;
    Ok(search(queries, reference, k, false))
}

fn search(
    queries: ArrayView2<'_, f32>,
    reference: ArrayView2<'_, f32>,
    k: usize,
    skip_self: bool,
) -> Neighbors {
    let features = reference.ncols();
    let queries = queries.as_standard_layout();
    let reference = reference.as_standard_layout();
    let query_values = queries.as_slice().unwrap_or_default();
    let reference_values = reference.as_slice().unwrap_or_default();
    let mut best: Vec<Vec<(f64, usize)>> = vec![Vec::with_capacity(k + 1); queries.nrows()];

    best.par_chunks_mut(QUERY_ROWS).enumerate().for_each(|(piece, best)| {
        let mut squared = [0.0; REFERENCE_ROWS];
        for first in (0..reference.nrows()).step_by(REFERENCE_ROWS) {
            let rows = REFERENCE_ROWS.min(reference.nrows() - first);
            let block = &reference_values[first * features..(first + rows) * features];
            for (offset, best) in best.iter_mut().enumerate() {
                let query = piece * QUERY_ROWS + offset;
                let values = &query_values[query * features..(query + 1) * features];
                squared_distances(values, block, &mut squared[..rows]);
                for (row, &distance) in squared[..rows].iter().enumerate() {
                    if !(skip_self && first + row == query) {
                        keep_nearest(best, k, distance, first + row);
                    }
                }
            }
        }
    });
    let indices = best.iter().flatten().map(|&(_, index)| index).collect();
    let distances = best.iter().flatten().map(|&(squared, _)| squared.sqrt() as f32).collect();
    let shape = (best.len(), k);
    Neighbors {
        indices: Array2::from_shape_vec(shape, indices).unwrap_or_default(),
        distances: Array2::from_shape_vec(shape, distances).unwrap_or_default(),
    }
}

/// Inserts into the ascending list of at most `k`. Rows arrive by index, so an equal distance goes behind.
fn keep_nearest(best: &mut Vec<(f64, usize)>, k: usize, distance: f64, index: usize) {
    if best.len() == k && best.last().is_none_or(|&(worst, _)| distance >= worst) {
        return;
    }
    let place = best.partition_point(|&(other, _)| other <= distance);
    best.insert(place, (distance, index));
    best.truncate(k);
}
