//! Training by Adam on pairs from a source, whatever the loss.

use modelmend_learn::monitor::{Monitor, Silent};
use modelmend_net::loss::{Loss, MeanSquaredError};
use modelmend_net::optim::{Adam, AdamSettings};
use modelmend_net::{Model, Parameters, Precision, Runtime, Settings, Tensor};

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

/// What the next step of a training depends on.
#[derive(Clone, Debug, PartialEq)]
pub struct State {
    /// Steps that were taken.
    pub step: usize,
    /// The weights, and the running means of the gradients and of their squares.
    pub scalars: [Vec<f32>; 3],
}

/// Watches a training and keeps its state, so that it goes on where it was cut short.
pub trait Session: Monitor {
    /// The newest state that was kept.
    fn kept(&self) -> Option<State>;

    /// Keeps a state in place of the one before it.
    ///
    /// # Errors
    /// [`UncertaintyError`] where it cannot be kept.
    fn keep(&self, state: &State) -> Result<()>;
}

/// Keeps nothing.
impl Session for Silent {
    fn kept(&self) -> Option<State> {
        None
    }

    fn keep(&self, _: &State) -> Result<()> {
        Ok(())
    }
}

/// Steps between two states that are kept.
const KEPT: usize = 100;

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

/// Follows the gradient of the mean loss from `start`, or goes on from the state that the session kept; `after` may move the weights after each step.
///
/// # Errors
/// Execution errors, a loss that is not finite, interruption.
pub fn descend(
    (model, start): (&Model, Parameters<f32>),
    source: &dyn Source,
    training: &Training,
    objective: &dyn Objective,
    mut after: impl FnMut(&mut Parameters<f32>),
    session: &dyn Session,
) -> Result<Parameters<f32>> {
    let runtime = Runtime::<f32>::new(model.graph().clone());
    let settings = AdamSettings { learning_rate: training.learning_rate, ..AdamSettings::default() };
    let (first, mut parameters, mut adam) = begin(start, settings, session.kept());
    let mut places = Places::new(source.epoch_len(), training.batch_size);
    for step in 0..training.steps {
        let (epoch, range) = places.next()?;
        if step < first {
            continue;
        }
        session.check()?;
        let batch = source.batch(epoch, range)?;
        let weight = 1.0 / batch.input.shape().first().copied().unwrap_or(1).max(1) as f64;
        let terms = objective.terms(&batch.target, weight);
        let terms: Vec<&dyn Loss<f32>> = terms.iter().map(Box::as_ref).collect();
        // Every step draws its own dropout masks.
        let seed = training.seed.wrapping_add(step as u64);
        let drawn = Settings { precision: Precision::Mixed, ..Settings::training(seed) };
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
        if (step + 1).is_multiple_of(KEPT) && step + 1 < training.steps {
            let (_, mean, square) = adam.state();
            session
                .keep(&State { step: step + 1, scalars: [&parameters, mean, square].map(|p| p.flatten()) })?;
        }
        session.progress(step + 1, training.steps);
    }
    Ok(parameters)
}

/// The step to begin with, and the weights and the optimiser there; a state of another network is no state.
fn begin(
    start: Parameters<f32>,
    settings: AdamSettings,
    kept: Option<State>,
) -> (usize, Parameters<f32>, Adam<f32>) {
    let resumed = kept.and_then(|State { step, scalars: [weights, mean, square] }| {
        let [mean, square] = [start.with_scalars(&mean)?, start.with_scalars(&square)?];
        let adam = Adam::resume(settings, u32::try_from(step).ok()?, mean, square);
        Some((step, start.with_scalars(&weights)?, adam))
    });
    resumed.unwrap_or_else(|| {
        let adam = Adam::new(&start, settings);
        (0, start, adam)
    })
}

/// Trains a network to the mean squared error of its first output, with its dropout as the model has it.
///
/// # Errors
/// As [`descend`].
pub fn fit(
    model: &Model,
    source: &dyn Source,
    training: &Training,
    session: &dyn Session,
) -> Result<Parameters<f32>> {
    let start = model.parameters().clone();
    descend((model, start), source, training, &SquaredError, |_| {}, session)
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
