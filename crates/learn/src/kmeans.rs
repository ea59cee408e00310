//! k-means clustering: k-means++ starts, Lloyd iterations, several restarts.

use crate::error::{LearnError, check_count, check_finite};
use ndarray::{Array2, ArrayView2};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

/// Parameters of [`kmeans`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct KmeansParams {
    /// Number of clusters, 1 ..= samples.
    pub k: usize,
    /// Starts, of which the best counts; at least 1.
    pub n_init: usize,
    /// Most Lloyd iterations of one start.
    pub max_iterations: usize,
    /// Fixes every random choice.
    pub seed: u64,
}

impl KmeansParams {
    /// `k` clusters with 20 starts of at most 300 iterations.
    pub fn new(k: usize, seed: u64) -> Self {
        Self { k, n_init: 20, max_iterations: 300, seed }
    }
}

/// A clustering.
#[derive(Debug, Clone, PartialEq)]
pub struct Kmeans {
    /// Means of the clusters, shape (k, features).
    pub centers: Array2<f64>,
    /// Cluster of each sample, 0 .. k; ties go to the lower number.
    pub labels: Vec<usize>,
    /// Sum of squared distances of the samples to their centres.
    pub inertia: f64,
}

/// Clusters `x` (samples, features) by Lloyd's algorithm (1982) in `f64`, from greedy k-means++ starts
/// (Arthur and Vassilvitskii 2007; 2 + ln k candidates a step, as scikit-learn), and returns the start of
/// least inertia.
///
/// Restarts run in parallel on random streams of their own. A cluster that loses all samples takes the sample
/// farthest from its centre; with fewer distinct samples than `k` some clusters stay empty, at the place of a
/// sample.
///
/// # Errors
/// [`LearnError::Parameter`] for `k` or `n_init` of 0, [`LearnError::TooFew`] for fewer samples than `k` or
/// no feature, [`LearnError::NotFinite`] for NaN or infinities.
pub fn kmeans(x: ArrayView2<'_, f32>, params: &KmeansParams) -> Result<Kmeans, LearnError> {
    for (name, value) in [("k", params.k), ("n_init", params.n_init)] {
        if value == 0 {
            return Err(LearnError::Parameter { name, value: 0.0, rule: "at least 1" });
        }
    }
    check_count("samples", params.k, x.nrows())?;
    check_count("features", 1, x.ncols())?;
    check_finite(x)?;
    let points =
        Points { columns: x.t().iter().map(|&v| f64::from(v)).collect(), features: x.ncols(), n: x.nrows() };
    let best = (0..params.n_init)
        .into_par_iter()
        .map(|start| {
            let mut rng = ChaCha8Rng::seed_from_u64(params.seed);
            rng.set_stream(start as u64);
            (start, points.lloyd(points.plus_plus(params.k, &mut rng), params.max_iterations))
        })
        .min_by(|(s, a), (t, b)| a.inertia.total_cmp(&b.inertia).then(s.cmp(t)));
    best.map(|(_, result)| result).ok_or(LearnError::TooFew { what: "starts", needed: 1, found: 0 })
}

/// Samples feature by feature: distances of all samples to one centre vectorise over the samples.
struct Points {
    columns: Vec<f64>,
    features: usize,
    n: usize,
}

impl Points {
    fn row(&self, i: usize) -> Vec<f64> {
        self.columns.iter().skip(i).step_by(self.n).copied().collect()
    }

    /// Squared distance of every sample to `center`.
    fn squared_distances(&self, center: &[f64]) -> Vec<f64> {
        let mut squared = vec![0.0; self.n];
        pulp::Arch::new().dispatch(|| {
            for (column, c) in self.columns.chunks_exact(self.n).zip(center) {
                squared.iter_mut().zip(column).for_each(|(s, v)| *s += (v - c) * (v - c));
            }
        });
        squared
    }

