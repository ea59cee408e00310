//! How a batch is checked and cut.

use std::ops::Range;

use super::Runtime;
use super::images::{images, shapes};
use crate::error::NetError;
use crate::graph::Dim;
use crate::tensor::{Element, Tensor};

/// Images whose gradients are added up by one thread before the partial sums are merged, at least, where parameters weigh more than values.
const LANE: usize = 4;
/// At most this many partial sums: each costs a copy of the parameters.
const MAX_LANES: usize = 4;
/// Elements of values for each parameter from which a portion of a batch bears what it costs of its own: filters are packed for each one.
const PER_PARAMETER: usize = 16;

impl<T: Element> Runtime<T> {
    /// Checks the inputs and cuts the batch into parts of `size` images.
    pub(super) fn chunks(&self, inputs: &[Tensor<T>], size: usize) -> Result<Vec<Range<usize>>, NetError> {
        let size = self.exact(inputs)?.unwrap_or(size);
        Ok(pieces(0..images(inputs), size))
    }

    /// Checks the inputs and cuts the batch into parts of at most `most` images whose values stay in cache, where parts so small are worth it.
    pub(super) fn portions(&self, inputs: &[Tensor<T>], most: usize) -> Result<Vec<Range<usize>>, NetError> {
        let size = match self.exact(inputs)? {
            Some(size) => size,
            None => self.portion(inputs)?.min(most),
        };
        Ok(pieces(0..images(inputs), size))
    }

    /// Checks the inputs and cuts the batch into lanes, of which each has a sum of its own, and these into the portions that are computed one after
    /// the other. That depends on the number of images and their shape alone.
    pub(super) fn lanes(&self, inputs: &[Tensor<T>]) -> Result<Vec<Vec<Range<usize>>>, NetError> {
        let images = images(inputs);
        if let Some(size) = self.exact(inputs)? {
            return Ok(pieces(0..images, size).into_iter().map(|lane| vec![lane]).collect());
        }
        let portion = self.portion(inputs)?;
        let lanes = (images / portion.div_ceil(PER_PARAMETER).min(LANE)).clamp(1, MAX_LANES);
        let lanes = pieces(0..images, images.div_ceil(lanes));
        // Portions of different sizes would each compute again what depends on parameters alone.
        let even = |len: usize| (portion..len).find(|size| len.is_multiple_of(*size)).unwrap_or(len);
        Ok(lanes.into_iter().map(|lane| pieces(lane.clone(), even(lane.len()))).collect())
    }

    /// Images of the smallest part that is worth it.
    fn portion(&self, inputs: &[Tensor<T>]) -> Result<usize, NetError> {
        let values = self.plan_for(shapes(inputs, 1))?.elements();
        let parameters: usize =
            self.graph.parameters().iter().map(|p| p.shape.iter().product::<usize>()).sum();
        Ok(parameters.saturating_mul(PER_PARAMETER).div_ceil(values.max(1)).max(1))
    }

    /// The only size of parts that the graph allows, if there is one.
    fn exact(&self, inputs: &[Tensor<T>]) -> Result<Option<usize>, NetError> {
        self.check(inputs)?;
        let images = images(inputs);
        match self.graph.inputs().iter().find_map(|i| i.fixed_batch()) {
            Some(batch) if batch == 0 || !images.is_multiple_of(batch) => Err(NetError::input(format!(
                "the model takes exactly {batch} images at a time, {images} given"
            ))),
            Some(batch) => Ok(Some(batch)),
            None => Ok((images > 1 && !self.separable(inputs)?).then_some(images)),
        }
    }

    /// Whether the batch may be cut. One size alone can look so by chance: a reshape to `1 x -1` keeps the first axis
    /// of one image.
    fn separable(&self, inputs: &[Tensor<T>]) -> Result<bool, NetError> {
        let cut = |n: usize| self.plan_for(shapes(inputs, n)).map(|plan| plan.separable);
        Ok(cut(1)? && cut(2)?)
    }

    /// Checks the inputs against the declared ones.
    fn check(&self, inputs: &[Tensor<T>]) -> Result<(), NetError> {
        let declared = self.graph.inputs();
        if declared.is_empty() {
            return Err(NetError::input("the model takes no inputs: there is nothing to run it on"));
        }
        if inputs.len() != declared.len() {
            return Err(NetError::input(format!(
                "{} inputs given, the model takes {}",
                inputs.len(),
                declared.len()
            )));
        }
        for (tensor, input) in inputs.iter().zip(declared) {
            let fits = |(d, n): (&Dim, &usize)| matches!(d, Dim::Free(_)) || *d == Dim::Fixed(*n);
            let rank = tensor.shape().len() == input.dims.len();
            if !rank || !input.dims.iter().zip(tensor.shape()).skip(1).all(fits) {
                let list = |dims: Vec<String>| dims.join("x");
                return Err(NetError::input(format!(
                    "input `{}`: expected {} per image, got {}",
                    input.name,
                    list(input.dims.iter().skip(1).map(ToString::to_string).collect()),
                    list(tensor.shape().iter().skip(1).map(ToString::to_string).collect()),
                )));
            }
            if tensor.rows() != images(inputs) {
                return Err(NetError::input(format!(
                    "input `{}` has {} images, another has {}",
                    input.name,
                    tensor.rows(),
                    images(inputs)
                )));
            }
            if tensor.is_empty() {
                return Err(NetError::input(format!("input `{}`: no samples", input.name)));
            }
        }
        Ok(())
    }
}

/// A range in pieces of `size`, the last of which may be shorter.
fn pieces(range: Range<usize>, size: usize) -> Vec<Range<usize>> {
    range.clone().step_by(size.max(1)).map(|start| start..(start + size.max(1)).min(range.end)).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::Model;
    use crate::architecture::{Classifier, ClassifierKind, DnCnn, classifier, dncnn};

    /// The sizes of the portions of each lane.
    fn sizes(model: &Model, shape: &[usize]) -> Vec<Vec<usize>> {
        let input = Tensor::new(shape, vec![0.0f32; shape.iter().product()]).unwrap();
        let lanes = Runtime::new(model.graph().clone()).lanes(&[input]).unwrap();
        let all: Vec<usize> = lanes.iter().flatten().flat_map(Range::clone).collect();
        assert_eq!(all, (0..shape[0]).collect::<Vec<_>>(), "every image once, in order");
        lanes.iter().map(|lane| lane.iter().map(Range::len).collect()).collect()
    }

    #[test]
    fn networks_of_large_images_take_few_at_a_time_and_those_of_many_parameters_many() {
        let denoiser = dncnn(&DnCnn { width: 32, depth: 8, seed: 1, ..DnCnn::default() }).unwrap();
        for lane in sizes(&denoiser, &[64, 1, 40, 40]) {
            assert_eq!((lane.len(), lane[0]), (8, 2));
        }
        assert_eq!(sizes(&denoiser, &[3, 1, 40, 40]), [[1], [1], [1]], "an image is worth a thread");
        let kind = ClassifierKind::VggSmall;
        let spec = Classifier { kind, channels: 3, height: 28, width: 28, classes: 2, base: None, seed: 1 };
        let small = classifier(&spec).unwrap();
        let shape = |images| [images, 3, 28, 28];
        assert_eq!(sizes(&small, &shape(64)), [[16]; 4]);
        assert_eq!(sizes(&small, &shape(7)), [[7]], "too few for two threads");
        assert_eq!(sizes(&small, &shape(13)), [[5], [5], [3]]);
    }
}
