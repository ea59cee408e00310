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
    Ok(mean_running_risk(descending(confidence).into_iter().map(|i| zero_one(correct[i]))))
}

/// [`aurc`] of an oracle that accepts every correct case before every wrong one; AURC minus this is the
/// excess (E-AURC). `None` without cases.
pub fn aurc_optimal(correct: &[bool]) -> Option<f64> {
    let hits = correct.iter().filter(|&&hit| hit).count();
    mean_running_risk((0..correct.len()).map(|rank| zero_one(rank < hits)))
}

/// [`aurc`] for losses of any size, such as the squared error of an image: (1/n) sum_k (mean loss of the top k). Of cases
/// with equal confidence each counts as their mean, the expectation over their orders, so that the order of the cases
/// does not matter. With the negative loss as confidence it is the oracle's. `None` without cases.
///
/// # Errors
/// [`LearnError::Length`] if the inputs differ in length.
pub fn aurc_of_losses(loss: &[f64], confidence: &[f64]) -> Result<Option<f64>, LearnError> {
    Ok(mean_running_risk(accepted_losses(loss, confidence)?.into_iter()))
}

/// Area under the generalised risk-coverage curve (Traub et al., arXiv 2407.01032): errors(top k) / n over coverage
/// k / n by the trapezoid rule from (0, 0), equal confidences accepted together. In 0 ..= 1/2, lower is better;
/// `None` without cases.
///
/// # Errors
/// [`LearnError::Length`] if the inputs differ in length.
pub fn augrc(correct: &[bool], confidence: &[f64]) -> Result<Option<f64>, LearnError> {
    let loss: Vec<f64> = correct.iter().map(|&hit| zero_one(hit)).collect();
    augrc_of_losses(&loss, confidence)
}

/// [`augrc`] for losses of any size: the generalised risk at coverage k / n is (sum of the losses of the top k) / n, the
/// mean loss of a case that is charged only if accepted. Unlike [`aurc_of_losses`] it does not weigh the most confident
/// cases many times over. `None` without cases.
///
/// # Errors
/// [`LearnError::Length`] if the inputs differ in length.
pub fn augrc_of_losses(loss: &[f64], confidence: &[f64]) -> Result<Option<f64>, LearnError> {
    let accepted = accepted_losses(loss, confidence)?;
    let n = accepted.len() as f64;
    let (area, _) = (accepted.iter()).fold((0.0, 0.0), |(area, sum), l| (area + sum + l / 2.0, sum + l));
    Ok((n > 0.0).then(|| area / (n * n)))
}

/// Losses from the most confident case down; of cases with equal confidence each has their mean loss.
///
/// # Errors
/// [`LearnError::Length`] if the inputs differ in length.
pub(crate) fn accepted_losses(loss: &[f64], confidence: &[f64]) -> Result<Vec<f64>, LearnError> {
    check_lengths("losses and confidences", loss.len(), confidence.len())?;
    let mut accepted = Vec::with_capacity(loss.len());
    for tie in descending(confidence).chunk_by(|&i, &j| confidence[i] == confidence[j]) {
        let mean = tie.iter().map(|&i| loss[i]).sum::<f64>() / tie.len() as f64;
        accepted.extend(std::iter::repeat_n(mean, tie.len()));
    }
    Ok(accepted)
}

/// (1/n) sum_k (mean of the first k); `None` without losses.
pub(crate) fn mean_running_risk(accepted: impl ExactSizeIterator<Item = f64>) -> Option<f64> {
    let n = accepted.len();
    let mut total = 0.0;
    let sum: f64 = (accepted.enumerate())
        .map(|(rank, loss)| {
            total += loss;
            total / (rank + 1) as f64
        })
        .sum();
    (n > 0).then(|| sum / n as f64)
}

fn zero_one(correct: bool) -> f64 {
    f64::from(u8::from(!correct))
}
