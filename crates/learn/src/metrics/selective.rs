//! Selective prediction: the risk of what is kept when the least confident cases are rejected.

use super::descending;
use crate::error::{LearnError, check_lengths};

/// Area under the risk-coverage curve (Geifman and El-Yaniv 2017): (1/n) sum_k errors(top k) / k; equal
/// confidences are accepted in the given order. In 0 ..= 1, lower is better; `None` without cases.
///
/// # Errors
/// [`LearnError::Length`] if the inputs differ in length.
pub fn aurc(correct: &[bool], confidence: &[f64]) -> Result<Option<f64>, LearnError> {
    check_lengths("outcomes and confidences", correct.len(), confidence.len())?;
    Ok(area(descending(confidence).into_iter().map(|i| correct[i])))
}

/// [`aurc`] of an oracle that accepts every correct case before every wrong one; AURC minus this is the
/// excess (E-AURC). `None` without cases.
pub fn aurc_optimal(correct: &[bool]) -> Option<f64> {
    let hits = correct.iter().filter(|&&hit| hit).count();
    area((0..correct.len()).map(|rank| rank < hits))
}

fn area(accepted: impl ExactSizeIterator<Item = bool>) -> Option<f64> {
    let n = accepted.len();
    let mut errors = 0.0;
    let sum: f64 = (accepted.enumerate())
        .map(|(rank, hit)| {
            errors += f64::from(u8::from(!hit));
            errors / (rank + 1) as f64
        })
        .sum();
    (n > 0).then(|| sum / n as f64)
}

/// Area under the generalised risk-coverage curve (Traub et al. 2024): errors(top k) / n over coverage k / n
/// by the trapezoid rule from (0, 0), equal confidences accepted together. In 0 ..= 1/2, lower is better;
/// `None` without cases.
///
/// # Errors
/// [`LearnError::Length`] if the inputs differ in length.
pub fn augrc(correct: &[bool], confidence: &[f64]) -> Result<Option<f64>, LearnError> {
    check_lengths("outcomes and confidences", correct.len(), confidence.len())?;
    let order = descending(confidence);
    let (mut area, mut errors, mut accepted, mut group_errors) = (0.0, 0.0, 0usize, 0.0);
    for (rank, &i) in order.iter().enumerate() {
        group_errors += f64::from(u8::from(!correct[i]));
        if order.get(rank + 1).is_none_or(|&next| confidence[next] != confidence[i]) {
            area += (rank + 1 - accepted) as f64 * (errors + group_errors / 2.0);
            errors += group_errors;
            (accepted, group_errors) = (rank + 1, 0.0);
        }
    }
    let n = order.len() as f64;
    Ok((n > 0.0).then(|| area / (n * n)))
}
