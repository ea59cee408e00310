//! The gradient of each case's own loss, projected layer by layer.

use std::ops::Range;

use modelmend_learn::projection::{GaussianProjection, Projection};
use modelmend_net::exec::Sink;
use modelmend_net::kernels::{Matrix, gemm};
use modelmend_net::op::Scratch;
use modelmend_net::{Parameters, Settings};
use ndarray::Array2;

use super::Representation;
use crate::error::{FailureError, Result};
use crate::judge::{Judge, chunk};
use modelmend_learn::monitor::Monitor;

/// Most cases per chunk: one product projects a parameter's gradients of all of them.
const CHUNK: usize = 64;

/// Projected gradients of the cases chosen: a layer's weights and biases to `dims` columns by a projection of their
/// own that preserves distances like a Gaussian matrix with entries of variance `1 / dims` ([`Projection`]), drawn from `seed` (Henn et al., section
/// 3.1; one for each parameter, added up by layer).
///
/// Memory: the projections, and for each thread the elements of one parameter and `CHUNK` compressed rows; cases x columns.
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
    let sizes: Vec<usize> = judge.graph().parameters().iter().map(|p| p.shape.iter().product()).collect();
    let drawn =
        |(p, &size): (usize, &usize)| GaussianProjection::new(seed, dims).with_stream(p as u64).drawn(size);
    let projections: Vec<Projection> = sizes.iter().enumerate().map(drawn).collect();
    let values = cases.first().map_or(Ok(0), |&case| judge.input(&[case]).map(|input| input.len()))?;
    let chunk = chunk(values, CHUNK);
    let settings = Settings { chunk, ..Settings::default() };
    let batch = chunk * rayon::current_num_threads();
    let mut rows = Vec::with_capacity(cases.len() * width);
    for part in cases.chunks(batch).flat_map(|part| judge.batches(part)) {
        monitor.check()?;
        let make = |images: Range<usize>| Projector {
            projections: &projections,
            layer_of: &layer_of,
            width,
            dims,
            rows: vec![0.0; images.len() * width],
            images,
            compressed: Vec::new(),
            room: Vec::new(),
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
    projections: &'a [Projection],
    layer_of: &'a [usize],
    width: usize,
    dims: usize,
    rows: Vec<f32>,
    /// Images of the chunk.
    images: Range<usize>,
    /// A compressed row for each image.
    compressed: Vec<f32>,
    room: Vec<f32>,
    scratch: Scratch<f32>,
}

impl Sink<f32> for Projector<'_> {
    fn parameter(&mut self, parameter: usize, images: Range<usize>, gradients: &[f32]) {
        let (projection, count) = (&self.projections[parameter], self.images.len());
        let len = projection.rows();
        self.compressed.resize(count * len, 0.0);
        let slots = self.compressed[(images.start - self.images.start) * len..].chunks_exact_mut(len.max(1));
        let gradients = gradients.chunks_exact((gradients.len() / images.len().max(1)).max(1));
        for (gradient, slot) in gradients.zip(slots) {
            projection.compress(gradient, &mut self.room, slot);
        }
        if images.end == self.images.end {
            let target = &mut self.rows[self.layer_of[parameter] * self.dims..];
            let matrix = Matrix::new(projection.matrix(), len, self.dims);
            gemm(Matrix::new(&self.compressed, count, len), matrix, target, self.width, &mut self.scratch);
        }
    }

    fn images_at_once(&self) -> usize {
        1
    }
}
