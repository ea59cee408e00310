//! The fuzzy neighbourhood graph.

use super::Neighbors;
use ndarray::ArrayView1;
use rayon::prelude::*;

/// Bisection steps and tolerance of the bandwidth, and its floor as a share of the mean distance
/// (umap-learn).
const BISECTIONS: usize = 64;
const TOLERANCE: f64 = 1e-5;
const MIN_SCALE: f64 = 1e-3;

/// The local scale of each point.
#[derive(Debug, Clone, PartialEq)]
pub struct SmoothedKnn {
    /// Bandwidth sigma.
    pub sigma: Vec<f32>,
    /// Distance rho to the nearest neighbour that is not at distance 0; 0 if there is none.
    pub rho: Vec<f32>,
}

/// A symmetric weighted graph without self edges, in compressed rows, columns ascending, weights in (0, 1].
#[derive(Debug, Clone, PartialEq)]
pub struct FuzzyGraph {
    /// Row i holds the edges `offsets[i] .. offsets[i + 1]`.
    pub offsets: Vec<usize>,
    /// Other end of each edge.
    pub columns: Vec<usize>,
    /// Membership of each edge.
    pub weights: Vec<f32>,
}

/// Bandwidths such that sum_j exp(-max(0, d_ij - rho_i) / sigma_i) = log2(k + 1) over the k neighbours
/// without the point itself (umap-learn's `smooth_knn_dist` with local connectivity 1; its k counts the
/// point).
pub fn smooth_knn_dist(neighbors: &Neighbors) -> SmoothedKnn {
    let distances = &neighbors.distances;
    let entries = distances.nrows() * (distances.ncols() + 1);
    let overall_mean = distances.iter().map(|&d| f64::from(d)).sum::<f64>() / entries.max(1) as f64;
    let (sigma, rho) = (0..distances.nrows())
        .into_par_iter()
        .map(|i| {
            let row = distances.row(i);
            let rho = row.iter().copied().find(|&d| d > 0.0).unwrap_or(0.0);
            (bandwidth(row, f64::from(rho), overall_mean) as f32, rho)
        })
        .unzip();
    SmoothedKnn { sigma, rho }
}

fn bandwidth(row: ArrayView1<'_, f32>, rho: f64, overall_mean: f64) -> f64 {
    let target = ((row.len() + 1) as f64).log2();
    let (mut low, mut high, mut sigma) = (0.0, f64::INFINITY, 1.0);
    for _ in 0..BISECTIONS {
        let sum: f64 = row.iter().map(|&d| (-(f64::from(d) - rho).max(0.0) / sigma).exp()).sum();
        if (sum - target).abs() < TOLERANCE {
            break;
        }
        if sum > target {
            high = sigma;
            sigma = (low + high) / 2.0;
        } else {
            low = sigma;
            sigma = if high.is_infinite() { sigma * 2.0 } else { (low + high) / 2.0 };
        }
    }
    let own_mean = row.iter().map(|&d| f64::from(d)).sum::<f64>() / (row.len() + 1) as f64;
    sigma.max(MIN_SCALE * if rho > 0.0 { own_mean } else { overall_mean })
}

/// The symmetric fuzzy set P + P^T - P * P^T with P_ij = exp(-max(0, d_ij - rho_i) / sigma_i) over the
/// neighbours of i.
pub fn fuzzy_simplicial_set(neighbors: &Neighbors) -> FuzzyGraph {
    let scale = smooth_knn_dist(neighbors);
    // Per row: other end, own membership, membership of the other direction.
    let mut rows: Vec<Vec<(usize, f32, f32)>> = vec![Vec::new(); neighbors.indices.nrows()];
    for ((i, place), &j) in neighbors.indices.indexed_iter() {
        let beyond = neighbors.distances[(i, place)] - scale.rho[i];
        let near = beyond <= 0.0 || scale.sigma[i] == 0.0;
        let membership = if near { 1.0 } else { (-beyond / scale.sigma[i]).exp() };
        rows[i].push((j, membership, 0.0));
        rows[j].push((i, 0.0, membership));
    }
    rows.iter_mut().for_each(|row| {
        row.sort_by_key(|&(j, ..)| j);
        row.dedup_by(|second, first| {
            let same = second.0 == first.0;
            if same {
                *first = (first.0, first.1 + second.1, first.2 + second.2);
            }
            same
        });
    });
    FuzzyGraph::from_rows(rows.into_iter().map(|row| {
        row.into_iter().map(|(j, p, q)| (j, p + q - p * q)).filter(|&(_, weight)| weight > 0.0).collect()
    }))
}

impl FuzzyGraph {
    fn from_rows(rows: impl Iterator<Item = Vec<(usize, f32)>>) -> Self {
        let mut graph = Self { offsets: vec![0], columns: Vec::new(), weights: Vec::new() };
        for row in rows {
            graph.columns.extend(row.iter().map(|&(j, _)| j));
            graph.weights.extend(row.iter().map(|&(_, weight)| weight));
            graph.offsets.push(graph.columns.len());
        }
        graph
    }

    /// The complete graph of `n` points with the given memberships.
    pub(super) fn complete(n: usize, weight: impl Fn(usize, usize) -> f32) -> Self {
        Self::from_rows((0..n).map(|i| (0..n).filter(|&j| j != i).map(|j| (j, weight(i, j))).collect()))
    }

    /// Number of points.
    pub fn len(&self) -> usize {
        self.offsets.len() - 1
    }

    /// Whether there are no points.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The edges of point `i`: other end and membership.
    pub fn row(&self, i: usize) -> impl Iterator<Item = (usize, f32)> {
        let range = self.offsets[i]..self.offsets[i + 1];
        self.columns[range.clone()].iter().copied().zip(self.weights[range].iter().copied())
    }

    /// Without the edges too weak to be drawn once in `epochs` (umap-learn drops them before the layout; it
    /// takes the default number of epochs as the measure when 10 or fewer are asked for).
    pub(super) fn prune(&self, epochs: usize) -> Self {
        let default_epochs = if self.len() <= 10_000 { 500 } else { 200 };
        let draws = if epochs > 10 { epochs } else { default_epochs };
        let floor = self.weights.iter().copied().fold(0.0, f32::max) / draws as f32;
        Self::from_rows((0..self.len()).map(|i| self.row(i).filter(|&(_, weight)| weight >= floor).collect()))
    }

    /// The component of each point, numbered by first member, and their count.
    pub(super) fn components(&self) -> (Vec<usize>, usize) {
        let mut component = vec![usize::MAX; self.len()];
        let mut count = 0;
        for start in 0..self.len() {
            if component[start] != usize::MAX {
                continue;
            }
            let mut open = vec![start];
            component[start] = count;
            while let Some(i) = open.pop() {
                for (j, _) in self.row(i) {
                    if component[j] == usize::MAX {
                        component[j] = count;
                        open.push(j);
                    }
                }
            }
            count += 1;
        }
        (component, count)
    }

    /// The graph of the given points (ascending), renumbered.
    pub(super) fn subgraph(&self, members: &[usize]) -> Self {
        let place = |j: usize| members.binary_search(&j).ok();
        Self::from_rows(
            members
                .iter()
                .map(|&i| self.row(i).filter_map(|(j, weight)| Some((place(j)?, weight))).collect()),
        )
    }
}
