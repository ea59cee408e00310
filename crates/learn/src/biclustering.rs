//! Spectral co-clustering as an order of rows and columns.

use crate::error::{LearnError, check_count};
use nalgebra::DMatrix;
use ndarray::ArrayView2;

/// Permutations that put similar rows, and the columns they share, side by side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// Row numbers in their new order.
    pub rows: Vec<usize>,
    /// Column numbers in their new order.
    pub columns: Vec<usize>,
}

/// Orders rows and columns of a non-negative matrix by the second singular vectors of D1^-1/2 A D2^-1/2,
/// scaled by D1^-1/2 and D2^-1/2 (Dhillon 2001): the relaxed best cut of the bipartite graph of rows
/// and columns. Made for matrices of at most some hundred rows. Empty rows and columns go last.
///
/// # Errors
/// [`LearnError::TooFew`] for an empty matrix; [`LearnError::Parameter`] for a negative or not finite entry.
pub fn spectral_order(matrix: ArrayView2<'_, f64>) -> Result<Order, LearnError> {
    check_count("entries", 1, matrix.len())?;
    if let Some(&value) = matrix.iter().find(|v| !(v.is_finite() && **v >= 0.0)) {
        return Err(LearnError::Parameter { name: "matrix entry", value, rule: "finite and at least 0" });
    }
    let inverse_root = |sum: f64| if sum > 0.0 { 1.0 / sum.sqrt() } else { 0.0 };
    let row_scale: Vec<f64> = matrix.rows().into_iter().map(|row| inverse_root(row.sum())).collect();
    let column_scale: Vec<f64> =
        matrix.columns().into_iter().map(|column| inverse_root(column.sum())).collect();
    let scaled = DMatrix::from_fn(matrix.nrows(), matrix.ncols(), |i, j| {
        matrix[(i, j)] * row_scale[i] * column_scale[j]
    });
    let svd = scaled.svd(true, true);
    // nalgebra sorts singular values in descending order; the first pair is the trivial cut.
    let (rows, columns) = match (&svd.u, &svd.v_t) {
        (Some(u), Some(v_t)) if svd.singular_values.len() > 1 => (
            (0..matrix.nrows()).map(|i| u[(i, 1)] * row_scale[i]).collect::<Vec<_>>(),
            (0..matrix.ncols()).map(|j| v_t[(1, j)] * column_scale[j]).collect::<Vec<_>>(),
        ),
        _ => (vec![0.0; matrix.nrows()], vec![0.0; matrix.ncols()]),
    };
    // The sign of a singular vector is arbitrary: row 0 stays in the first half.
    let sign = if rows[0] > 0.0 { -1.0 } else { 1.0 };
    Ok(Order { rows: ascending(&rows, &row_scale, sign), columns: ascending(&columns, &column_scale, sign) })
}

fn ascending(coordinates: &[f64], scale: &[f64], sign: f64) -> Vec<usize> {
    let mut order: Vec<usize> = (0..coordinates.len()).collect();
    order.sort_by(|&i, &j| {
        let empty = (scale[i] == 0.0).cmp(&(scale[j] == 0.0));
        empty.then((sign * coordinates[i]).total_cmp(&(sign * coordinates[j])))
    });
    order
}
