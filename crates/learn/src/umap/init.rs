//! Start positions of the layout.

use super::graph::FuzzyGraph;
use super::{Init, UmapParams};
use crate::distance::squared_distances;
use crate::eigen::largest_eigenpairs;
use crate::error::LearnError;
use crate::pca::pca;
use ndarray::{Array2, ArrayView2, Axis, s};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

/// Edge of the box that start positions fill in every dimension, and the noise that separates duplicates.
const BOX: f32 = 10.0;
const NOISE: f32 = 1e-4;
/// ChaCha stream of the start, apart from the layout's.
const STREAM: u64 = 1;

/// Positions (points, dims) in 0 ..= 10 in every dimension.
pub(super) fn initial_positions(
    x: ArrayView2<'_, f32>,
    graph: &FuzzyGraph,
    params: &UmapParams,
) -> Result<Array2<f32>, LearnError> {
    let mut rng = ChaCha8Rng::seed_from_u64(params.seed);
    rng.set_stream(STREAM);
    let dims = params.dims;
    let mut positions = match params.init {
        Init::Random => random_box(x.nrows(), dims, BOX, &mut rng),
        Init::Pca => pca_positions(x, dims, params.seed)?,
        Init::Spectral => spectral_positions(x, graph, dims, &mut rng),
    };
    let extent = positions.iter().fold(0.0f32, |largest, v| largest.max(v.abs()));
    let expansion = if extent > 0.0 { BOX / extent } else { 1.0 };
    positions.mapv_inplace(|v| v * expansion + NOISE * normal(&mut rng));
    rescale_to_box(&mut positions);
    Ok(positions)
}

fn normal(rng: &mut ChaCha8Rng) -> f32 {
    StandardNormal.sample(rng)
}

fn random_box(rows: usize, dims: usize, half_width: f32, rng: &mut ChaCha8Rng) -> Array2<f32> {
    Array2::from_shape_simple_fn((rows, dims), || rng.random_range(-half_width..=half_width))
}

/// Principal components, zero where the data have fewer than `dims`.
fn pca_positions(x: ArrayView2<'_, f32>, dims: usize, seed: u64) -> Result<Array2<f32>, LearnError> {
    let scores = pca(x, dims, seed)?.scores;
    let mut positions = Array2::zeros((x.nrows(), dims));
    positions.slice_mut(s![.., ..scores.ncols()]).assign(&scores);
    Ok(positions)
}

fn rescale_to_box(positions: &mut Array2<f32>) {
    for mut column in positions.columns_mut() {
        let low = column.iter().copied().fold(f32::INFINITY, f32::min);
        let high = column.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let width = if high > low { high - low } else { 1.0 };
        column.mapv_inplace(|v| BOX * (v - low) / width);
    }
}

/// Laplacian eigenmaps; several components are placed around centres of their own (umap-learn's
/// `multi_component_layout`).
fn spectral_positions(
    x: ArrayView2<'_, f32>,
    graph: &FuzzyGraph,
    dims: usize,
    rng: &mut ChaCha8Rng,
) -> Array2<f32> {
    let (component, count) = graph.components();
    if count == 1 {
        return eigenmap(graph, dims, rng).unwrap_or_else(|| random_box(graph.len(), dims, BOX, rng));
    }
    let mut members = vec![Vec::new(); count];
    component.iter().enumerate().for_each(|(point, &c)| members[c].push(point));
    let centres = component_centres(x, &members, dims, rng);
    let mut positions = Array2::zeros((graph.len(), dims));
    for (c, members) in members.iter().enumerate() {
        let half_width = half_distance_to_nearest(&centres, c);
        let local = match eigenmap(&graph.subgraph(members), dims, rng) {
            Some(local) => {
                let extent = local.iter().fold(0.0f32, |largest, v| largest.max(v.abs()));
                local * (half_width / extent.max(f32::MIN_POSITIVE))
            }
            None => random_box(members.len(), dims, half_width, rng),
        };
        for (&point, place) in members.iter().zip(local.rows()) {
            positions.row_mut(point).assign(&(&place + &centres.row(c)));
        }
    }
    positions
}

