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
