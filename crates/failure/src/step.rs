//! One step of an optimiser: what training and fine-tuning share.

use modelmend_net::exec::Gradient;
use modelmend_net::optim::Adam;
use modelmend_net::{Parameters, Settings, Tensor};

use crate::error::{FailureError, Result};
use crate::judge::Judge;

/// Takes a step along the gradient of the mean loss of the cases of all `batches`, each with its input (as it is or
/// augmented); returns the summed loss.
///
/// # Errors
/// Execution errors.
pub(crate) fn step(
    judge: &dyn Judge,
    (parameters, optimizer): (&mut Parameters<f32>, &mut Adam<f32>),
    batches: Vec<(&[usize], Tensor<f32>)>,
) -> Result<f64> {
    let count: usize = batches.iter().map(|(cases, _)| cases.len()).sum();
    let runtime = judge.runtime();
    let (mut mean, mut total) = (0.0, None);
    for (cases, input) in batches {
        let loss = judge.loss_of(cases, 1.0 / count as f64);
        let gradient =
            runtime.gradient(parameters, &[input], &[loss.as_ref()], false, Settings::training(0))?;
        mean += gradient.losses.iter().map(|&l| f64::from(l)).sum::<f64>();
        total = Some(match total {
            None => gradient,
            Some(mut sum) => {
                add(&mut sum, &gradient);
                runtime.recycle(gradient);
                sum
            }
        });
    }
    let total = total.ok_or_else(|| FailureError::invalid("a step without cases"))?;
    optimizer.step(parameters, &total.parameters);
    runtime.recycle(total);
    Ok(mean * count as f64)
}

/// Adds the gradient of the parameters.
fn add(sum: &mut Gradient<f32>, more: &Gradient<f32>) {
    for (total, part) in sum.parameters.iter_mut().zip(more.parameters.iter()) {
        total.data_mut().iter_mut().zip(part.data()).for_each(|(t, p)| *t += p);
    }
}
