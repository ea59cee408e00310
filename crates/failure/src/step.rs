//! One step of an optimiser: what training and fine-tuning share.

use modelmend_net::optim::Adam;
use modelmend_net::{Parameters, Settings, Tensor};

use crate::error::Result;
use crate::problem::Problem;

/// Takes a step along the gradient of the mean loss of `cases`, whose images are `input` (as they are or augmented);
/// returns the summed loss.
///
/// # Errors
/// Execution errors.
pub(crate) fn step(
    problem: &Problem,
    (parameters, optimizer): (&mut Parameters<f32>, &mut Adam<f32>),
    cases: &[usize],
    input: Tensor<f32>,
) -> Result<f64> {
    let labels = problem.targets_of(cases);
    let mut loss = problem.loss(&labels);
    loss.weight = 1.0 / cases.len() as f64;
    let runtime = problem.runtime();
    let gradient = runtime.gradient(parameters, &[input], &[&loss], false, Settings::training(0))?;
    let mean: f64 = gradient.losses.iter().map(|&l| f64::from(l)).sum();
    optimizer.step(parameters, &gradient.parameters);
    runtime.recycle(gradient);
    Ok(mean * cases.len() as f64)
}
