//! Whether a probability means what it says.

use crate::error::{LearnError, check_lengths};

/// Expected calibration error (Naeini et al. 2015): |accuracy - mean confidence| in `bins` equal bins (i/B,
/// (i+1)/B], weighted by their share of the cases. In 0 ..= 1; `None` without cases or bins.
///
/// # Errors
/// [`LearnError::Length`] if the inputs differ in length.
pub fn expected_calibration_error(
    correct: &[bool],
    confidence: &[f64],
    bins: usize,
) -> Result<Option<f64>, LearnError> {
    check_lengths("outcomes and confidences", correct.len(), confidence.len())?;
    if correct.is_empty() || bins == 0 {
        return Ok(None);
    }
    let edges: Vec<f64> = (1..bins).map(|i| i as f64 / bins as f64).collect();
    let mut gaps = vec![0.0; bins];
    for (&hit, &p) in correct.iter().zip(confidence) {
        gaps[edges.partition_point(|&edge| edge < p)] += f64::from(u8::from(hit)) - p;
    }
    Ok(Some(gaps.iter().map(|gap| gap.abs()).sum::<f64>() / correct.len() as f64))
}

/// Expected calibration error over bins of equal mass (Nguyen and O'Connor 2015): cases are ordered by confidence and cut
/// into `bins` parts of equal size; |accuracy - mean confidence| of each, weighted by its share of the cases. Equal
/// confidences stay in one bin, so the order of the cases does not matter. In 0 ..= 1; `None` without cases or bins.
///
/// # Errors
/// [`LearnError::Length`] if the inputs differ in length.
pub fn adaptive_calibration_error(
    correct: &[bool],
    confidence: &[f64],
    bins: usize,
) -> Result<Option<f64>, LearnError> {
    check_lengths("outcomes and confidences", correct.len(), confidence.len())?;
    if correct.is_empty() || bins == 0 {
        return Ok(None);
    }
    let mut order: Vec<(f64, bool)> = confidence.iter().copied().zip(correct.iter().copied()).collect();
    order.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    let (mut total, mut gap, mut bin) = (0.0, 0.0f64, 1);
    for (rank, pair) in order.iter().enumerate() {
        gap += f64::from(u8::from(pair.1)) - pair.0;
        let last_of_ties = order.get(rank + 1).is_none_or(|next| next.0 > pair.0);
        if last_of_ties && (rank + 1) * bins >= bin * order.len() {
            total += gap.abs();
            gap = 0.0;
            bin = (rank + 1) * bins / order.len() + 1;
        }
    }
    Ok(Some(total / order.len() as f64))
}

/// Brier score (1950): mean of (p - outcome)^2. In 0 ..= 1; `None` without cases.
///
/// # Errors
/// [`LearnError::Length`] if the inputs differ in length.
pub fn brier(outcome: &[bool], probability: &[f64]) -> Result<Option<f64>, LearnError> {
    mean(outcome, probability, |hit, p| (p - f64::from(u8::from(hit))).powi(2))
}

/// Mean negative natural logarithm of the probability given to what happened; infinite where that was 0.
/// `None` without cases.
///
/// # Errors
/// [`LearnError::Length`] if the inputs differ in length.
pub fn negative_log_likelihood(outcome: &[bool], probability: &[f64]) -> Result<Option<f64>, LearnError> {
    mean(outcome, probability, |hit, p| -if hit { p.ln() } else { (-p).ln_1p() })
}

fn mean(
    outcome: &[bool],
    probability: &[f64],
    loss: impl Fn(bool, f64) -> f64,
) -> Result<Option<f64>, LearnError> {
    check_lengths("outcomes and probabilities", outcome.len(), probability.len())?;
    let sum: f64 = outcome.iter().zip(probability).map(|(&hit, &p)| loss(hit, p)).sum();
    Ok((!outcome.is_empty()).then(|| sum / outcome.len() as f64))
}
