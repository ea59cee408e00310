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

/// Which bound of an interval network a term of its loss looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The lower bound.
    Lower,
    /// The upper bound.
    Upper,
}

/// One of the two terms of the loss of an interval network (Oala et al. 2021, METHODS 2.2), times `weight`: with `y` the target,
/// `mean max(lo - y, 0)^2 - beta mean lo` or `mean max(y - hi, 0)^2 + beta mean hi`, means over the elements of a case.
/// Together they are `mean max(y - hi, 0)^2 + mean max(lo - y, 0)^2 + beta mean(hi - lo)`.
#[derive(Clone, Copy, Debug)]
pub struct IntervalBound<'a, T> {
    /// Targets, in the shape of the bound.
    pub target: &'a Tensor<T>,
    /// Price of width, at least 0.
    pub beta: f64,
    /// Which bound it is.
    pub side: Side,
    /// Factor on loss and gradient.
    pub weight: f64,
    /// Index of the output with the bound.
    pub output: usize,
}

impl<T: Element> Loss<T> for IntervalBound<'_, T> {
    fn output(&self) -> usize {
        self.output
    }

    fn evaluate(&self, image: usize, bound: &[T], gradient: &mut [T]) -> T {
        let target = &self.target.data()[image * bound.len()..][..bound.len()];
        let outward = if self.side == Side::Upper { T::one() } else { -T::one() };
        let (scale, price) = (T::of(self.weight / bound.len().max(1) as f64), T::of(self.beta) * outward);
        let mut sum = T::zero();
        for ((g, &b), &t) in gradient.iter_mut().zip(bound).zip(target) {
            let missed = (outward * (t - b)).max(T::zero());
            sum += missed * missed + price * b;
            *g = scale * (price - (missed + missed) * outward);
        }
        sum * scale
    }
}

/// Negative log-likelihood of a normal distribution up to constants, times `weight`: `mean (y - mu)^2 / e^s + penalty mean s`
/// over the targets of a case (METHODS 2.3, ProbOut). The first half of the channels of the output are the means `mu`, the second
/// half the logarithms `s` of the variances.
#[derive(Clone, Copy, Debug)]
pub struct GaussianLikelihood<'a, T> {
    /// Targets, in the shape of the means.
    pub target: &'a Tensor<T>,
    /// Factor of `mean s`: 1 for the likelihood.
    pub penalty: f64,
    /// Factor on loss and gradient.
    pub weight: f64,
    /// Index of the output.
    pub output: usize,
}

impl<T: Element> Loss<T> for GaussianLikelihood<'_, T> {
    fn output(&self) -> usize {
        self.output
    }

    fn evaluate(&self, image: usize, output: &[T], gradient: &mut [T]) -> T {
        let (means, logs) = output.split_at(output.len() / 2);
        let (of_means, of_logs) = gradient.split_at_mut(means.len());
        let target = &self.target.data()[image * means.len()..][..means.len()];
        let (scale, penalty) = (T::of(self.weight / means.len().max(1) as f64), T::of(self.penalty));
        let mut sum = T::zero();
        let points = means.iter().zip(logs).zip(target);
        for ((dm, ds), ((&mu, &s), &y)) in of_means.iter_mut().zip(of_logs).zip(points) {
            let (d, precision) = (mu - y, (-s).exp());
            sum += d * d * precision + penalty * s;
            *dm = scale * (d + d) * precision;
            *ds = scale * (penalty - d * d * precision);
        }
        sum * scale
    }
}
