//! The mean squared error inside regions.

use std::ops::Range;

use modelmend_net::loss::Loss;

/// A region of a target.
pub(super) struct Part<'a> {
    /// The values of the whole item.
    pub(super) target: &'a [f32],
    /// Where the region lies among them.
    pub(super) spans: Vec<Range<usize>>,
}

impl Part<'_> {
    /// Mean squared error of the output for the whole item.
    pub(super) fn squared_error(&self, output: &[f32]) -> f64 {
        let (mut sum, mut count) = (0.0, 0);
        for span in &self.spans {
            let (Some(output), Some(target)) = (output.get(span.clone()), self.target.get(span.clone()))
            else {
                continue;
            };
            sum += output.iter().zip(target).map(|(y, t)| f64::from(y - t).powi(2)).sum::<f64>();
            count += span.len();
        }
        sum / count.max(1) as f64
    }

    /// Writes the gradient of `weight` times the mean squared error.
    fn gradient(&self, output: &[f32], gradient: &mut [f32], weight: f64) {
        let values: usize = self.spans.iter().map(ExactSizeIterator::len).sum();
        let scale = (2.0 * weight / values.max(1) as f64) as f32;
        gradient.fill(0.0);
        for span in &self.spans {
            let ends = (output.get(span.clone()), self.target.get(span.clone()));
            let ((Some(output), Some(target)), Some(gradient)) = (ends, gradient.get_mut(span.clone()))
            else {
                continue;
            };
            for (g, (y, t)) in gradient.iter_mut().zip(output.iter().zip(target)) {
                *g = scale * (y - t);
            }
        }
    }
}

/// The loss of a batch of regions, on the first output.
pub(super) struct OfRegions<'a> {
    pub(super) parts: Vec<Part<'a>>,
    pub(super) weight: f64,
}

impl Loss<f32> for OfRegions<'_> {
    fn output(&self) -> usize {
        0
    }

    fn evaluate(&self, image: usize, output: &[f32], gradient: &mut [f32]) -> f32 {
        let Some(part) = self.parts.get(image) else { return 0.0 };
        part.gradient(output, gradient, self.weight);
        (self.weight * part.squared_error(output)) as f32
    }
}
