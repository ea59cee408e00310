//! Exact k nearest neighbours of every row, for up to hundreds of thousands of rows.
//!
//! Products of blocks of rows in single precision, with a bound on their rounding, choose candidates; their
//! distances are then computed exactly, so the result is that of comparing all distances, and depends neither
//! on how the products round nor on the order in which threads take the blocks. Memory beside the rows: one
//! copy of them, and a few candidates for each.

mod candidates;
mod product;
mod screen;
mod search;

use crate::distance::squared_distances;
use crate::error::{LearnError, check_count, check_finite, check_lengths};
use ndarray::{Array2, ArrayView2};
use rayon::prelude::*;
use std::borrow::Cow;

/// Up to so many queries all distances are computed exactly, for which a block would pay more than it saves.
const FEW_QUERIES: usize = 32;

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
    let rows = Rows::new(x);
    let k = k.min(x.nrows().saturating_sub(1));
    let found = if k == 0 { vec![Vec::new(); x.nrows()] } else { search::among(&rows, k) };
    Ok(Neighbors::new(found, k))
}

/// The `k` rows of `reference` nearest to each row of `queries`, for example the cases nearest to each
/// centre.
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
    let (queries, reference) = (Rows::new(queries), Rows::new(reference));
    let found = if k == 0 || queries.count <= FEW_QUERIES {
        let all = |query| reference.nearest(queries.row(query), 0..reference.count, k);
        (0..queries.count).into_par_iter().map(all).collect()
    } else {
        search::between(&queries, &reference, k)
    };
    Ok(Neighbors::new(found, k))
}

impl Neighbors {
    fn new(found: Vec<Vec<(f64, usize)>>, k: usize) -> Self {
        let shape = (found.len(), k);
        let indices = found.iter().flatten().map(|&(_, index)| index).collect();
        let distances = found.iter().flatten().map(|&(squared, _)| squared.sqrt() as f32).collect();
        Self {
            indices: Array2::from_shape_vec(shape, indices).unwrap_or_default(),
            distances: Array2::from_shape_vec(shape, distances).unwrap_or_default(),
        }
    }
}

/// Rows as they are.
struct Rows<'a> {
    values: Cow<'a, [f32]>,
    features: usize,
    count: usize,
}

impl<'a> Rows<'a> {
    fn new(x: ArrayView2<'a, f32>) -> Self {
        let (count, features) = x.dim();
        let values = x.to_slice().map_or_else(|| x.iter().copied().collect(), Cow::Borrowed);
        Self { values, features, count }
    }

    fn iter(&self) -> impl Iterator<Item = &[f32]> + Clone {
        (0..self.count).map(|i| self.row(i))
    }

    fn row(&self, i: usize) -> &[f32] {
        &self.values[i * self.features..(i + 1) * self.features]
    }

    /// The `k` rows nearest to `query` of those given, which ascend, with their exact squared distances.
    fn nearest(
        &self,
        query: &[f32],
        candidates: impl IntoIterator<Item = usize>,
        k: usize,
    ) -> Vec<(f64, usize)> {
        let mut best = Vec::with_capacity(k + 1);
        let mut squared = [0.0];
        for row in candidates {
            squared_distances(query, self.row(row), &mut squared);
            keep_nearest(&mut best, k, squared[0], row);
        }
        best
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
