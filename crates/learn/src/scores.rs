//! Agreement of two labellings, and inner quality of one labelling or embedding.

use crate::distance::squared_distances;
use crate::error::{LearnError, check_count, check_finite, check_lengths};
use ndarray::{Array2, ArrayView2};
use rayon::prelude::*;
use statrs::function::gamma::ln_gamma;
use std::collections::BTreeMap;

/// Labels renumbered 0 .. clusters in ascending order, and the size of each cluster.
pub(crate) fn compact(labels: &[usize]) -> (Vec<usize>, Vec<usize>) {
    let mut numbers: BTreeMap<usize, usize> = labels.iter().map(|&label| (label, 0)).collect();
    numbers.values_mut().enumerate().for_each(|(number, slot)| *slot = number);
    let compact: Vec<usize> = labels.iter().map(|label| numbers[label]).collect();
    let mut sizes = vec![0; numbers.len()];
    compact.iter().for_each(|&label| sizes[label] += 1);
    (compact, sizes)
}

/// How often each pair of labels meets.
struct Contingency {
    counts: Array2<usize>,
    left: Vec<usize>,
    right: Vec<usize>,
    n: usize,
}

impl Contingency {
    fn new(left: &[usize], right: &[usize]) -> Result<Self, LearnError> {
        check_lengths("labellings", left.len(), right.len())?;
        check_count("samples", 1, left.len())?;
        let ((a, a_sizes), (b, b_sizes)) = (compact(left), compact(right));
        let mut counts = Array2::zeros((a_sizes.len(), b_sizes.len()));
        a.iter().zip(&b).for_each(|(&i, &j)| counts[(i, j)] += 1);
        Ok(Self { counts, left: a_sizes, right: b_sizes, n: left.len() })
    }

    /// Both put everything into one cluster, or both everything apart: nothing can differ.
    fn trivial(&self) -> bool {
        let clusters = self.left.len();
        clusters == self.right.len() && (clusters == 1 || clusters == self.n)
    }

    fn mutual_information(&self) -> f64 {
        let n = self.n as f64;
        let terms = self.counts.indexed_iter().filter(|&(_, &c)| c > 0).map(|((i, j), &c)| {
            let c = c as f64;
            c / n * (n * c / (self.left[i] as f64 * self.right[j] as f64)).ln()
        });
        terms.sum::<f64>().max(0.0)
    }

    /// Mean of mutual information over all labellings of the same sizes (Vinh, Epps and Bailey 2010).
    fn expected_mutual_information(&self) -> f64 {
        let ln_factorial: Vec<f64> = (0..=self.n).map(|i| ln_gamma(i as f64 + 1.0)).collect();
        let f = |i: usize| ln_factorial[i];
        let n = self.n as f64;
        let mut expected = 0.0;
        for &a in &self.left {
            for &b in &self.right {
                for c in (a + b).saturating_sub(self.n).max(1)..=a.min(b) {
                    let information = c as f64 / n * (n * c as f64 / (a as f64 * b as f64)).ln();
                    let ln_p = f(a) + f(b) + f(self.n - a) + f(self.n - b)
                        - f(self.n)
                        - f(c)
                        - f(a - c)
                        - f(b - c)
                        - f(self.n + c - a - b);
                    expected += information * ln_p.exp();
                }
            }
        }
        expected
    }

    fn mean_entropy(&self) -> f64 {
        (entropy(&self.left, self.n) + entropy(&self.right, self.n)) / 2.0
    }
}

fn entropy(sizes: &[usize], n: usize) -> f64 {
    sizes.iter().map(|&s| s as f64 / n as f64).map(|p| -p * p.ln()).sum()
}

fn pairs(count: usize) -> f64 {
    count as f64 * (count as f64 - 1.0) / 2.0
}

/// Adjusted Rand index (Hubert and Arabie 1985): 1 for equal partitions, 0 on average for independent ones.
///
/// # Errors
/// [`LearnError::Length`] for labellings of different length, [`LearnError::TooFew`] for empty ones.
pub fn adjusted_rand_index(left: &[usize], right: &[usize]) -> Result<f64, LearnError> {
    let table = Contingency::new(left, right)?;
    if table.trivial() {
        return Ok(1.0);
    }
    let both: f64 = table.counts.iter().map(|&c| pairs(c)).sum();
    let in_left: f64 = table.left.iter().map(|&c| pairs(c)).sum();
    let in_right: f64 = table.right.iter().map(|&c| pairs(c)).sum();
    let expected = in_left * in_right / pairs(table.n);
    Ok((both - expected) / ((in_left + in_right) / 2.0 - expected))
}

/// Normalised mutual information 2 I / (H(U) + H(V)), natural logarithms, in 0 ..= 1.
///
/// # Errors
/// As [`adjusted_rand_index`].
pub fn normalized_mutual_information(left: &[usize], right: &[usize]) -> Result<f64, LearnError> {
    let table = Contingency::new(left, right)?;
    let entropy = table.mean_entropy();
    Ok(if entropy > 0.0 { table.mutual_information() / entropy } else { 1.0 })
}

/// Adjusted mutual information (I - E I) / (mean of H(U), H(V) - E I), Vinh, Epps and Bailey 2010.
///
/// # Errors
/// As [`adjusted_rand_index`].
pub fn adjusted_mutual_information(left: &[usize], right: &[usize]) -> Result<f64, LearnError> {
    let table = Contingency::new(left, right)?;
    if table.trivial() {
        return Ok(1.0);
    }
    let expected = table.expected_mutual_information();
    // One partition is a single cluster: numerator and denominator are both 0 but for rounding.
    let room = table.mean_entropy() - expected;
    Ok(if room.abs() < 1e-15 { 0.0 } else { (table.mutual_information() - expected) / room })
}

