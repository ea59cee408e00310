//! The interval network's own guarantee.

use crate::error::{LearnError, check_lengths};

/// Intervals widened by a multiple of the loss's beta.
#[derive(Debug, Clone, PartialEq)]
pub struct Widened {
    /// Lower ends lo - t beta.
    pub lo: Vec<f32>,
    /// Upper ends hi + t beta.
    pub hi: Vec<f32>,
    /// Least coverage, 1 - 1/t.
    pub coverage: f64,
}

/// The Markov interval of Oala et al. (arXiv 2003.11566, theorem 1): at a stationary point of the interval network's loss
/// E max(y - hi, 0) and E max(lo - y, 0) are beta/2, so that by Markov's inequality y lies outside [lo - t beta, hi + t
/// beta] with probability 1/(2t) on each side. It holds on average over the training distribution, and only if training has converged.
///
/// # Errors
/// [`LearnError::Length`]; [`LearnError::Parameter`] for a beta that is not positive and finite or t < 1.
pub fn markov_widened(lo: &[f32], hi: &[f32], beta: f64, t: f64) -> Result<Widened, LearnError> {
    check_lengths("lower and upper ends", lo.len(), hi.len())?;
    if !(beta > 0.0 && beta.is_finite()) {
        return Err(LearnError::Parameter { name: "beta", value: beta, rule: "positive and finite" });
    }
    if !(t >= 1.0 && t.is_finite()) {
        return Err(LearnError::Parameter { name: "t", value: t, rule: "at least 1 and finite" });
    }
    let shifted = |ends: &[f32], by: f64| ends.iter().map(|&end| (f64::from(end) + by) as f32).collect();
    Ok(Widened { lo: shifted(lo, -t * beta), hi: shifted(hi, t * beta), coverage: 1.0 - 1.0 / t })
}
