//! The steps of a reconstruction study: the network, then every method on it.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use modelmend_data::split::Part;
use modelmend_learn::stats;
use modelmend_learn::uncertainty::{DIRECTION_RATIOS, ImageRecord, MEASURES};
use modelmend_net::Model;
use modelmend_net::architecture::with_dropout;
use modelmend_net::interval::network::Part as Boxes;
use modelmend_study::Hash;
use modelmend_study::artifact::Artifact;
use modelmend_study::schema::{
    AutoOr, Conformal, LayerRange, Layers, ReconstructionStudy, ReconstructionTrain, Uncertainty,
};
use modelmend_study::scope::Scope;
use modelmend_study::step::StepName;
use modelmend_uncertainty::evaluate::evaluate;
use modelmend_uncertainty::method::{
    McDropout, Method, heuristic_beta, train_interval_network, train_predicted_variance,
};
use modelmend_uncertainty::source::Source;
use modelmend_uncertainty::train::{Training, fit};
use modelmend_uncertainty::{Calibration, Promise, Wish};
use serde::{Deserialize, Serialize};

use super::super::context::{Context, Title, Watch};
use super::problem::Material;

/// What one method came to in one run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Outcome {
    /// Name of the method.
    pub(super) method: String,
    /// Values of each measure, one for each test item.
    pub(super) measures: BTreeMap<String, Vec<Option<f64>>>,
    /// Accuracy and share of pixels at each of [`DIRECTION_RATIOS`], one for each test item.
    pub(super) direction: Vec<[Vec<Option<f64>>; 2]>,
    /// Seconds for an item.
    pub(super) seconds: f64,
    /// Coverage and width after conformal calibration, one for each test item; empty where nobody asked or there are no validation
    /// items.
    pub(super) calibrated: Vec<(f64, f64)>,
    /// What the calibration promises.
    pub(super) promise: Option<Promise>,
    /// The test items with more and more noise.
    pub(super) levels: Vec<Level>,
    /// Price of width that an interval network was trained with.
    pub(super) beta: Option<f64>,
}

/// What a method says at a level of noise: means over the test items.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Level {
    /// Standard deviation of the noise.
    pub(super) sigma: f64,
    /// Uncertainty.
    pub(super) u: Option<f64>,
    /// Correlation of |error| and u.
    pub(super) pearson: Option<f64>,
}

/// Pairs in a step where the training names none of its own.
fn batch_size(study: &ReconstructionStudy) -> usize {
    study.train.as_ref().map_or(16, |train| train.batch_size as usize)
}

/// Steps of a number of epochs or steps.
fn steps(source: &dyn Source, batch: usize, epochs: Option<u32>, steps: Option<u32>) -> usize {
    let per_epoch = (source.epoch_len() / batch.max(1)).max(1);
    steps.map_or_else(|| epochs.unwrap_or(1) as usize * per_epoch, |steps| steps as usize)
}

/// The mean of what there is.
pub(super) fn mean(values: impl Iterator<Item = Option<f64>>) -> Option<f64> {
    stats::mean(values.flatten())
}

/// Trains the study's network.
pub(super) fn train(
    context: &Context<'_>,
    (material, data): (&Material, Hash),
    train: &ReconstructionTrain,
) -> Result<Model> {
    let start = material.network(train, context.seed)?;
    // A network without dropout is trained as it is.
    let learning = with_dropout(&start, true).unwrap_or_else(|_| start.clone());
    let source = material.source()?;
    let batch = train.batch_size as usize;
    let training = Training {
        learning_rate: train.optimizer.learning_rate,
        batch_size: batch,
        steps: steps(source.as_ref(), batch, train.epochs, train.steps),
        seed: context.seed,
    };
    let title = Title { name: StepName::Train, label: "", version: 1 };
    let inputs = [data, Hash::of(&start.to_bytes())];
    let step = context.step(title, (train, context.seed), &inputs, |scope| {
        let weights = fit(&learning, source.as_ref(), &training, &Watch(scope))?;
        Ok(Artifact::new(training.steps).with_f32("weights", &weights.flatten()))
    })?;
    let weights = start.parameters().with_scalars(&step.artifact.f32("weights")?);
    Ok(start.with_parameters(weights.context("a stored model of another shape")?)?)
}

