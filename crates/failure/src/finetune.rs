//! Fine-tuning under the compatibility constraint (Henn et al., section 3.2; METHODS 1.4).

use modelmend_net::Parameters;
use modelmend_net::optim::{Adam, AdamSettings};
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use crate::constraint::{Constraint, Verdict};
use crate::draw::draw;
use crate::error::{FailureError, Result};
use crate::judge::Judge;
use crate::step::step;
use modelmend_learn::monitor::Monitor;

/// How a model is fine-tuned.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct FinetuneSettings {
    /// Learning rate of Adam.
    pub learning_rate: f64,
    /// L2 weight decay, added to the gradient.
    pub weight_decay: f64,
    /// Cases per step, half of them failures and half correct.
    pub batch_size: usize,
    /// Most passes over the failures.
    pub epochs: usize,
    /// Epochs without a better validation accuracy after which it stops, counted from the first improvement;
    /// the same number of epochs with the constraint broken stops it as well.
    pub patience: usize,
    /// The compatibility constraint: least accuracy on the correct validation cases.
    pub keep_correct: f64,
}

/// Cases of one fine-tuning, as indices into the cases of the judge; failures and correct cases are those of the unmodified model.
#[derive(Clone, Copy, Debug)]
pub struct FinetuneCases<'a> {
    /// Failures to learn from.
    pub train: &'a [usize],
    /// Correct cases to keep, drawn from in equal number.
    pub train_correct: &'a [usize],
    /// Failures that choose the epoch.
    pub validation: &'a [usize],
    /// Correct cases that watch the constraint.
    pub validation_correct: &'a [usize],
}

/// Accuracies after an epoch.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Epoch {
    /// Passes over the failures; 0 is the unmodified model.
    pub epoch: usize,
    /// Mean training loss of the epoch, `None` for epoch 0.
    pub loss: Option<f64>,
    /// Accuracy on the training failures; `None` for an epoch at which nobody looked.
    pub train: Option<f64>,
    /// Accuracy on the correct cases that the epoch drew; `None` for an epoch at which nobody looked.
    pub train_correct: Option<f64>,
    /// Accuracy on the validation failures.
    pub validation: f64,
    /// Accuracy on the correct validation cases; `None` for an epoch at which nothing depended on it and nobody looked, or at which the
    /// constraint was broken before all were asked.
    pub validation_correct: Option<f64>,
}

/// A fine-tuned model.
#[derive(Clone, Debug)]
pub struct Finetuned {
    /// Weights of the chosen epoch.
    pub parameters: Parameters<f32>,
    /// The chosen epoch; 0 where none was better than the unmodified model.
    pub epoch: usize,
    /// Weights of the last epoch, chosen by nothing.
    pub last: Parameters<f32>,
    /// All epochs.
    pub curve: Vec<Epoch>,
}

impl Finetuned {
    /// Whether the chosen epoch is the last.
    pub(crate) fn last_is_chosen(&self) -> bool {
        self.curve.last().is_some_and(|last| last.epoch == self.epoch)
    }
}

/// The constraint decides only where the validation accuracy on the failures is better than before, and there it is
/// always asked. Besides, of all its cases and of those learned from, every so many epochs for the curve and for stopping: the correct cases are by far the most.
const LOOK_EVERY: usize = 5;

