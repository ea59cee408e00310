//! Training by Adam on pairs from a source, whatever the loss.

use modelmend_learn::monitor::Monitor;
use modelmend_net::loss::{Loss, MeanSquaredError};
use modelmend_net::optim::{Adam, AdamSettings};
use modelmend_net::{Model, Parameters, Runtime, Settings, Tensor};

use crate::error::{Result, UncertaintyError};
use crate::source::Source;

/// How a network is trained.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Training {
    /// Step size of Adam.
    pub learning_rate: f64,
    /// Pairs per step.
    pub batch_size: usize,
    /// Steps.
    pub steps: usize,
    /// Seed of dropout.
    pub seed: u64,
}

/// What a training minimises.
pub trait Objective {
    /// The terms of the loss of each pair with these targets, times `weight`.
    fn terms<'t>(&self, target: &'t Tensor<f32>, weight: f64) -> Vec<Box<dyn Loss<f32> + 't>>;
}

/// The mean squared error of the first output.
struct SquaredError;

impl Objective for SquaredError {
    fn terms<'t>(&self, target: &'t Tensor<f32>, weight: f64) -> Vec<Box<dyn Loss<f32> + 't>> {
        vec![Box::new(MeanSquaredError { target, weight, output: 0 })]
    }
}

/// Follows the gradient of the mean loss from `start`; `after` may move the weights after each step.
///
/// # Errors
/// Execution errors, a loss that is not finite, interruption.
pub fn descend(
    (model, start): (&Model, Parameters<f32>),
    source: &dyn Source,
    training: &Training,
    objective: &dyn Objective,
    mut after: impl FnMut(&mut Parameters<f32>),
    monitor: &dyn Monitor,
) -> Result<Parameters<f32>> {
    let runtime = Runtime::<f32>::new(model.graph().clone());
    let settings = AdamSettings { learning_rate: training.learning_rate, ..AdamSettings::default() };
    let mut parameters = start;
    let mut adam = Adam::new(&parameters, settings);
    let mut places = Places::new(source.epoch_len(), training.batch_size);
    for step in 0..training.steps {
        monitor.check()?;
        let (epoch, range) = places.next()?;
        let batch = source.batch(epoch, range)?;
        let weight = 1.0 / batch.input.shape().first().copied().unwrap_or(1).max(1) as f64;
        let terms = objective.terms(&batch.target, weight);
        let terms: Vec<&dyn Loss<f32>> = terms.iter().map(Box::as_ref).collect();
        // Every step draws its own dropout masks.
        let drawn = Settings::training(training.seed.wrapping_add(step as u64));
        let gradient = runtime.gradient(&parameters, &[batch.input], &terms, false, drawn)?;
        let loss: f64 = gradient.losses.iter().map(|&l| f64::from(l)).sum();
        if !loss.is_finite() {
            return Err(UncertaintyError::Invalid(format!(
                "training diverged in step {}: use a learning rate below {}",
                step + 1,
                training.learning_rate
            )));
        }
        adam.step(&mut parameters, &gradient.parameters);
        runtime.recycle(gradient);
        after(&mut parameters);
        monitor.progress(step + 1, training.steps);
    }
    Ok(parameters)
}

/// Trains a network to the mean squared error of its first output, with its dropout as the model has it.
///
/// # Errors
/// As [`descend`].
pub fn fit(
    model: &Model,
    source: &dyn Source,
    training: &Training,
    monitor: &dyn Monitor,
) -> Result<Parameters<f32>> {
    let start = model.parameters().clone();
    descend((model, start), source, training, &SquaredError, |_| {}, monitor)
}

/// The batches of one epoch after another; what is left of an epoch is not used.
struct Places {
    epoch: u64,
    at: usize,
    of: usize,
    batch: usize,
}

impl Places {
    fn new(of: usize, batch: usize) -> Self {
        Self { epoch: 1, at: 0, of, batch: batch.clamp(1, of.max(1)) }
    }

    fn next(&mut self) -> Result<(u64, std::ops::Range<usize>)> {
        if self.of == 0 {
            return Err(UncertaintyError::Invalid("there is nothing to train on".to_owned()));
        }
        if self.at + self.batch > self.of {
            self.epoch += 1;
            self.at = 0;
        }
        self.at += self.batch;
        Ok((self.epoch, self.at - self.batch..self.at))
    }
}
