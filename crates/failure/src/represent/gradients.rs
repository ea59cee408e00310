//! The gradient of each case's own loss, projected layer by layer.

use modelmend_net::{Parameters, Settings};
use ndarray::Array2;

use super::Representation;
use super::project::Projections;
use crate::error::{FailureError, Result};
use crate::judge::{Judge, chunk};
use modelmend_learn::monitor::Monitor;

/// Most cases per chunk: they meet a matrix together.
const CHUNK: usize = 64;

/// Projected gradients of the cases chosen: a layer's weights and biases to `dims` columns, each by a
/// [`Projection`](modelmend_learn::projection::Projection) of its own drawn from `seed` (Henn et al., section 3.1, with one Gaussian
/// matrix per layer; large parameters are sketched first).
///
/// Memory: the projections; per thread the gradients of one parameter, of one image as they are and of `CHUNK` images as the matrix takes
/// them; cases x columns.
///
/// # Errors
/// A model without parameters, or with an operator that has no gradient.
pub fn gradients(
    judge: &dyn Judge,
    parameters: &Parameters<f32>,
    cases: &[usize],
    projection @ (dims, _): (usize, u64),
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
    let projections =
        Projections::new(judge.graph(), projection, |p| layer_of.get(p).copied().unwrap_or_default());
    let values = cases.first().map_or(Ok(0), |&case| judge.input(&[case]).map(|input| input.len()))?;
    let chunk = chunk(values, CHUNK);
    let settings = Settings { chunk, ..Settings::default() };
    let batch = chunk * rayon::current_num_threads();
    let mut rows = Vec::with_capacity(cases.len() * width);
    for part in cases.chunks(batch).flat_map(|part| judge.batches(part)) {
        monitor.check()?;
        let loss = judge.loss_of(part, 1.0);
        let input = [judge.input(part)?];
        let result =
            judge.runtime().per_sample(parameters, &input, &[loss.as_ref()], settings, |images| {
                projections.sink(images)
            })?;
        result.sinks.into_iter().for_each(|sink| rows.extend(sink.into_rows()));
        monitor.progress(rows.len() / width, cases.len());
    }
    let matrix = Array2::from_shape_vec((cases.len(), width), rows)
        .map_err(|e| FailureError::invalid(format!("gradients: {e}")))?;
    Ok(Representation { matrix, layers: layers.into_iter().map(|l| (l.name, dims)).collect() })
}
