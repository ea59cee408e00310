//! The training of a study's network, and of the other networks of an ensemble.

use anyhow::{Context as _, Result};
use modelmend_net::Model;
use modelmend_net::architecture::with_dropout;
use modelmend_study::Hash;
use modelmend_study::artifact::Artifact;
use modelmend_study::schema::{ReconstructionStudy, ReconstructionTrain, StudyFile, Uncertainty};
use modelmend_study::step::StepName;
use modelmend_uncertainty::UncertaintyError;
use modelmend_uncertainty::source::{Later, Source};
use modelmend_uncertainty::train::{Session, State, Training, fit};

use super::super::context::{Context, Title, Watch};
use super::problem::Material;

/// Members of an ensemble learn from epochs so far apart that none sees the order or the noise of another.
const EPOCHS_APART: u64 = 1 << 20;

/// Names of the arrays of a state.
const SCALARS: [&str; 3] = ["weights", "mean", "square"];

/// Keeps the state of a training with its step.
impl Session for Watch<'_> {
    fn kept(&self) -> Option<State> {
        let kept = self.0.resume::<usize>()?;
        let [weights, mean, square] = SCALARS.map(|name| kept.f32(name).ok());
        Some(State { step: kept.value, scalars: [weights?, mean?, square?] })
    }

    fn keep(&self, state: &State) -> Result<(), UncertaintyError> {
        let arrays = SCALARS.into_iter().zip(&state.scalars);
        let kept = arrays.fold(Artifact::new(state.step), |kept, (name, values)| kept.with_f32(name, values));
        self.0
            .checkpoint(&kept)
            .map_err(|e| UncertaintyError::Invalid(format!("the state of a training: {e}")))
    }
}

/// Pairs in a step where the training names none of its own.
pub(super) fn batch_size(study: &ReconstructionStudy) -> usize {
    study.train.as_ref().map_or(16, |train| train.batch_size as usize)
}

/// Steps of a number of epochs or steps.
pub(super) fn steps(source: &dyn Source, batch: usize, epochs: Option<u32>, steps: Option<u32>) -> usize {
    let per_epoch = (source.epoch_len() / batch.max(1)).max(1);
    steps.map_or_else(|| epochs.unwrap_or(1) as usize * per_epoch, |steps| steps as usize)
}

/// Trains the study's network, which is the member 0 of an ensemble, or another member: from other initial weights, in another order
/// and with other noise.
pub(super) fn train(
    context: &Context<'_>,
    (material, data): (&Material, Hash),
    (train, member): (&ReconstructionTrain, u32),
) -> Result<Model> {
    let own = |seed: u64| seed.wrapping_add(u64::from(member) << 32);
    let seed = own(context.seed);
    let train = &ReconstructionTrain { init_seed: train.init_seed.map(own), ..train.clone() };
    let start = material.network(train, seed)?;
    // A network without dropout is trained as it is.
    let learning = with_dropout(&start, true).unwrap_or_else(|_| start.clone());
    let source = material.source()?;
    let source = Later::new(source.as_ref(), u64::from(member) * EPOCHS_APART);
    let batch = train.batch_size as usize;
    let training = Training {
        learning_rate: train.optimizer.learning_rate,
        batch_size: batch,
        steps: steps(&source, batch, train.epochs, train.steps),
        seed,
    };
    let (label, data) = match member {
        0 => (String::new(), data),
        member => {
            (format!("member {}", member + 1), Hash::of(format!("{data} for member {member}").as_bytes()))
        }
    };
    let title = Title { name: StepName::Train, label: &label, version: 1 };
    let inputs = [data, Hash::of(&start.to_bytes())];
    let step = context.step(title, (train, seed), &inputs, |scope| {
        let weights = fit(&learning, &source, &training, &Watch(scope))?;
        Ok(Artifact::new(training.steps).with_f32("weights", &weights.flatten()))
    })?;
    let weights = start.parameters().with_scalars(&step.artifact.f32("weights")?);
    Ok(start.with_parameters(weights.context("a stored model of another shape")?)?)
}

/// The networks that join the study's own in an ensemble, those that were trained here with the file names to deliver them under;
/// none for another method.
pub(super) fn members(
    context: &Context<'_>,
    (file, study): (&StudyFile, &ReconstructionStudy),
    (material, data): (&Material, Hash),
    wanted: &Uncertainty,
) -> Result<Vec<(Option<String>, Model)>> {
    let Uncertainty::Ensemble { members, epochs, steps, models } = wanted else { return Ok(Vec::new()) };
    let given = models.iter().map(|path| {
        let path_here = file.resolve(path);
        context.hash(&path.to_string(), &path_here)?;
        Ok((None, Model::read(&path_here)?))
    });
    let given = given.collect::<Result<Vec<_>>>()?;
    let Some(members) = members else { return Ok(given) };
    let train = study.train.as_ref().context("uncertainty: ensemble.members needs a `train` section")?;
    let length = if epochs.or(*steps).is_some() { (*epochs, *steps) } else { (train.epochs, train.steps) };
    let section = ReconstructionTrain { epochs: length.0, steps: length.1, ..train.clone() };
    let one = |member: u32| {
        let name = format!("ensemble-{}.onnx", member + 1);
        Ok((Some(name), self::train(context, (material, data), (&section, member))?))
    };
    (1..*members).map(one).collect()
}
