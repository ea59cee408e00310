//! Correlations of two vectors.

use crate::error::{LearnError, check_lengths};

/// Pearson correlation, centred, in -1 ..= 1. `None` for a constant or empty vector.
///
/// # Errors
/// [`LearnError::Length`] if the vectors differ in length.
pub fn pearson(x: &[f64], y: &[f64]) -> Result<Option<f64>, LearnError> {
    check_lengths("vectors", x.len(), y.len())?;
    let n = x.len() as f64;
    let centred = |v: &[f64]| -> Vec<f64> {
        let mean = v.iter().sum::<f64>() / n;
        v.iter().map(|value| value - mean).collect()
    };
    cosine(&centred(x), &centred(y))
}

/// Cosine of the angle between two vectors, not centred, in -1 ..= 1. `None` for a zero or empty vector.
///
/// # Errors
/// [`LearnError::Length`] if the vectors differ in length.
pub fn cosine(x: &[f64], y: &[f64]) -> Result<Option<f64>, LearnError> {
    check_lengths("vectors", x.len(), y.len())?;
    let dot = |a: &[f64], b: &[f64]| -> f64 { a.iter().zip(b).map(|(p, q)| p * q).sum() };
    let norm = dot(x, x).sqrt() * dot(y, y).sqrt();
    Ok((norm > 0.0).then(|| (dot(x, y) / norm).clamp(-1.0, 1.0)))
}

/// Spearman correlation: [`pearson`] of the ranks, ties at their mean rank.
///
/// # Errors
/// [`LearnError::Length`] if the vectors differ in length.
pub fn spearman(x: &[f64], y: &[f64]) -> Result<Option<f64>, LearnError> {
    check_lengths("vectors", x.len(), y.len())?;
    pearson(&mean_ranks(x), &mean_ranks(y))
}

fn mean_ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&i, &j| values[i].total_cmp(&values[j]));
    let mut ranks = vec![0.0; values.len()];
    let mut start = 0;
    for group in order.chunk_by(|&i, &j| values[i] == values[j]) {
        let rank = start as f64 + (group.len() as f64 + 1.0) / 2.0;
        group.iter().for_each(|&i| ranks[i] = rank);
        start += group.len();
    }
    ranks
}

/// Kendall's tau-b, corrected for ties, in -1 ..= 1, by Knight's O(n log n) method (1966). `None` for a
/// constant or empty vector.
///
/// # Errors
/// [`LearnError::Length`] if the vectors differ in length.
pub fn kendall(x: &[f64], y: &[f64]) -> Result<Option<f64>, LearnError> {
    check_lengths("vectors", x.len(), y.len())?;
    let mut order: Vec<usize> = (0..x.len()).collect();
    order.sort_by(|&i, &j| x[i].total_cmp(&x[j]).then(y[i].total_cmp(&y[j])));
    let tied_x = tied_pairs(&order, |i, j| x[i] == x[j]);
    let tied_both = tied_pairs(&order, |i, j| x[i] == x[j] && y[i] == y[j]);
    let mut values: Vec<f64> = order.iter().map(|&i| y[i]).collect();
    let discordant = sort_counting_swaps(&mut values) as f64;
    order.sort_by(|&i, &j| y[i].total_cmp(&y[j]));
    let tied_y = tied_pairs(&order, |i, j| y[i] == y[j]);
    let n = x.len() as f64;
    let pairs = n * (n - 1.0) / 2.0;
    let difference = pairs - tied_x - tied_y + tied_both - 2.0 * discordant;
    let norm = ((pairs - tied_x) * (pairs - tied_y)).sqrt();
    Ok((norm > 0.0).then(|| difference / norm))
}

fn tied_pairs(order: &[usize], same: impl Fn(usize, usize) -> bool) -> f64 {
    order.chunk_by(|&i, &j| same(i, j)).map(|tie| tie.len() as f64 * (tie.len() as f64 - 1.0) / 2.0).sum()
}

/// Merge sort; returns the pairs that were in strictly descending order.
fn sort_counting_swaps(values: &mut [f64]) -> u64 {
    if values.len() < 2 {
        return 0;
    }
    let (left, right) = values.split_at_mut(values.len() / 2);
    let mut swaps = sort_counting_swaps(left) + sort_counting_swaps(right);
    let mut merged = Vec::with_capacity(left.len() + right.len());
    let (mut i, mut j) = (0, 0);
    while i < left.len() && j < right.len() {
        if right[j] < left[i] {
            swaps += (left.len() - i) as u64;
            merged.push(right[j]);
            j += 1;
        } else {
            merged.push(left[i]);
            i += 1;
        }
    }
    merged.extend_from_slice(&left[i..]);
    merged.extend_from_slice(&right[j..]);
    values.copy_from_slice(&merged);
    swaps
}
