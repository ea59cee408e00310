//! Exact k nearest neighbours by brute force, for thousands of rows.
//!
//! A matrix product chooses candidates, with a bound on its rounding; their distances are then computed
//! exactly, so the result does not depend on how the product rounds.

use crate::distance::squared_distances;
use crate::error::{LearnError, check_count, check_finite, check_lengths};
use ndarray::{Array2, ArrayView1, ArrayView2, s};
use rayon::prelude::*;
use std::ops::Range;

/// Queries of one matrix product.
const QUERY_ROWS: usize = 64;

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
    Ok(search(&rows, &rows, k.min(rows.n.saturating_sub(1)), true))
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
    Ok(search(&Rows::new(queries), &Rows::new(reference), k, false))
}

fn search(queries: &Rows, reference: &Rows, k: usize, skip_self: bool) -> Neighbors {
    let pieces: Vec<usize> = (0..queries.n).step_by(QUERY_ROWS).collect();
    let best: Vec<Vec<(f64, usize)>> = pieces
        .into_par_iter()
        .flat_map_iter(|first| {
            let rows = first..queries.n.min(first + QUERY_ROWS);
            let screened = screen(queries, rows.clone(), reference);
            let nearest = |(query, screened): (usize, ArrayView1<'_, f64>)| {
                let skipped = skip_self.then_some(query);
                let candidates =
                    candidates(screened, k, skipped, reference.rounding(queries.squared_norms[query]));
                exact_nearest(queries.row(query), reference, candidates, k)
            };
            rows.zip(screened.rows()).map(nearest).collect::<Vec<_>>()
        })
        .collect();
    let indices = best.iter().flatten().map(|&(_, index)| index).collect();
    let distances = best.iter().flatten().map(|&(squared, _)| squared.sqrt() as f32).collect();
    let shape = (best.len(), k);
    Neighbors {
        indices: Array2::from_shape_vec(shape, indices).unwrap_or_default(),
        distances: Array2::from_shape_vec(shape, distances).unwrap_or_default(),
    }
}

/// A set of rows with what the search reads of it.
struct Rows {
    values: Array2<f32>,
    wide: Array2<f64>,
    squared_norms: Vec<f64>,
    largest_squared_norm: f64,
    n: usize,
}

impl Rows {
    fn new(x: ArrayView2<'_, f32>) -> Self {
        let wide = x.mapv(f64::from);
        let squared_norms: Vec<f64> = wide.rows().into_iter().map(|row| row.dot(&row)).collect();
        Self {
            n: x.nrows(),
            values: x.as_standard_layout().into_owned(),
            largest_squared_norm: squared_norms.iter().copied().fold(0.0, f64::max),
            squared_norms,
            wide,
        }
    }

    fn row(&self, i: usize) -> &[f32] {
        let features = self.values.ncols();
        self.values.as_slice().map_or(&[], |values| &values[i * features..(i + 1) * features])
    }

    /// Bounds the difference of a screened and an exact squared distance to a query: every sum of m products
    /// is off by at most m epsilon times the sum of magnitudes (Higham 2002, section 3.1), whatever its
    /// order.
    fn rounding(&self, query_squared_norm: f64) -> f64 {
        4.0 * (self.wide.ncols() + 8) as f64 * f64::EPSILON * (query_squared_norm + self.largest_squared_norm)
    }
}

/// Squared distances of some queries to all reference rows as |q|^2 + |r|^2 - 2 q r: fast as a matrix
/// product, but rounded; only to choose candidates.
fn screen(queries: &Rows, rows: Range<usize>, reference: &Rows) -> Array2<f64> {
    let mut screened = queries.wide.slice(s![rows.clone(), ..]).dot(&reference.wide.t());
    for (query, mut row) in rows.zip(screened.rows_mut()) {
        for (value, squared_norm) in row.iter_mut().zip(&reference.squared_norms) {
            *value = queries.squared_norms[query] + squared_norm - 2.0 * *value;
        }
    }
    screened
}

/// All rows that may be among the `k` nearest, ascending.
fn candidates(screened: ArrayView1<'_, f64>, k: usize, skipped: Option<usize>, rounding: f64) -> Vec<usize> {
    let mut best = Vec::with_capacity(k + 1);
    let rows = || screened.iter().enumerate().filter(|&(row, _)| Some(row) != skipped);
    rows().for_each(|(row, &squared)| keep_nearest(&mut best, k, squared, row));
    let limit = best.last().map_or(f64::NEG_INFINITY, |&(worst, _)| worst + 2.0 * rounding);
    rows().filter(|&(_, &squared)| squared <= limit).map(|(row, _)| row).collect()
}

fn exact_nearest(query: &[f32], reference: &Rows, candidates: Vec<usize>, k: usize) -> Vec<(f64, usize)> {
    let mut best = Vec::with_capacity(k + 1);
    let mut squared = [0.0];
    for row in candidates {
        squared_distances(query, reference.row(row), &mut squared);
        keep_nearest(&mut best, k, squared[0], row);
    }
    best
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
