//! How well a score ranks positives above negatives.

use super::descending;
use crate::error::{LearnError, check_lengths};

/// One threshold: everything with at least this score is called positive.
struct Threshold {
    true_positives: f64,
    false_positives: f64,
}

/// Cumulative counts from the highest score down, one entry for each distinct score.
fn thresholds(positive: &[bool], score: &[f64]) -> Result<Vec<Threshold>, LearnError> {
    check_lengths("labels and scores", positive.len(), score.len())?;
    let order = descending(score);
    let mut result = Vec::new();
    let (mut true_positives, mut false_positives) = (0.0, 0.0);
    for (rank, &i) in order.iter().enumerate() {
        if positive[i] {
            true_positives += 1.0
        } else {
            false_positives += 1.0
        }
        if order.get(rank + 1).is_none_or(|&next| score[next] != score[i]) {
            result.push(Threshold { true_positives, false_positives });
        }
    }
    Ok(result)
}

/// Area under the ROC curve: the chance that a positive scores above a negative, ties counting 1/2.
/// `None` without both classes.
///
/// # Errors
/// [`LearnError::Length`] if labels and scores differ in number.
pub fn auroc(positive: &[bool], score: &[f64]) -> Result<Option<f64>, LearnError> {
    let thresholds = thresholds(positive, score)?;
    let Some(last) = thresholds.last() else { return Ok(None) };
    let (mut area, mut tp, mut fp) = (0.0, 0.0, 0.0);
    for t in &thresholds {
        area += (t.false_positives - fp) * (t.true_positives + tp) / 2.0;
        (tp, fp) = (t.true_positives, t.false_positives);
    }
    let pairs = last.true_positives * last.false_positives;
    Ok((pairs > 0.0).then(|| area / pairs))
}

/// Area under the precision-recall curve as average precision, sum over thresholds of (R_k - R_{k-1}) P_k
/// (not the trapezoid), as scikit-learn's `average_precision_score`. `None` without positives.
///
/// # Errors
/// As [`auroc`].
pub fn average_precision(positive: &[bool], score: &[f64]) -> Result<Option<f64>, LearnError> {
    let thresholds = thresholds(positive, score)?;
    let total = thresholds.last().map_or(0.0, |last| last.true_positives);
    let (mut sum, mut tp) = (0.0, 0.0);
    for t in &thresholds {
        sum += (t.true_positives - tp) * t.true_positives / (t.true_positives + t.false_positives);
        tp = t.true_positives;
    }
    Ok((total > 0.0).then(|| sum / total))
}

/// Smallest false-positive rate among the thresholds whose true-positive rate is at least `tpr` (0.95 for
/// FPR@95), without interpolation. `None` without both classes.
///
/// # Errors
/// As [`auroc`].
pub fn fpr_at_tpr(positive: &[bool], score: &[f64], tpr: f64) -> Result<Option<f64>, LearnError> {
    let thresholds = thresholds(positive, score)?;
    let Some(last) = thresholds.last() else { return Ok(None) };
    let reached = thresholds.iter().find(|t| t.true_positives >= tpr * last.true_positives);
    let both = last.true_positives > 0.0 && last.false_positives > 0.0;
    Ok(reached.filter(|_| both).map(|t| t.false_positives / last.false_positives))
}
