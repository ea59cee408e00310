//! Losses of the reference models that the product has no use for.

use modelmend_net::Element;
use modelmend_net::loss::{CrossEntropy, Loss};

/// `-log(probability[label])`, for a model that ends in a softmax.
pub(crate) struct NegativeLog<'a>(pub(crate) &'a [usize]);

impl<T: Element> Loss<T> for NegativeLog<'_> {
    fn output(&self) -> usize {
        0
    }

    fn evaluate(&self, image: usize, output: &[T], gradient: &mut [T]) -> T {
        let label = self.0[image];
        gradient.fill(T::zero());
        gradient[label] = -T::one() / output[label];
        -output[label].ln()
    }
}

/// Mean over the cells of a map of the cross entropy of the classes on axis 1.
pub(crate) struct CellCrossEntropy<'a> {
    pub(crate) labels: &'a [usize],
    pub(crate) cells: usize,
}

impl<T: Element> Loss<T> for CellCrossEntropy<'_> {
    fn output(&self) -> usize {
        0
    }

    fn evaluate(&self, image: usize, output: &[T], gradient: &mut [T]) -> T {
        let classes = output.len() / self.cells;
        let mut sum = T::zero();
        for cell in 0..self.cells {
            let label = self.labels[image * self.cells + cell];
            let entropy = CrossEntropy { labels: &[label], weight: 1.0 / self.cells as f64, output: 0 };
            let logits: Vec<T> = (0..classes).map(|c| output[c * self.cells + cell]).collect();
            let mut row = vec![T::zero(); classes];
            sum += entropy.evaluate(0, &logits, &mut row);
            (0..classes).for_each(|c| gradient[c * self.cells + cell] = row[c]);
        }
        sum
    }
}
