//! What failure analysis asks of a network and its cases, whatever a case is and whatever makes it a failure.

use std::sync::Arc;

use modelmend_net::loss::Loss;
use modelmend_net::{Graph, Model, Parameters, Runtime, Tensor};

use crate::error::Result;

/// A network and the cases that it is judged by: images of a classifier ([`crate::Problem`]), regions of what a
/// reconstruction network puts out ([`crate::Regions`]).
pub trait Judge: Sync {
    /// The model.
    fn model(&self) -> &Model;

    /// The executor.
    fn runtime(&self) -> &Runtime<f32>;

    /// Number of cases.
    fn count(&self) -> usize;

    /// What the model takes for the cases chosen, (N, C, ...), which have to be [`alike`](Self::alike).
    ///
    /// # Errors
    /// Cases that stayed in a file that can no longer be read.
    fn input(&self, cases: &[usize]) -> Result<Tensor<f32>>;

    /// Whether two cases fit into one batch.
    fn alike(&self, first: usize, second: usize) -> bool;

    /// Whether two cases cost no more to judge than one of them.
    fn together(&self, _first: usize, _second: usize) -> bool {
        false
    }

    /// The loss of each of the cases chosen, times `weight`: 1 for per-sample work, `1 / batch` for a mean.
    fn loss_of(&self, cases: &[usize], weight: f64) -> Box<dyn Loss<f32> + '_>;

    /// Whether the model with these weights is right on each of the cases chosen.
    ///
    /// # Errors
    /// Execution errors.
    fn correct(&self, parameters: &Parameters<f32>, cases: &[usize]) -> Result<Vec<bool>>;

    /// The graph.
    fn graph(&self) -> &Arc<Graph> {
        self.model().graph()
    }

    /// The unmodified weights.
    fn parameters(&self) -> &Parameters<f32> {
        self.model().parameters()
    }

    /// The cases in order, cut into as few batches as they fit into.
    fn batches<'c>(&self, cases: &'c [usize]) -> Vec<&'c [usize]> {
        cases.chunk_by(|&first, &second| self.alike(first, second)).collect()
    }
}

/// Input values of the images that one thread takes at a time: large images go one by one.
const CHUNK_VALUES: usize = 1 << 18;

/// Images that one thread takes at a time, at most `most`, for images of so many values each. It changes memory and speed
/// and no bit of a forward pass or a per-sample gradient.
pub(crate) fn chunk(values_per_image: usize, most: usize) -> usize {
    (CHUNK_VALUES / values_per_image.max(1)).clamp(1, most)
}