/// Means and members of each cluster.
struct Clusters {
    labels: Vec<usize>,
    sizes: Vec<usize>,
    means: Array2<f64>,
}

impl Clusters {
    fn new(x: ArrayView2<'_, f32>, labels: &[usize]) -> Result<Self, LearnError> {
        check_lengths("samples and labels", x.nrows(), labels.len())?;
        check_finite(x)?;
        let (labels, sizes) = compact(labels);
        check_count("clusters", 2, sizes.len())?;
        let mut means = Array2::<f64>::zeros((sizes.len(), x.ncols()));
        for (row, &label) in x.rows().into_iter().zip(&labels) {
            means.row_mut(label).zip_mut_with(&row, |sum, &v| *sum += f64::from(v));
        }
        for (mut mean, &size) in means.rows_mut().into_iter().zip(&sizes) {
            mean.mapv_inplace(|sum| sum / size as f64);
        }
        Ok(Self { labels, sizes, means })
    }

    /// Squared distance of each sample to the mean of its cluster.
    fn squared_to_mean(&self, x: ArrayView2<'_, f32>) -> Vec<f64> {
        let squared = |(row, &label): (ndarray::ArrayView1<'_, f32>, &usize)| {
            row.iter().zip(self.means.row(label)).map(|(&v, m)| (f64::from(v) - m).powi(2)).sum()
        };
        x.rows().into_iter().zip(&self.labels).map(squared).collect()
    }
}

/// Calinski-Harabasz index (1974): variance between over variance within clusters, each per degree of
/// freedom; higher is better; 1 when all samples lie on their means, as scikit-learn.
///
/// # Errors
/// [`LearnError::Length`], [`LearnError::NotFinite`], [`LearnError::TooFew`] below two clusters.
pub fn calinski_harabasz(x: ArrayView2<'_, f32>, labels: &[usize]) -> Result<f64, LearnError> {
    let clusters = Clusters::new(x, labels)?;
    let k = clusters.sizes.len();
    check_count("samples", k + 1, x.nrows())?;
    let within: f64 = clusters.squared_to_mean(x).iter().sum();
    let overall = x.mapv(f64::from).mean_axis(ndarray::Axis(0)).unwrap_or_default();
    let between: f64 = (clusters.means.rows().into_iter().zip(&clusters.sizes))
        .map(|(mean, &size)| size as f64 * (&mean - &overall).mapv(|v| v * v).sum())
        .sum();
    Ok(if within == 0.0 { 1.0 } else { between * (x.nrows() - k) as f64 / (within * (k - 1) as f64) })
}

/// Davies-Bouldin index (1979): mean over clusters of the worst (s_i + s_j) / |c_i - c_j|, s the mean
/// distance to the cluster's mean; at least 0, lower is better.
///
/// # Errors
/// As [`calinski_harabasz`].
pub fn davies_bouldin(x: ArrayView2<'_, f32>, labels: &[usize]) -> Result<f64, LearnError> {
    let clusters = Clusters::new(x, labels)?;
    let k = clusters.sizes.len();
    let mut spread = vec![0.0; k];
    for (&label, squared) in clusters.labels.iter().zip(clusters.squared_to_mean(x)) {
        spread[label] += squared.sqrt() / clusters.sizes[label] as f64;
    }
    let ratio = |i: usize, j: usize| {
        let apart = (&clusters.means.row(i) - &clusters.means.row(j)).mapv(|v| v * v).sum().sqrt();
        // Coinciding means separate nothing; scikit-learn lets such a pair count 0.
        if apart > 0.0 { (spread[i] + spread[j]) / apart } else { 0.0 }
    };
    let worst = |i: usize| (0..k).filter(|&j| j != i).map(|j| ratio(i, j)).fold(0.0, f64::max);
    Ok((0..k).map(worst).sum::<f64>() / k as f64)
}

/// Trustworthiness of an embedding (Venna and Kaski 2001): 1 minus the normalised ranks by which the `k`
/// nearest neighbours in `embedding` are too far down the list of neighbours in `x`; 1 is best. `x` and
/// `embedding` have the same rows; 2 `k` < samples.
///
/// # Errors
/// [`LearnError::Length`], [`LearnError::NotFinite`], [`LearnError::TooFew`] for too few samples for `k`.
pub fn trustworthiness(
    x: ArrayView2<'_, f32>,
    embedding: ArrayView2<'_, f32>,
    k: usize,
) -> Result<f64, LearnError> {
    let n = x.nrows();
    check_lengths("rows of data and embedding", n, embedding.nrows())?;
    check_count("samples", 2 * k + 1, n)?;
    check_finite(x)?;
    let near = crate::neighbors::nearest_neighbors(embedding, k)?.indices;
    let rows = x.as_standard_layout();
    let values = rows.as_slice().unwrap_or_default();
    let penalty: usize = (0..n)
        .into_par_iter()
        .map(|i| {
            let mut squared = vec![0.0; n];
            squared_distances(&values[i * x.ncols()..(i + 1) * x.ncols()], values, &mut squared);
            let before = |j: usize| {
                let closer = |&(other, &d): &(usize, &f64)| {
                    other != i && (d < squared[j] || (d == squared[j] && other < j))
                };
                squared.iter().enumerate().filter(closer).count()
            };
            near.row(i).iter().map(|&j| (before(j) + 1).saturating_sub(k)).sum::<usize>()
        })
        .sum();
    let (n, k) = (n as f64, k as f64);
    Ok(1.0 - 2.0 / (n * k * (2.0 * n - 3.0 * k - 1.0)) * penalty as f64)
}
