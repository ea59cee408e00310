//! Silhouette (Rousseeuw 1987), and the number of clusters of highest mean silhouette.

use crate::distance::squared_distances;
use crate::error::{LearnError, check_count, check_finite, check_lengths};
use crate::kmeans::{Kmeans, KmeansParams, kmeans};
use crate::scores::compact;
use ndarray::{Array2, ArrayView2, Axis};
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

/// Silhouette of each sample: (b - a) / max(a, b) with a the mean distance to its own cluster (without
/// itself) and b the least mean distance to another cluster; 0 for a sample alone in its cluster. Range -1
/// ..= 1.
///
/// # Errors
/// [`LearnError::Length`] if labels and rows of `x` differ in number, [`LearnError::TooFew`] below two
/// clusters, [`LearnError::NotFinite`] for NaN or infinities.
pub fn silhouette_samples(
    x: ArrayView2<'_, f32>,
    labels: &[usize],
    distance: Distance,
) -> Result<Vec<f64>, LearnError> {
    check_lengths("samples and labels", x.nrows(), labels.len())?;
    check_finite(x)?;
    let (labels, sizes) = compact(labels);
    check_count("clusters", 2, sizes.len())?;
    let rows = match distance {
        Distance::Euclidean => x.as_standard_layout().into_owned(),
        Distance::Cosine => unit_rows(x),
    };
    let features = rows.ncols();
    let values = rows.as_slice().unwrap_or_default();
    let one = |squared: &mut Vec<f64>, i: usize| {
        squared_distances(&values[i * features..(i + 1) * features], values, squared);
        let mut sums = vec![0.0; sizes.len()];
        for (&label, &d) in labels.iter().zip(squared.iter()) {
            // |u - v|^2 = 2 (1 - cos) for unit vectors
            sums[label] += if distance == Distance::Cosine { d / 2.0 } else { d.sqrt() };
        }
        coefficient(&sums, &sizes, labels[i])
    };
    Ok((0..rows.nrows()).into_par_iter().map_init(|| vec![0.0; rows.nrows()], one).collect())
}

/// Mean of [`silhouette_samples`].
///
/// # Errors
/// As [`silhouette_samples`].
pub fn silhouette(x: ArrayView2<'_, f32>, labels: &[usize], distance: Distance) -> Result<f64, LearnError> {
    let samples = silhouette_samples(x, labels, distance)?;
    Ok(samples.iter().sum::<f64>() / samples.len() as f64)
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

fn unit_rows(x: ArrayView2<'_, f32>) -> Array2<f32> {
    let mut rows = x.as_standard_layout().into_owned();
    for mut row in rows.axis_iter_mut(Axis(0)) {
        let norm = row.iter().map(|&v| f64::from(v).powi(2)).sum::<f64>().sqrt();
        if norm > 0.0 {
            row.mapv_inplace(|v| (f64::from(v) / norm) as f32);
        }
    }
    rows
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
        let Ok(score) = silhouette(x, &clustering.labels, Distance::Euclidean) else { continue };
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
