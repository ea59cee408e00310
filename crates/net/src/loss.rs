//! Losses of single cases, evaluated outside the graph.

use crate::tensor::{Element, Tensor};

/// A term of the loss of each case of a batch: the gradient readings of [`crate::Runtime`] take a list of terms, and
/// the loss of a case is their sum. A model with several outputs gets a term for each.
pub trait Loss<T: Element>: Sync {
    /// Index of the graph output that it reads.
    fn output(&self) -> usize;

    /// The loss of case `image` of the batch from its row of the output; writes the gradient with respect to
    /// that row.
    fn evaluate(&self, image: usize, output: &[T], gradient: &mut [T]) -> T;
}

/// Cross entropy `-log softmax(logits)[label]` (natural logarithm), times `weight`.
#[derive(Clone, Copy, Debug)]
pub struct CrossEntropy<'a> {
    /// Class of each case; each less than the number of logits.
    pub labels: &'a [usize],
    /// Factor on loss and gradient: 1 for per-sample work, `1 / batch` for a mean.
    pub weight: f64,
    /// Index of the output with the logits.
    pub output: usize,
}

impl<T: Element> Loss<T> for CrossEntropy<'_> {
    fn output(&self) -> usize {
        self.output
    }

    fn evaluate(&self, image: usize, logits: &[T], gradient: &mut [T]) -> T {
        let label = self.labels[image];
        let weight = T::of(self.weight);
        let max = logits.iter().copied().fold(T::neg_infinity(), T::max);
        let sum: T = logits.iter().map(|&z| (z - max).exp()).sum();
        for (class, (g, &z)) in gradient.iter_mut().zip(logits).enumerate() {
            let target = if class == label { T::one() } else { T::zero() };
            *g = weight * ((z - max).exp() / sum - target);
        }
        weight * (sum.ln() - (logits[label] - max))
    }
}

/// Mean squared error over the elements of a case's output, times `weight`.
#[derive(Clone, Copy, Debug)]
pub struct MeanSquaredError<'a, T> {
    /// Targets, in the shape of the output.
    pub target: &'a Tensor<T>,
    /// Factor on loss and gradient.
    pub weight: f64,
    /// Index of the output.
    pub output: usize,
}

impl<T: Element> Loss<T> for MeanSquaredError<'_, T> {
    fn output(&self) -> usize {
        self.output
    }

    fn evaluate(&self, image: usize, output: &[T], gradient: &mut [T]) -> T {
        let target = &self.target.data()[image * output.len()..][..output.len()];
        let scale = T::of(self.weight / output.len().max(1) as f64);
        let mut sum = T::zero();
        for ((g, &y), &t) in gradient.iter_mut().zip(output).zip(target) {
            let d = y - t;
            sum += d * d;
            *g = (scale + scale) * d;
        }
        sum * scale
    }
}