/// Prepares and measures one method; returns the model that it made, too, where it made one.
pub(super) fn ask(
    context: &Context<'_>,
    study: &ReconstructionStudy,
    (material, data): (&Material, Hash),
    (base, wanted): (&Model, &Uncertainty),
) -> Result<(Outcome, Option<Model>)> {
    let title = Title { name: StepName::Uncertainty, label: name(wanted), version: 2 };
    let key = (wanted, batch_size(study), study.conformal, context.seed);
    let inputs = [data, Hash::of(&base.to_bytes())];
    let source = material.source()?;
    let step = context.step(title, key, &inputs, |scope| {
        let (method, model, beta) = prepare(context, study, source.as_ref(), (base, wanted), scope)?;
        let mut outcome = measure((name(wanted), method.as_ref(), beta), source.as_ref(), study)?;
        for (sigma, source) in material.levels() {
            let records = evaluate(method.as_ref(), &source, (Part::Test, None))?.records;
            let over = |of: fn(&ImageRecord) -> Option<f64>| mean(records.iter().map(of));
            let (u, pearson) = (over(|r| Some(r.mean_u)), over(|r| r.pearson));
            outcome.levels.push(Level { sigma, u, pearson });
        }
        let bytes = model.map(|model| model.to_bytes()).unwrap_or_default();
        Ok(Artifact::new(outcome).with_blob("model", bytes))
    })?;
    let bytes = step.artifact.blob("model")?;
    let model = if bytes.is_empty() { None } else { Some(Model::from_bytes(bytes)?) };
    Ok((step.artifact.value, model))
}

/// The name of a method in results.
fn name(wanted: &Uncertainty) -> &'static str {
    match wanted {
        Uncertainty::Inn { .. } => "inn",
        Uncertainty::McDropout { .. } => "mcdropout",
        Uncertainty::ProbOut { .. } => "probout",
    }
}

type Prepared = (Box<dyn Method>, Option<Model>, Option<f64>);

fn prepare(
    context: &Context<'_>,
    study: &ReconstructionStudy,
    source: &dyn Source,
    (base, wanted): (&Model, &Uncertainty),
    scope: &Scope<'_>,
) -> Result<Prepared> {
    let batch_size = batch_size(study);
    let training = |learning_rate, epochs: &Option<u32>, given: &Option<u32>| Training {
        learning_rate,
        batch_size,
        steps: steps(source, batch_size, *epochs, *given),
        seed: context.seed,
    };
    match wanted {
        Uncertainty::Inn { epochs, steps, learning_rate, beta, layers } => {
            let training = training(*learning_rate, epochs, steps);
            let beta = match beta {
                AutoOr::Auto(_) => heuristic_beta(base, source)?,
                AutoOr::Value(beta) => *beta,
            };
            let part = boxes(layers);
            let inn = train_interval_network(base, (&part, beta), source, &training, &Watch(scope))?;
            let model = inn.model().clone();
            Ok((Box::new(inn), Some(model), Some(beta)))
        }
        Uncertainty::McDropout { passes } => {
            Ok((Box::new(McDropout::new(base, *passes as usize, context.seed)?), None, None))
        }
        Uncertainty::ProbOut { epochs, steps, learning_rate } => {
            let usual = study.train.as_ref().map(|train| train.optimizer.learning_rate);
            let rate = learning_rate.or(usual).context("uncertainty: probout needs a learning_rate")?;
            let training = training(rate, epochs, steps);
            let variance = train_predicted_variance(base, source, &training, &Watch(scope))?;
            let model = variance.model().clone();
            Ok((Box::new(variance), Some(model), None))
        }
    }
}

fn boxes(layers: &Layers) -> Boxes {
    match layers {
        Layers::Range(LayerRange::All) => Boxes::All,
        Layers::Range(LayerRange::Last(count)) => Boxes::Last(*count as usize),
        Layers::Nodes(names) => Boxes::Named(names.clone()),
    }
}

fn measure(
    (name, method, beta): (&str, &dyn Method, Option<f64>),
    source: &dyn Source,
    study: &ReconstructionStudy,
) -> Result<Outcome> {
    let calibration = match study.conformal {
        Some(Conformal { level, delta }) => Calibration::fit(method, source, Wish { level, delta })?,
        None => None,
    };
    let evaluation = evaluate(method, source, (Part::Test, calibration.as_ref()))?;
    let records = &evaluation.records;
    let values = |of: fn(&ImageRecord) -> Option<f64>| records.iter().map(of).collect();
    let direction = (0..DIRECTION_RATIOS.len()).map(|at| {
        let found = |r: &ImageRecord| r.interval.as_ref().and_then(|i| i.direction.get(at).copied());
        let accuracy = records.iter().map(|r| found(r).and_then(|d| d.accuracy)).collect();
        [accuracy, records.iter().map(|r| found(r).map(|d| d.participating)).collect()]
    });
    Ok(Outcome {
        method: name.to_owned(),
        measures: MEASURES.iter().map(|m| (m.name.to_owned(), values(m.of))).collect(),
        direction: direction.collect(),
        seconds: evaluation.seconds_per_item,
        calibrated: evaluation.calibrated,
        promise: calibration.map(|c| c.promise()),
        levels: Vec::new(),
        beta,
    })
}
