//! The error that is left when the most uncertain pixels are removed.

use crate::error::LearnError;
use crate::metrics::{accepted_losses, mean_running_risk};

/// Points of the curves of [`Sparsification`]: 0, 5, ... 95 % of the pixels removed.
pub const SPARSIFICATION_STEPS: usize = 20;

/// Sparsification of one image (Ilg et al., arXiv 1802.07095): mean squared error of the pixels that are left, over that of
/// all pixels. Pixels of equal u go together, each with their mean error, so that the order of the pixels does not
/// matter.
#[derive(Debug, Clone, PartialEq)]
pub struct Sparsification {
    /// By the method's u; the first is 1. Point i has the share i / [`SPARSIFICATION_STEPS`] of the pixels removed.
    pub curve: [f64; SPARSIFICATION_STEPS],
    /// By the error itself: no u can fall faster.
    pub oracle: [f64; SPARSIFICATION_STEPS],
    /// Area between both (AUSE), over all pixel counts and not only the points of the curves; 0 is perfect, and a u that
    /// says nothing has 1 minus the area of the oracle.
    pub ause: f64,
}

/// Sparsification of an image from the squared errors and u of its pixels. `None` without pixels or without errors.
///
/// # Errors
/// [`LearnError::Length`] if the inputs differ in length.
pub fn sparsification(squared_errors: &[f64], u: &[f64]) -> Result<Option<Sparsification>, LearnError> {
    let negated = |values: &[f64]| values.iter().map(|v| -v).collect::<Vec<f64>>();
    let kept = accepted_losses(squared_errors, &negated(u))?;
    let best = accepted_losses(squared_errors, &negated(squared_errors))?;
    let mse = squared_errors.iter().sum::<f64>() / squared_errors.len().max(1) as f64;
    let areas = mean_running_risk(kept.iter().copied()).zip(mean_running_risk(best.iter().copied()));
    Ok(areas.filter(|_| mse > 0.0).map(|(area, least)| Sparsification {
        curve: curve(&kept, mse),
        oracle: curve(&best, mse),
        ause: (area - least) / mse,
    }))
}

/// Mean of what is left of `kept` (the surest first) at every step, over `mse`.
fn curve(kept: &[f64], mse: f64) -> [f64; SPARSIFICATION_STEPS] {
    let mut sums = Vec::with_capacity(kept.len());
    let mut total = 0.0;
    for loss in kept {
        total += loss;
        sums.push(total);
    }
    std::array::from_fn(|step| {
        let left = kept.len() - kept.len() * step / SPARSIFICATION_STEPS;
        sums.get(left.saturating_sub(1)).map_or(0.0, |sum| sum / left as f64 / mse)
    })
}
