//! Clusters of a representation: embedding, then k-means++ (Henn et al., section 3.1; METHODS 1.2).

use modelmend_learn::kmeans::{KmeansParams, kmeans};
use modelmend_learn::scores::adjusted_rand_index;
use modelmend_learn::silhouette::{Distance, silhouette};
use modelmend_learn::umap::{UmapParams, umap};
use ndarray::{Array2, ArrayView2};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::Subtyping;
use crate::error::Result;

/// The embedding that is clustered.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct EmbeddingSettings {
    /// Dimensions; `None` clusters the representation itself.
    pub dims: Option<usize>,
    /// Neighbours per case.
    pub neighbors: usize,
    /// Least distance of embedded cases.
    pub min_dist: f64,
}

/// How failures are clustered.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClusterSettings {
    /// Number of clusters.
    pub k: usize,
    /// Seed of the starts.
    pub seed: u64,
}

/// A clustering with its centres.
#[derive(Clone, Debug)]
pub struct Clustering {
    /// The subtypes, largest first.
    pub subtyping: Subtyping,
    /// The failures of each subtype by distance to its centre, nearest first.
    pub nearest: Vec<Vec<usize>>,
}

/// Embeds a scaled representation by UMAP.
///
/// # Errors
/// A representation that is not finite.
pub fn embed(
    representation: ArrayView2<'_, f32>,
    settings: &EmbeddingSettings,
    seed: u64,
) -> Result<Array2<f32>> {
    let Some(dims) = settings.dims else { return Ok(representation.to_owned()) };
    let params = UmapParams {
        n_neighbors: settings.neighbors,
        min_dist: settings.min_dist,
        dims,
        seed,
        ..UmapParams::default()
    };
    Ok(umap(representation, &params)?)
}

/// A 2-D embedding for pictures, on the same neighbours as [`embed`].
///
/// # Errors
/// As [`embed`].
pub fn picture(
    representation: ArrayView2<'_, f32>,
    settings: &EmbeddingSettings,
    seed: u64,
) -> Result<Array2<f32>> {
    // Points on top of each other cannot be told apart by eye.
    embed(
        representation,
        &EmbeddingSettings { dims: Some(2), min_dist: settings.min_dist.max(0.1), ..*settings },
        seed,
    )
}

/// Clusters an embedding.
///
/// # Errors
/// Fewer failures than clusters.
pub fn clusters(embedding: ArrayView2<'_, f32>, settings: &ClusterSettings) -> Result<Clustering> {
    let result = kmeans(embedding, &KmeansParams::new(settings.k, settings.seed))?;
    let score = silhouette(embedding, &result.labels, Distance::Euclidean, settings.seed).ok();
    let mut members: Vec<Vec<usize>> = vec![Vec::new(); settings.k];
    for (case, &label) in result.labels.iter().enumerate() {
        members[label].push(case);
    }
    let mut order: Vec<usize> = (0..settings.k).filter(|&c| !members[c].is_empty()).collect();
    order.sort_by_key(|&c| (std::cmp::Reverse(members[c].len()), members[c].first().copied()));
    let mut labels = vec![None; embedding.nrows()];
    let mut nearest = Vec::with_capacity(order.len());
    for (subtype, &cluster) in order.iter().enumerate() {
        let center = result.centers.row(cluster);
        let distance = |case: usize| -> f64 {
            embedding.row(case).iter().zip(center).map(|(&x, c)| (f64::from(x) - c).powi(2)).sum()
        };
        let mut cases = members[cluster].clone();
        cases.iter().for_each(|&case| labels[case] = Some(subtype));
        cases.sort_by(|&a, &b| distance(a).total_cmp(&distance(b)).then(a.cmp(&b)));
        nearest.push(cases);
    }
    let names = (1..=order.len()).map(|s| format!("subtype {s}")).collect();
    Ok(Clustering { subtyping: Subtyping { labels, names, silhouette: score, notes: Vec::new() }, nearest })
}

/// The adjusted Rand index between `chosen` and the clusterings that other seeds of embedding and clustering give: 1 where
/// the subtypes do not depend on chance, about 0 where they do.
///
/// # Errors
/// As [`embed`] and [`clusters`].
pub fn stability(
    representation: ArrayView2<'_, f32>,
    settings: &EmbeddingSettings,
    k: usize,
    seeds: &[u64],
    chosen: &Subtyping,
) -> Result<Vec<f64>> {
    let numbers = |s: &Subtyping| s.labels.iter().map(|l| l.map_or(s.count(), |l| l)).collect::<Vec<_>>();
    let reference = numbers(chosen);
    seeds
        .par_iter()
        .map(|&seed| {
            let points = embed(representation, settings, seed)?;
            let other = clusters(points.view(), &ClusterSettings { k, seed })?;
            Ok(adjusted_rand_index(&reference, &numbers(&other.subtyping))?)
        })
        .collect()
}
