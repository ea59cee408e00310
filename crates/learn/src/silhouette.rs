//! Silhouette (Rousseeuw 1987), and the number of clusters of highest mean silhouette.

use crate::distance::{QUERIES, side_by_side, squared_distances_to};
use crate::error::{LearnError, check_count, check_finite, check_lengths};
use crate::kmeans::{Kmeans, KmeansParams, kmeans};
use crate::scores::compact;
use ndarray::{ArrayView2, ArrayViewMut1, Axis};
use pulp::{Simd, WithSimd};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use std::ops::RangeInclusive;

/// How two rows are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Distance {
    /// |a - b|.
    #[default]
    Euclidean,
    /// 1 - cosine of the angle. A zero row has no angle: it counts as at distance 1/2 from every row with
    /// one.
    Cosine,
}

/// Up to so many samples [`silhouette`] is the mean over all of them.
pub const EXACT_UP_TO: usize = 20_000;
/// The samples that [`silhouette`] draws above.
pub const DRAWN: usize = 10_000;

/// Silhouette of each sample: (b - a) / max(a, b) with a the mean distance to its own cluster (without
/// itself) and b the least mean distance to another cluster; 0 for a sample alone in its cluster. Range -1
/// ..= 1. Memory is one copy of `x`, never a distance for each pair.
///
/// # Errors
/// [`LearnError::Length`] if labels and rows of `x` differ in number, [`LearnError::TooFew`] below two
/// clusters, [`LearnError::NotFinite`] for NaN or infinities.
pub fn silhouette_samples(
    x: ArrayView2<'_, f32>,
    labels: &[usize],
    distance: Distance,
) -> Result<Vec<f64>, LearnError> {
    let all: Vec<usize> = (0..x.nrows()).collect();
    Ok(Clusters::new(x, labels, distance)?.silhouettes(&all))
}

/// Mean of [`silhouette_samples`]; above [`EXACT_UP_TO`] samples the estimate from [`DRAWN`] of them
/// ([`silhouette_estimate`]), whose standard error is below .01, as silhouettes deviate by at most 1.
///
/// # Errors
/// As [`silhouette_samples`].
pub fn silhouette(
    x: ArrayView2<'_, f32>,
    labels: &[usize],
    distance: Distance,
    seed: u64,
) -> Result<f64, LearnError> {
    if x.nrows() > EXACT_UP_TO {
        return Ok(silhouette_estimate(x, labels, distance, DRAWN, seed)?.mean);
    }
    let samples = silhouette_samples(x, labels, distance)?;
    Ok(samples.iter().sum::<f64>() / samples.len() as f64)
}

/// A mean silhouette from some of the samples.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// Mean over the samples drawn.
    pub mean: f64,
    /// Its standard error.
    pub standard_error: f64,
}

/// Estimates the mean silhouette without bias by that of `drawn` samples, at least 2, which the seed draws
/// without replacement; each is compared with all others. The standard error is that of such a mean, s /
/// sqrt(m) sqrt(1 - m / n) (Cochran 1977, section 2.6). The same seed draws the same samples for any
/// labels, so that clusterings are compared on the same ones.
///
/// # Errors
/// As [`silhouette_samples`], and [`LearnError::TooFew`] below two samples.
pub fn silhouette_estimate(
    x: ArrayView2<'_, f32>,
    labels: &[usize],
    distance: Distance,
    drawn: usize,
    seed: u64,
) -> Result<Estimate, LearnError> {
    let n = x.nrows();
    let drawn = drawn.min(n);
    check_count("samples", 2, drawn)?;
    let values = Clusters::new(x, labels, distance)?.silhouettes(&draw(n, drawn, seed));
    let m = drawn as f64;
    let mean = values.iter().sum::<f64>() / m;
    let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (m - 1.0);
    Ok(Estimate { mean, standard_error: (variance / m * (1.0 - m / n as f64)).sqrt() })
}

/// `count` of the numbers below `n`, ascending: the first steps of a shuffle (Fisher and Yates).
fn draw(n: usize, count: usize, seed: u64) -> Vec<usize> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut numbers: Vec<usize> = (0..n).collect();
    for place in 0..count {
        numbers.swap(place, rng.random_range(place..n));
    }
    numbers.truncate(count);
    numbers.sort_unstable();
    numbers
}

/// Rows with their clusters.
struct Clusters {
    /// Cluster by cluster, in each in their order.
    rows: Vec<f32>,
    features: usize,
    /// Cluster of each sample, and its place in `rows`.
    labels: Vec<usize>,
    places: Vec<usize>,
    sizes: Vec<usize>,
    distance: Distance,
}

