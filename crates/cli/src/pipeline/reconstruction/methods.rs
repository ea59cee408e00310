//! The steps of a reconstruction study: the network, then every method on it.

use anyhow::{Context as _, Result};
use modelmend_data::split::Part;
use modelmend_learn::uncertainty::ImageRecord;
use modelmend_net::Model;
use modelmend_net::architecture::with_dropout;
use modelmend_net::interval::network::Part as Boxes;
use modelmend_study::Hash;
use modelmend_study::artifact::Artifact;
use modelmend_study::schema::{
    AutoOr, LayerRange, Layers, ReconstructionStudy, ReconstructionTrain, Uncertainty,
};
use modelmend_study::scope::Scope;
use modelmend_study::step::StepName;
use modelmend_uncertainty::evaluate::evaluate;
use modelmend_uncertainty::method::{
    McDropout, Method, heuristic_beta, train_interval_network, train_predicted_variance,
};
use modelmend_uncertainty::source::Source;
use modelmend_uncertainty::train::{Training, fit};

use super::super::context::{Context, Title, Watch};
use super::examples::{self, Crop, Examples};
use super::measure::{Level, Outcome, mean, measure};
use super::problem::Material;

/// What came of a method in one run.
pub(super) struct Asked {
    pub(super) outcome: Outcome,
    /// The model that it made, where it made one.
    pub(super) model: Option<Model>,
    /// Its maps of the examples.
    pub(super) crops: Vec<Crop>,
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

/// Prepares and measures one method, and keeps what it says about the examples.
pub(super) fn ask(
    context: &Context<'_>,
    study: &ReconstructionStudy,
    (material, data, shown): (&Material, Hash, &Examples),
    (base, wanted): (&Model, &Uncertainty),
) -> Result<Asked> {
    let title = Title { name: StepName::Uncertainty, label: name(wanted), version: 3 };
    let key = (wanted, batch_size(study), study.conformal, context.seed);
    let inputs = [data, Hash::of(&base.to_bytes()), shown.hash];
    let source = material.source()?;
    let step = context.step(title, key, &inputs, |scope| {
        let (method, model, beta) = prepare(context, study, source.as_ref(), (base, wanted), scope)?;
        let asked = (name(wanted), method.as_ref(), beta);
        let (mut outcome, maps) = measure(asked, (source.as_ref(), &shown.places), study)?;
        for (sigma, source) in material.levels() {
            let records = evaluate(method.as_ref(), &source, (Part::Test, None))?.records;
            let over = |of: fn(&ImageRecord) -> Option<f64>| mean(records.iter().map(of));
            let (u, pearson) = (over(|r| Some(r.mean_u)), over(|r| r.pearson));
            outcome.levels.push(Level { sigma, u, pearson });
        }
        let bytes = model.map(|model| model.to_bytes()).unwrap_or_default();
        Ok(Artifact::new(outcome).with_blob("model", bytes).with_f32("maps", &maps))
    })?;
    let bytes = step.artifact.blob("model")?;
    let model = if bytes.is_empty() { None } else { Some(Model::from_bytes(bytes)?) };
    let crops = examples::split(&shown.places, &step.artifact.f32("maps")?)?;
    Ok(Asked { outcome: step.artifact.value, model, crops })
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
