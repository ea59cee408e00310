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

#[cfg(test)]
mod tests {
    use modelmend_net::architecture::{DnCnn, dncnn};
    use modelmend_net::optim::AdamSettings;

    use super::*;
    use crate::regions::{Item, Regions};

    /// Cases that do not fit into one batch take the same step as if they did.
    #[test]
    fn a_step_in_several_batches_is_that_in_one() {
        let spec = DnCnn { channels: 1, width: 4, depth: 2, dropout: 0.0, residual: true, seed: 1 };
        let tensor = |scale: f32| {
            Tensor::new([1, 1, 6, 6], (0..36).map(|i| scale * (i * i % 7) as f32 / 7.0).collect()).unwrap()
        };
        let items = [0.5, 1.0, 2.0].map(|s| Item { input: tensor(s), target: tensor(1.0 - s) }).to_vec();
        let regions = Regions::new(dncnn(&spec).unwrap(), items, 3).unwrap();
        let stepped = |batches: &[&'static [usize]]| {
            let mut weights = regions.parameters().clone();
            let mut adam = Adam::new(&weights, AdamSettings::default());
            let batches = batches.iter().map(|&cases| (cases, regions.input(cases).unwrap())).collect();
            let loss = step(&regions, (&mut weights, &mut adam), batches).unwrap();
            (loss, weights.flatten(), adam.state().1.flatten())
        };
        let (one, several) = (stepped(&[&[0, 5, 9]]), stepped(&[&[0], &[5, 9]]));
        assert!((one.0 - several.0).abs() < 1e-6 * one.0);
        let far = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        let largest = one.2.iter().fold(0.0, |l: f32, g| l.max(g.abs()));
        assert!(largest > 1e-4 && far(&one.2, &several.2) < 1e-4 * largest);
        assert!(far(&one.2, &stepped(&[&[0], &[5]]).2) > 1e-2 * largest);
        assert!(
            step(
                &regions,
                (
                    &mut regions.parameters().clone(),
                    &mut Adam::new(regions.parameters(), AdamSettings::default())
                ),
                vec![]
            )
            .is_err()
        );
    }
}
