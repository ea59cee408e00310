//! Activations after each layer.

use modelmend_learn::projection::{GaussianProjection, Projection};
use modelmend_net::graph::ValueId;
use modelmend_net::{Parameters, Settings, Tensor};
use ndarray::Array2;

use super::Representation;
use super::project::project;
use crate::error::{FailureError, Result};
use crate::judge::Judge;
use crate::problem::Problem;
use modelmend_learn::monitor::Monitor;

/// Cases whose activations are held at a time.
const BATCH: usize = 128;

/// Activations after each parametric layer, averaged over space: a column per channel (METHODS 1.1).
pub fn features(
    problem: &Problem,
    parameters: &Parameters<f32>,
    cases: &[usize],
    monitor: &dyn Monitor,
) -> Result<Representation> {
    activations(problem, parameters, cases, monitor, |_, tensor| {
        let channels = tensor.shape().get(1).copied().unwrap_or(1);
        let space = (tensor.row_len() / channels.max(1)).max(1);
        let means = tensor.data().chunks_exact(space).map(|plane| plane.iter().sum::<f32>() / space as f32);
        Ok((means.collect(), channels))
    })
}

/// Activations after each parametric layer, all of them, projected to `dims` columns by a [`Projection`] of the layer's own
/// drawn from `seed` (METHODS 1.1).
pub fn features_flat(
    problem: &Problem,
    parameters: &Parameters<f32>,
    cases: &[usize],
    (dims, seed): (usize, u64),
    monitor: &dyn Monitor,
) -> Result<Representation> {
    let projection = GaussianProjection::new(seed, dims);
    activations(problem, parameters, cases, monitor, |layer, tensor| {
        let projection = Projection::new(projection.with_stream(layer as u64), tensor.row_len());
        Ok((project(&projection, tensor), dims))
    })
}

/// Runs the cases and reduces the output of each layer to rows of some width.
fn activations(
    problem: &Problem,
    parameters: &Parameters<f32>,
    cases: &[usize],
    monitor: &dyn Monitor,
    reduce: impl Fn(usize, &Tensor<f32>) -> Result<(Vec<f32>, usize)>,
) -> Result<Representation> {
    let graph = problem.graph();
    let layers = graph.layers();
    let watch: Vec<ValueId> = layers.iter().filter_map(|l| *graph.nodes()[l.node].outputs.first()?).collect();
    let mut widths = vec![0; watch.len()];
    let mut rows: Vec<f32> = Vec::new();
    for (done, part) in cases.chunks(BATCH).enumerate() {
        monitor.check()?;
        let values =
            problem.runtime().observe(parameters, &[problem.input(part)?], &watch, Settings::default())?;
        let mut reduced = Vec::with_capacity(values.len());
        for (layer, tensor) in values.iter().enumerate() {
            let (data, width) = reduce(layer, tensor)?;
            widths[layer] = width;
            reduced.push(data);
        }
        for case in 0..part.len() {
            for (data, &width) in reduced.iter().zip(&widths) {
                rows.extend_from_slice(&data[case * width..][..width]);
            }
        }
        monitor.progress((done * BATCH + part.len()).min(cases.len()), cases.len());
    }
    let matrix = Array2::from_shape_vec((cases.len(), widths.iter().sum()), rows)
        .map_err(|e| FailureError::invalid(format!("features: {e}")))?;
    Ok(Representation { matrix, layers: layers.into_iter().map(|l| l.name).zip(widths).collect() })
}
