//! Training of a classifier, epoch by epoch, so that it can stop and go on anywhere.

use modelmend_net::Parameters;
use modelmend_net::optim::{Adam, AdamSettings};
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use crate::augment::{Augmentation, augment};
use crate::error::{FailureError, Result};
use crate::judge::Judge;
use crate::problem::Problem;
use crate::step::step;
use modelmend_learn::monitor::Monitor;

/// How a classifier is trained.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrainSettings {
    /// Learning rate of Adam.
    pub learning_rate: f64,
    /// L2 weight decay, added to the gradient.
    pub weight_decay: f64,
    /// Images per step.
    pub batch_size: usize,
    /// Most epochs.
    pub epochs: usize,
    /// Epochs without better validation accuracy after which training stops.
    pub patience: usize,
    /// Whether images are flipped at random.
    pub flips: bool,
    /// Whether square images are turned by random multiples of 90 degrees.
    pub rotations: bool,
    /// Seed of order and augmentation.
    pub seed: u64,
}

/// What one epoch of training showed.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrainEpoch {
    /// Counted from 1.
    pub epoch: usize,
    /// Mean loss over the epoch's augmented images.
    pub loss: f64,
    /// Mean loss on validation data.
    pub validation_loss: f64,
    /// Accuracy on validation data.
    pub validation_accuracy: f64,
}

/// The state of a training between two epochs.
#[derive(Clone, Debug)]
pub struct Training {
    parameters: Parameters<f32>,
    optimizer: Adam<f32>,
    best: Parameters<f32>,
    progress: TrainProgress,
}

/// The part of a checkpoint that is not weights.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TrainProgress {
    /// Epochs so far.
    pub curve: Vec<TrainEpoch>,
    /// The epoch with the best validation accuracy, counted from 1; the earliest of equals.
    pub best_epoch: usize,
    /// Steps of the optimiser.
    pub steps: u32,
}

/// A checkpoint: everything that the next epoch depends on.
#[derive(Clone, Debug, PartialEq)]
pub struct TrainCheckpoint {
    /// Curve and counters.
    pub progress: TrainProgress,
    /// Weights, first and second moment of Adam, best weights; each flattened.
    pub scalars: [Vec<f32>; 4],
}

impl Training {
    /// A training that starts with the model's own weights.
    pub fn new(problem: &Problem, settings: &TrainSettings) -> Self {
        let parameters = problem.parameters().clone();
        Self {
            optimizer: Adam::new(&parameters, adam(settings)),
            best: parameters.clone(),
            parameters,
            progress: TrainProgress::default(),
        }
    }

    /// Goes on from a checkpoint; `None` if it belongs to another model.
    pub fn resume(problem: &Problem, settings: &TrainSettings, checkpoint: &TrainCheckpoint) -> Option<Self> {
        let [weights, mean, square, best] = &checkpoint.scalars;
        let like = problem.parameters();
        let optimizer = Adam::resume(
            adam(settings),
            checkpoint.progress.steps,
            like.with_scalars(mean)?,
            like.with_scalars(square)?,
        );
        let (parameters, best) = (like.with_scalars(weights)?, like.with_scalars(best)?);
        Some(Self { parameters, optimizer, best, progress: checkpoint.progress.clone() })
    }

    /// Everything needed to go on later with the same bits.
    pub fn checkpoint(&self) -> TrainCheckpoint {
        let (steps, mean, square) = self.optimizer.state();
        TrainCheckpoint {
            progress: TrainProgress { steps, ..self.progress.clone() },
            scalars: [&self.parameters, mean, square, &self.best].map(Parameters::flatten),
        }
    }

    /// Epochs so far.
    pub fn curve(&self) -> &[TrainEpoch] {
        &self.progress.curve
    }

    /// Weights after the last epoch.
    pub fn current(&self) -> &Parameters<f32> {
        &self.parameters
    }

    /// Weights and number of the epoch with the best validation accuracy.
    pub fn best(&self) -> (&Parameters<f32>, usize) {
        (&self.best, self.progress.best_epoch)
    }

    /// Whether all epochs are done or patience has run out.
    pub fn finished(&self, settings: &TrainSettings) -> bool {
        let done = self.progress.curve.len();
        done >= settings.epochs || (done > 0 && done - self.progress.best_epoch >= settings.patience)
    }

    /// Trains one epoch. Order and augmentation follow from the seed and the number of the epoch alone.
    ///
    /// # Errors
    /// Execution errors, a loss that is not finite, interruption.
    pub fn advance(
        &mut self,
        train: &Problem,
        validation: &Problem,
        settings: &TrainSettings,
        monitor: &dyn Monitor,
    ) -> Result<TrainEpoch> {
        let epoch = self.progress.curve.len() + 1;
        let mut rng = ChaCha8Rng::seed_from_u64(settings.seed);
        rng.set_stream(epoch as u64);
        let mut order: Vec<usize> = (0..train.count()).collect();
        order.shuffle(&mut rng);
        let mut total = 0.0;
        for (done, cases) in order.chunks(settings.batch_size.max(1)).enumerate() {
            monitor.check()?;
            let mut input = train.input(cases)?;
            augment(
                &mut input,
                Augmentation { flips: settings.flips, rotations: settings.rotations },
                &mut rng,
            );
            total += step(train, (&mut self.parameters, &mut self.optimizer), vec![(cases, input)])?;
            monitor.progress((done + 1) * settings.batch_size, order.len());
        }
        let loss = total / order.len().max(1) as f64;
        if !loss.is_finite() {
            return Err(FailureError::invalid(format!(
                "training diverged in epoch {epoch}: use a learning rate below {}",
                settings.learning_rate
            )));
        }
        let all: Vec<usize> = (0..validation.count()).collect();
        let predictions = validation.predict(&self.parameters, &all)?;
        let count = predictions.len().max(1) as f64;
        let record = TrainEpoch {
            epoch,
            loss,
            validation_loss: predictions.iter().map(|p| f64::from(p.loss)).sum::<f64>() / count,
            validation_accuracy: predictions.iter().filter(|p| p.correct).count() as f64 / count,
        };
        let best =
            self.progress.curve.iter().map(|e| e.validation_accuracy).fold(f64::NEG_INFINITY, f64::max);
        if record.validation_accuracy > best {
            self.best.clone_from(&self.parameters);
            self.progress.best_epoch = epoch;
        }
        self.progress.curve.push(record);
        Ok(record)
    }
}

fn adam(settings: &TrainSettings) -> AdamSettings {
    AdamSettings {
        learning_rate: settings.learning_rate,
        weight_decay: settings.weight_decay,
        ..AdamSettings::default()
    }
}
