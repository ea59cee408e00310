//! The gradient of each case's own loss, projected layer by layer.

use std::ops::Range;

use modelmend_learn::projection::GaussianProjection;
use modelmend_net::exec::Sink;
use modelmend_net::kernels::{Matrix, gemm};
use modelmend_net::op::Scratch;
use modelmend_net::{Parameters, Settings};
use ndarray::Array2;

use super::Representation;
use crate::error::{FailureError, Result};
use crate::judge::{Judge, chunk};
use modelmend_learn::monitor::Monitor;

/// Most cases per chunk: the projection matrix is drawn once for each.
const CHUNK: usize = 64;
/// Rows of the projection matrix that are drawn at a time; with 100 dimensions they stay in the second-level cache.
const SLAB: usize = 2048;

/// Projected gradients of the cases chosen: a layer's weights and biases to `dims` columns by a Gaussian matrix of their
/// own with entries of variance `1 / dims`, drawn from `seed` (Henn et al., section 3.1; one matrix per layer).
///
/// Memory: `CHUNK` x the elements of one parameter per thread, and cases x columns.
///
/// # Errors
/// A model without parameters, or with an operator that has no gradient.
pub fn gradients(
    judge: &dyn Judge,
    parameters: &Parameters<f32>,
    cases: &[usize],
    (dims, seed): (usize, u64),
    monitor: &dyn Monitor,
) -> Result<Representation> {
    let layers = judge.graph().layers();
    if layers.is_empty() {
        return Err(FailureError::invalid(
            "the model has no trainable parameters, so it has no gradients to look at",
        ));
    }
    let width = layers.len() * dims;
    let mut layer_of = vec![0; judge.graph().parameters().len()];
    for (index, layer) in layers.iter().enumerate() {
        layer.parameters.iter().for_each(|&p| layer_of[p] = index);
    }
    let projection = GaussianProjection::new(seed, dims);
    let values = cases.first().map_or(Ok(0), |&case| judge.input(&[case]).map(|input| input.len()))?;
    let chunk = chunk(values, CHUNK);
    let settings = Settings { chunk, ..Settings::default() };
    let batch = chunk * rayon::current_num_threads();
    let mut rows = Vec::with_capacity(cases.len() * width);
    for part in cases.chunks(batch).flat_map(|part| judge.batches(part)) {
        monitor.check()?;
        let make = |images: Range<usize>| Projector {
            projection: &projection,
            layer_of: &layer_of,
            width,
            dims,
            rows: vec![0.0; images.len() * width],
            scratch: Scratch::default(),
        };
        let loss = judge.loss_of(part, 1.0);
        let input = [judge.input(part)?];
        let result = judge.runtime().per_sample(parameters, &input, &[loss.as_ref()], settings, make)?;
        result.sinks.into_iter().for_each(|sink| rows.extend(sink.rows));
        monitor.progress(rows.len() / width, cases.len());
    }
    let matrix = Array2::from_shape_vec((cases.len(), width), rows)
        .map_err(|e| FailureError::invalid(format!("gradients: {e}")))?;
    Ok(Representation { matrix, layers: layers.into_iter().map(|l| (l.name, dims)).collect() })
}

/// Projects the gradients of one chunk as they come.
struct Projector<'a> {
    projection: &'a GaussianProjection,
    layer_of: &'a [usize],
    width: usize,
    dims: usize,
    rows: Vec<f32>,
    scratch: Scratch<f32>,
}

impl Sink<f32> for Projector<'_> {
    fn parameter(&mut self, parameter: usize, images: Range<usize>, gradients: &[f32]) {
        let elements = gradients.len() / images.len().max(1);
        let projection = self.projection.with_stream(parameter as u64);
        let target = &mut self.rows[self.layer_of[parameter] * self.dims..];
        let mut slab = vec![0.0; SLAB.min(elements) * self.dims];
        for first in (0..elements).step_by(SLAB) {
            let count = SLAB.min(elements - first);
            let slab = &mut slab[..count * self.dims];
            projection.fill(first, slab);
            let part = Matrix {
                data: &gradients[first..],
                rows: images.len(),
                columns: count,
                row_stride: elements,
                column_stride: 1,
            };
            gemm(part, Matrix::new(slab, count, self.dims), target, self.width, &mut self.scratch);
        }
    }
}
