//! Cross entropy against labels, or against the probabilities of another model.

use modelmend_net::loss::Loss;

/// `weight x ((1 - share) x cross entropy with the label + share x cross entropy with the teacher)`, where an image has a
/// teacher; with the label alone where it has none. Up to the teacher's entropy, the second term is the
/// Kullback-Leibler divergence (Hinton et al., arXiv 1503.02531, at temperature 1).
#[derive(Clone, Copy, Debug)]
pub(super) struct Distillation<'a> {
    /// Class of each image.
    pub(super) labels: &'a [usize],
    /// Probabilities of the teacher for each image.
    pub(super) teacher: &'a [Option<&'a [f32]>],
    /// Share of the teacher, 0..=1.
    pub(super) share: f64,
    /// Factor of each image; below 0 where its loss is to rise.
    pub(super) weights: &'a [f32],
}

impl Loss<f32> for Distillation<'_> {
    fn output(&self) -> usize {
        0
    }

    fn evaluate(&self, image: usize, logits: &[f32], gradient: &mut [f32]) -> f32 {
        let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let sum: f32 = logits.iter().map(|z| (z - largest).exp()).sum();
        let (label, teacher) = (self.labels[image], self.teacher[image]);
        let share = if teacher.is_some() { self.share as f32 } else { 0.0 };
        let weight = self.weights[image];
        let mut loss = 0.0;
        for (class, (&logit, g)) in logits.iter().zip(gradient).enumerate() {
            let hard = if class == label { 1.0 } else { 0.0 };
            let soft = teacher.and_then(|t| t.get(class)).copied().unwrap_or(0.0);
            let wanted = (1.0 - share) * hard + share * soft;
            *g = weight * ((logit - largest).exp() / sum - wanted);
            loss += wanted * (sum.ln() - (logit - largest));
        }
        weight * loss
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// In double precision, by the formula: `weight x (log sum exp - sum of wanted x logit)`.
    fn formula(logits: &[f64], wanted: &[f64], weight: f64) -> f64 {
        let sum: f64 = logits.iter().map(|z| z.exp()).sum();
        weight * (sum.ln() - logits.iter().zip(wanted).map(|(z, w)| z * w).sum::<f64>())
    }

    #[test]
    fn the_gradient_is_that_of_the_mixed_cross_entropy() {
        let logits = [0.3f32, -1.2, 2.1];
        let taught = [0.2f32, 0.7, 0.1];
        let loss = Distillation {
            labels: &[2, 0],
            teacher: &[Some(&taught), None],
            share: 0.3,
            weights: &[0.5, -0.25],
        };
        let wanted = [[0.06, 0.21, 0.73], [1.0, 0.0, 0.0]];
        let start: Vec<f64> = logits.iter().map(|&z| f64::from(z)).collect();
        for (image, wanted) in wanted.iter().enumerate() {
            let weight = f64::from(loss.weights[image]);
            let mut gradient = [f32::NAN; 3];
            let value = loss.evaluate(image, &logits, &mut gradient);
            assert!((f64::from(value) - formula(&start, wanted, weight)).abs() < 1e-6, "image {image}");
            for class in 0..3 {
                let at = |step: f64| {
                    let mut moved = start.clone();
                    moved[class] += step;
                    formula(&moved, wanted, weight)
                };
                let difference = (at(1e-5) - at(-1e-5)) / 2e-5;
                let got = f64::from(gradient[class]);
                assert!((got - difference).abs() < 1e-6, "image {image}: {got} instead of {difference}");
            }
        }
    }
}