/// Fine-tunes on failures and correct cases in equal proportions and keeps the epoch of highest validation accuracy
/// among those that satisfy the constraint; the earliest of equals.
///
/// # Errors
/// Execution errors, interruption.
pub fn finetune(
    judge: &dyn Judge,
    cases: FinetuneCases<'_>,
    settings: &FinetuneSettings,
    seed: u64,
    monitor: &dyn Monitor,
) -> Result<Finetuned> {
    let mut parameters = judge.parameters().clone();
    let adam = AdamSettings {
        learning_rate: settings.learning_rate,
        weight_decay: settings.weight_decay,
        ..AdamSettings::default()
    };
    let mut optimizer = Adam::new(&parameters, adam);
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut constraint = Constraint::new(judge, cases.validation_correct, settings.keep_correct);
    let mut best = Best::new(&parameters);
    for epoch in 1..=settings.epochs {
        monitor.check()?;
        let drawn = draw(cases.train_correct, cases.train.len(), &mut rng);
        let order = mixed_order(cases.train, &drawn, settings.batch_size, &mut rng);
        let loss = pass(judge, &mut parameters, &mut optimizer, &order, settings.batch_size)?;
        let validation = accuracy(judge, &parameters, cases.validation)?;
        let due = epoch % LOOK_EVERY == 0 || epoch == settings.epochs;
        let seen = |cases: &[usize]| due.then(|| accuracy(judge, &parameters, cases)).transpose();
        let asked = due || validation > best.accuracy;
        let verdict = asked.then(|| constraint.judge(&parameters, due)).transpose()?;
        let record = Epoch {
            epoch,
            loss: Some(loss),
            train: seen(cases.train)?,
            train_correct: seen(&drawn)?,
            validation,
            validation_correct: verdict.and_then(|verdict| verdict.accuracy),
        };
        if !record.loss.is_some_and(f64::is_finite) {
            return Err(FailureError::invalid(format!(
                "fine-tuning diverged in epoch {epoch}: use a learning rate below {}",
                settings.learning_rate
            )));
        }
        if best.offer(record, verdict, (&parameters, settings.patience)) {
            break;
        }
    }
    Ok(Finetuned { parameters: best.parameters, epoch: best.epoch, last: parameters, curve: best.curve })
}

/// The epoch chosen so far.
struct Best {
    parameters: Parameters<f32>,
    epoch: usize,
    accuracy: f64,
    curve: Vec<Epoch>,
    /// Epoch since which every look found the constraint broken.
    broken_since: Option<usize>,
}

impl Best {
    /// The unmodified model, which fails on all failures and is right on all correct cases.
    fn new(parameters: &Parameters<f32>) -> Self {
        let start = Epoch {
            epoch: 0,
            loss: None,
            train: Some(0.0),
            train_correct: Some(1.0),
            validation: 0.0,
            validation_correct: Some(1.0),
        };
        let parameters = parameters.clone();
        Self { parameters, epoch: 0, accuracy: start.validation, curve: vec![start], broken_since: None }
    }

    /// Looks at an epoch; `true` if fine-tuning should stop.
    fn offer(
        &mut self,
        record: Epoch,
        verdict: Option<Verdict>,
        (parameters, patience): (&Parameters<f32>, usize),
    ) -> bool {
        self.curve.push(record);
        let kept = verdict.is_some_and(|verdict| verdict.kept);
        if verdict.is_some() {
            self.broken_since = if kept { None } else { self.broken_since.or(Some(record.epoch)) };
        }
        if kept && record.validation > self.accuracy {
            self.accuracy = record.validation;
            self.epoch = record.epoch;
            self.parameters.clone_from(parameters);
        }
        let stale = self.epoch > 0 && record.epoch - self.epoch >= patience;
        stale || self.broken_since.is_some_and(|since| record.epoch - since >= patience)
    }
}

/// The order of one epoch: failures and correct cases shuffled and interleaved, so that each batch holds both in equal
/// number.
fn mixed_order(failures: &[usize], correct: &[usize], batch: usize, rng: &mut ChaCha8Rng) -> Vec<usize> {
    let (mut failures, mut correct) = (failures.to_vec(), correct.to_vec());
    failures.shuffle(rng);
    correct.shuffle(rng);
    let half = (batch / 2).max(1);
    let mut correct = correct.chunks(half);
    let pairs = failures.chunks(half).flat_map(|f| [f, correct.next().unwrap_or(&[])]);
    pairs.flatten().copied().collect()
}

/// One pass over the training cases; returns the mean loss.
fn pass(
    judge: &dyn Judge,
    parameters: &mut Parameters<f32>,
    optimizer: &mut Adam<f32>,
    order: &[usize],
    batch: usize,
) -> Result<f64> {
    let mut total = 0.0;
    for cases in order.chunks(batch.max(1)) {
        let batches = judge.batches(cases).into_iter().map(|cases| Ok((cases, judge.input(cases)?)));
        total += step(judge, (parameters, optimizer), batches.collect::<Result<_>>()?)?;
    }
    Ok(total / order.len().max(1) as f64)
}

/// Share of the cases on which the model with these weights is right; 0 where there are no cases.
fn accuracy(judge: &dyn Judge, parameters: &Parameters<f32>, cases: &[usize]) -> Result<f64> {
    let right = judge.correct(parameters, cases)?.into_iter().filter(|&c| c).count();
    Ok(right as f64 / cases.len().max(1) as f64)
}
