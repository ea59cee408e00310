//! Right or wrong at each of several checkpoints.

use modelmend_net::Model;
use ndarray::Array2;

use super::Representation;
use crate::error::{FailureError, Result};
use crate::judge::Judge;
use modelmend_learn::monitor::Monitor;

/// A column per checkpoint, 1 where it is right and 0 where it is wrong (METHODS 1.1).
///
/// # Errors
/// Checkpoints whose parameters do not fit the model.
pub fn trajectory(
    judge: &dyn Judge,
    checkpoints: &[Model],
    cases: &[usize],
    monitor: &dyn Monitor,
) -> Result<Representation> {
    let mut matrix = Array2::zeros((cases.len(), checkpoints.len()));
    for (column, checkpoint) in checkpoints.iter().enumerate() {
        monitor.check()?;
        let shapes = |m: &Model| m.graph().parameters().iter().map(|p| p.shape.clone()).collect::<Vec<_>>();
        if shapes(checkpoint) != shapes(judge.model()) {
            return Err(FailureError::invalid(format!(
                "checkpoint {} has other parameters than the model",
                column + 1
            )));
        }
        for (row, correct) in judge.correct(checkpoint.parameters(), cases)?.into_iter().enumerate() {
            matrix[[row, column]] = f32::from(u8::from(correct));
        }
        monitor.progress(column + 1, checkpoints.len());
    }
    let layers = (0..checkpoints.len()).map(|i| (format!("checkpoint {}", i + 1), 1)).collect();
    Ok(Representation { matrix, layers })
}
