//! The diagonal Fisher information of a model.

use modelmend_net::Parameters;

use super::per_sample::sum;
use crate::error::Result;
use crate::monitor::Monitor;
use crate::problem::Problem;

/// The mean over `cases` of the *squared gradient of each case's own loss*, for every weight of the unmodified model (empirical
/// Fisher information; METHODS 1.5). The square of a summed gradient is something else: it forgets that gradients of single
/// cases cancel.
///
/// # Errors
/// Execution errors, interruption, a model that mixes the images of a batch.
pub fn fisher(problem: &Problem, cases: &[usize], monitor: &dyn Monitor) -> Result<Parameters<f32>> {
    let mut total = sum(problem, cases, monitor, |_, g| g * g)?;
    let count = cases.len().max(1) as f32;
    total.iter_mut().for_each(|t| t.data_mut().iter_mut().for_each(|t| *t /= count));
    Ok(total)
}
