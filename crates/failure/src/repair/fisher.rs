//! The diagonal Fisher information of a model.

use modelmend_net::Parameters;

use super::per_sample::sum;
use crate::error::Result;
use crate::problem::Problem;
use modelmend_learn::monitor::Monitor;

/// Most cases that are looked at (METHODS 1.5).
const MOST: usize = 10_000;

/// The mean over `cases`, or 10,000 of them evenly spread where there are more, of the *squared gradient of each case's own loss*, for every weight of the unmodified model (empirical
/// Fisher information; METHODS 1.5). The square of a summed gradient is something else: it forgets that gradients of single
/// cases cancel.
///
/// # Errors
/// Execution errors, interruption, a model that mixes the images of a batch.
pub fn fisher(problem: &Problem, cases: &[usize], monitor: &dyn Monitor) -> Result<Parameters<f32>> {
    let cases: Vec<usize> = cases.iter().copied().step_by(cases.len().div_ceil(MOST).max(1)).collect();
    let mut total = sum(problem, &cases, monitor, |_, g| g * g)?;
    let count = cases.len().max(1) as f32;
    total.iter_mut().for_each(|t| t.data_mut().iter_mut().for_each(|t| *t /= count));
    Ok(total)
}