/// The `dims` eigenvectors of I - D^-1/2 W D^-1/2 after the trivial one; `None` for a component too small for
/// them.
fn eigenmap(graph: &FuzzyGraph, dims: usize, rng: &mut ChaCha8Rng) -> Option<Array2<f32>> {
    let n = graph.len();
    if n < 2 * dims || n <= dims + 1 {
        return None;
    }
    let degree: Vec<f64> = (0..n).map(|i| graph.row(i).map(|(_, w)| f64::from(w)).sum()).collect();
    let root: Vec<f64> = degree.iter().map(|d: &f64| d.sqrt()).collect();
    let total = degree.iter().sum::<f64>().sqrt();
    let trivial: Vec<f64> = root.iter().map(|r| r / total).collect();
    // I + D^-1/2 W D^-1/2 has the same eigenvectors, the wanted ones on top and none below 0.
    let apply = |v: &[f64], out: &mut [f64]| {
        for (i, slot) in out.iter_mut().enumerate() {
            let pull: f64 = graph.row(i).map(|(j, w)| f64::from(w) * v[j] / root[j]).sum();
            *slot = v[i] + pull / root[i];
        }
    };
    let (_, vectors) = largest_eigenpairs(apply, n, dims, &[trivial], rng.random());
    Some(vectors.mapv(|v| v as f32))
}

/// One position per component: along the axes and their opposites while there are at most 2 dims of them,
/// else the spectral embedding of the components' means with affinity exp(-squared distance).
fn component_centres(
    x: ArrayView2<'_, f32>,
    members: &[Vec<usize>],
    dims: usize,
    rng: &mut ChaCha8Rng,
) -> Array2<f32> {
    let count = members.len();
    if count <= 2 * dims {
        let half = count.div_ceil(2);
        return Array2::from_shape_fn((count, dims), |(c, axis)| match (c % half == axis, c < half) {
            (false, _) => 0.0,
            (true, first) => {
                if first {
                    1.0
                } else {
                    -1.0
                }
            }
        });
    }
    let mut means = Array2::<f32>::zeros((count, x.ncols()));
    for (mut mean, members) in means.rows_mut().into_iter().zip(members) {
        let sum = x.select(Axis(0), members).mapv(f64::from).sum_axis(Axis(0));
        mean.assign(&sum.mapv(|v| (v / members.len() as f64) as f32));
    }
    let mut centres = embed_means(&means, dims, rng);
    let largest = centres.iter().fold(0.0f32, |largest, v| largest.max(v.abs()));
    centres.mapv_inplace(|v| v / largest.max(f32::MIN_POSITIVE));
    centres
}

fn embed_means(means: &Array2<f32>, dims: usize, rng: &mut ChaCha8Rng) -> Array2<f32> {
    let count = means.nrows();
    let squared = pairwise_squared(means);
    // Distances on the scale of the components: exp(-d^2) of raw distances would be 0 in high dimensions.
    let scale = squared.mean().filter(|&mean| mean > 0.0).unwrap_or(1.0);
    let graph =
        FuzzyGraph::complete(count, |i, j| ((-squared[(i, j)] / scale).exp() as f32).max(f32::MIN_POSITIVE));
    eigenmap(&graph, dims, rng).unwrap_or_else(|| random_box(count, dims, 1.0, rng))
}

fn pairwise_squared(points: &Array2<f32>) -> Array2<f64> {
    let mut squared = Array2::zeros((points.nrows(), points.nrows()));
    let values = points.as_slice().unwrap_or_default();
    for (point, mut row) in points.rows().into_iter().zip(squared.rows_mut()) {
        if let (Some(point), Some(row)) = (point.as_slice(), row.as_slice_mut()) {
            squared_distances(point, values, row);
        }
    }
    squared
}

fn half_distance_to_nearest(centres: &Array2<f32>, c: usize) -> f32 {
    let squared = pairwise_squared(centres);
    let nearest = squared.row(c).iter().copied().filter(|&d| d > 0.0).fold(f64::INFINITY, f64::min);
    if nearest.is_finite() { (nearest.sqrt() / 2.0) as f32 } else { 0.5 }
}
