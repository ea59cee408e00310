//! Ranking, calibration and selective-prediction metrics, and correlations.
//!
//! Length mismatches are errors; `None` means that the metric is not defined for the input (one class only, a
//! constant vector, nothing at all).

mod calibration;
mod correlation;
mod ranking;
mod selective;

pub use calibration::{
    adaptive_calibration_error, brier, expected_calibration_error, negative_log_likelihood,
};
pub use correlation::{cosine, kendall, pearson, spearman};
pub use ranking::{auroc, average_precision, fpr_at_tpr};
pub(crate) use selective::{accepted_losses, mean_running_risk};
pub use selective::{augrc, augrc_of_losses, aurc, aurc_of_losses, aurc_optimal};

/// Indices from the highest value to the lowest, equal values in the given order.
fn descending(values: &[f64]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&i, &j| values[j].total_cmp(&values[i]));
    order
}