impl Clusters {
    fn new(x: ArrayView2<'_, f32>, labels: &[usize], distance: Distance) -> Result<Self, LearnError> {
        check_lengths("samples and labels", x.nrows(), labels.len())?;
        check_finite(x)?;
        let (labels, sizes) = compact(labels);
        check_count("clusters", 2, sizes.len())?;
        let mut order: Vec<usize> = (0..labels.len()).collect();
        order.sort_by_key(|&sample| labels[sample]);
        let mut places = vec![0; labels.len()];
        order.iter().enumerate().for_each(|(place, &sample)| places[sample] = place);
        let mut rows = x.select(Axis(0), &order);
        if distance == Distance::Cosine {
            rows.axis_iter_mut(Axis(0)).for_each(make_unit);
        }
        Ok(Self { rows: rows.into_iter().collect(), features: x.ncols(), labels, places, sizes, distance })
    }

    fn row(&self, sample: usize) -> &[f32] {
        &self.rows[self.places[sample] * self.features..][..self.features]
    }

    /// The silhouettes of some samples.
    fn silhouettes(&self, samples: &[usize]) -> Vec<f64> {
        let some = |samples: &[usize]| {
            let queries = side_by_side(samples.iter().map(|&sample| self.row(sample)), self.features);
            let sums = pulp::Arch::new().dispatch(Sums { clusters: self, queries: &queries });
            let one = |(place, &sample): (usize, &usize)| {
                let sums: Vec<f64> = sums.iter().map(|sums| sums[place]).collect();
                coefficient(&sums, &self.sizes, self.labels[sample])
            };
            samples.iter().enumerate().map(one).collect::<Vec<_>>()
        };
        samples.par_chunks(QUERIES).flat_map_iter(some).collect()
    }
}

/// The sums of distances of some queries to the samples of each cluster; each adds up in the order of the
/// samples.
struct Sums<'a> {
    clusters: &'a Clusters,
    queries: &'a [[f64; QUERIES]],
}

impl WithSimd for Sums<'_> {
    type Output = Vec<[f64; QUERIES]>;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> Self::Output {
        let Self { clusters, queries } = self;
        let mut found = Vec::with_capacity(clusters.sizes.len());
        let mut first = 0;
        for size in &clusters.sizes {
            let mut sums = [0.0; QUERIES];
            for row in first..first + size {
                let row = &clusters.rows[row * clusters.features..][..clusters.features];
                let squared = squared_distances_to(queries, row);
                for query in 0..QUERIES {
                    // |u - v|^2 = 2 (1 - cos) for unit vectors
                    sums[query] += match clusters.distance {
                        Distance::Cosine => squared[query] / 2.0,
                        Distance::Euclidean => squared[query].sqrt(),
                    };
                }
            }
            first += size;
            found.push(sums);
        }
        found
    }
}

fn coefficient(sums: &[f64], sizes: &[usize], own: usize) -> f64 {
    if sizes[own] == 1 {
        return 0.0;
    }
    let within = sums[own] / (sizes[own] - 1) as f64;
    let between = (sums.iter().zip(sizes).enumerate())
        .filter(|&(cluster, _)| cluster != own)
        .map(|(_, (sum, &size))| sum / size as f64)
        .fold(f64::INFINITY, f64::min);
    let larger = within.max(between);
    if larger > 0.0 { (between - within) / larger } else { 0.0 }
}

fn make_unit(mut row: ArrayViewMut1<'_, f32>) {
    let norm = row.iter().map(|&v| f64::from(v).powi(2)).sum::<f64>().sqrt();
    if norm > 0.0 {
        row.mapv_inplace(|v| (f64::from(v) / norm) as f32);
    }
}

/// The clusterings tried, and the best of them.
#[derive(Debug, Clone, PartialEq)]
pub struct KSelection {
    /// The clustering of highest mean silhouette; the smaller k where two are equal.
    pub best: Kmeans,
    /// Its mean silhouette.
    pub silhouette: f64,
    /// Every k tried with its mean silhouette, ascending in k.
    pub curve: Vec<(usize, f64)>,
}

/// k-means for every k of `range`, both ends included, and the k of highest mean Euclidean silhouette. A k
/// above samples - 1, for which the silhouette means nothing, is left out. `params.k` is not read.
///
/// # Errors
/// [`LearnError::TooFew`] if no k of the range can be tried, else as [`kmeans`]. A k whose clustering has
/// fewer than two clusters with members (all samples equal) is left out as well.
pub fn select_k(
    x: ArrayView2<'_, f32>,
    range: RangeInclusive<usize>,
    params: &KmeansParams,
) -> Result<KSelection, LearnError> {
    let smallest = (*range.start()).max(2);
    let mut best: Option<(Kmeans, f64)> = None;
    let mut curve = Vec::new();
    for k in smallest..=(*range.end()).min(x.nrows().saturating_sub(1)) {
        let clustering = kmeans(x, &KmeansParams { k, ..*params })?;
        let Ok(score) = silhouette(x, &clustering.labels, Distance::Euclidean, params.seed) else { continue };
        curve.push((k, score));
        if best.as_ref().is_none_or(|&(_, highest)| score > highest) {
            best = Some((clustering, score));
        }
    }
    match best {
        Some((best, silhouette)) => Ok(KSelection { best, silhouette, curve }),
        None => Err(LearnError::TooFew { what: "distinct samples", needed: smallest + 1, found: x.nrows() }),
    }
}