    /// Each centre is the best of a few candidates drawn in proportion to the squared distance to the nearest
    /// centre.
    fn plus_plus(&self, k: usize, rng: &mut ChaCha8Rng) -> Vec<f64> {
        let candidates = 2 + (k as f64).ln() as usize;
        let first = rng.random_range(0..self.n);
        let mut centers = self.row(first);
        let mut nearest = self.squared_distances(&centers);
        for _ in 1..k {
            let mut best: Option<(f64, usize, Vec<f64>)> = None;
            for _ in 0..candidates {
                let candidate = draw_proportional(&nearest, rng);
                let mut reduced = self.squared_distances(&self.row(candidate));
                reduced.iter_mut().zip(&nearest).for_each(|(d, &known)| *d = d.min(known));
                let potential: f64 = reduced.iter().sum();
                if best.as_ref().is_none_or(|(least, ..)| potential < *least) {
                    best = Some((potential, candidate, reduced));
                }
            }
            if let Some((_, candidate, reduced)) = best {
                centers.extend(self.row(candidate));
                nearest = reduced;
            }
        }
        centers
    }

    fn lloyd(&self, mut centers: Vec<f64>, max_iterations: usize) -> Kmeans {
        let k = centers.len() / self.features;
        let (mut labels, mut distances) = self.assign(&centers);
        for _ in 0..max_iterations {
            self.update(&labels, &mut distances, &mut centers, k);
            let (next, next_distances) = self.assign(&centers);
            distances = next_distances;
            if std::mem::replace(&mut labels, next) == labels {
                break;
            }
        }
        Kmeans {
            centers: Array2::from_shape_vec((k, self.features), centers).unwrap_or_default(),
            labels,
            inertia: distances.iter().sum(),
        }
    }

    /// Nearest centre of each sample, and the squared distance to it.
    fn assign(&self, centers: &[f64]) -> (Vec<usize>, Vec<f64>) {
        let (mut labels, mut nearest) = (vec![0; self.n], vec![f64::INFINITY; self.n]);
        for (label, center) in centers.chunks_exact(self.features).enumerate() {
            let squared = self.squared_distances(center);
            for ((best, least), squared) in labels.iter_mut().zip(&mut nearest).zip(squared) {
                if squared < *least {
                    (*best, *least) = (label, squared);
                }
            }
        }
        (labels, nearest)
    }

    /// Moves each centre to the mean of its samples, an empty one to the sample farthest from its own centre.
    fn update(&self, labels: &[usize], distances: &mut [f64], centers: &mut [f64], k: usize) {
        let mut labels = labels.to_vec();
        let mut counts = vec![0usize; k];
        labels.iter().for_each(|&label| counts[label] += 1);
        for empty in 0..k {
            if counts[empty] > 0 {
                continue;
            }
            let farther = |best: (usize, f64), (i, &d): (usize, &f64)| if d > best.1 { (i, d) } else { best };
            let (farthest, distance) = distances.iter().enumerate().fold((0, 0.0), farther);
            if distance == 0.0 {
                break; // Every sample lies on its centre: fewer distinct samples than clusters.
            }
            distances[farthest] = 0.0;
            counts[labels[farthest]] -= 1;
            counts[empty] = 1;
            labels[farthest] = empty;
        }
        for (feature, column) in self.columns.chunks_exact(self.n).enumerate() {
            let mut sums = vec![0.0; k];
            labels.iter().zip(column).for_each(|(&label, v)| sums[label] += v);
            for (label, sum) in sums.iter().enumerate().filter(|&(label, _)| counts[label] > 0) {
                centers[label * self.features + feature] = sum / counts[label] as f64;
            }
        }
    }
}

/// An index with probability proportional to its weight; uniform when all weights are 0.
fn draw_proportional(weights: &[f64], rng: &mut ChaCha8Rng) -> usize {
    let total: f64 = weights.iter().sum();
    if total <= 0.0 {
        return rng.random_range(0..weights.len());
    }
    let mut remaining = rng.random::<f64>() * total;
    let mut last_positive = 0;
    for (i, &weight) in weights.iter().enumerate() {
        if weight > 0.0 {
            if remaining < weight {
                return i;
            }
            remaining -= weight;
            last_positive = i;
        }
    }
    last_positive
}

#[cfg(test)]
mod tests {
    use super::Points;

    #[test]
    fn empty_clusters_take_the_farthest_samples() {
        let points = Points { columns: vec![0.0, 1.0, 10.0, 11.0, 30.0], features: 1, n: 5 };
        let found = points.lloyd(vec![0.0; 3], 100);
        assert_eq!(found.labels, [0, 0, 2, 2, 1]);
        assert_eq!(found.inertia, 1.0);
    }
}
