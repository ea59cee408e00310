//! The step that trains a network.

use anyhow::{Context as _, Result};
use modelmend_data::formats::{Source, read_cases};
use modelmend_failure::train::{TrainCheckpoint, TrainEpoch, TrainProgress, TrainSettings, Training};
use modelmend_failure::{Judge, Problem};
use modelmend_net::Model;
use modelmend_net::architecture::{Classifier, ClassifierKind, classifier};
use modelmend_study::Hash;
use modelmend_study::artifact::Artifact;
use modelmend_study::schema::{ClassificationTrain, ClassifierArchitecture, StudyFile};
use modelmend_study::scope::Scope;
use modelmend_study::step::StepName;
use serde::{Deserialize, Serialize};

use super::context::{Context, Title, Watch};
use super::subject::class_map;

/// A network with how it was trained.
pub(crate) struct Trained {
    /// The weights of the best epoch.
    pub(crate) model: Model,
    /// The weights every few epochs.
    pub(crate) checkpoints: Vec<Model>,
    /// Learning curves.
    pub(crate) curve: Vec<TrainEpoch>,
    /// The best epoch.
    pub(crate) best_epoch: usize,
}

/// The two sides of a training.
pub(crate) struct TrainingData {
    /// Learned from.
    pub(crate) train: Problem,
    /// Chooses the epoch.
    pub(crate) validation: Problem,
    /// Hash of the data.
    pub(crate) hash: Hash,
}

/// What a training depends on besides its data.
#[derive(Clone, Copy, Serialize)]
pub(crate) struct TrainPlan {
    /// Settings of the optimiser.
    pub(crate) settings: TrainSettings,
    /// Epochs between two kept checkpoints.
    pub(crate) checkpoint_every: usize,
}

#[derive(Serialize, Deserialize)]
struct Record {
    curve: Vec<TrainEpoch>,
    best_epoch: usize,
    checkpoints: Vec<usize>,
}

/// The state between two epochs as it is kept.
#[derive(Serialize, Deserialize)]
struct State {
    progress: TrainProgress,
    checkpoints: Vec<usize>,
}

/// Trains the network that a study describes.
pub(crate) fn from_study(
    context: &Context<'_>,
    file: &StudyFile,
    train: &ClassificationTrain,
) -> Result<Trained> {
    let path = file.resolve(&train.data);
    let hash = context.hash(&train.data.to_string(), &path)?;
    let side = |split: &String| read_cases(&Source::new(path.clone()).splits([split.clone()]));
    let (learn, watch) = (side(&train.split)?, side(&train.validation_split)?);
    let map = class_map(&train.classes, &learn);
    let spec = Classifier {
        kind: match train.architecture {
            ClassifierArchitecture::VggSmall => ClassifierKind::VggSmall,
            ClassifierArchitecture::ResnetSmall => ClassifierKind::ResnetSmall,
        },
        channels: learn.images.channels(),
        height: learn.images.height(),
        width: learn.images.width(),
        classes: map.keys().max().map_or(0, |&c| c + 1),
        base: train.channels.map(|c| c as usize),
        seed: train.init_seed.unwrap_or(context.seed),
    };
    let model = classifier(&spec)?;
    let targets = |cases: &modelmend_data::Cases| {
        cases.classes(&map).with_context(|| format!("{}: train.classes", file.path.display()))
    };
    let data = TrainingData {
        train: Problem::new(model.clone(), &learn, targets(&learn)?)?,
        validation: Problem::new(model, &watch, targets(&watch)?)?,
        hash,
    };
    let plan = TrainPlan {
        settings: TrainSettings {
            learning_rate: train.optimizer.learning_rate,
            weight_decay: train.optimizer.weight_decay,
            batch_size: train.batch_size as usize,
            epochs: train.epochs as usize,
            patience: train.patience as usize,
            flips: train.augment.flips,
            rotations: train.augment.rotations,
            seed: context.seed,
        },
        checkpoint_every: train.checkpoint_every as usize,
    };
    run(context, &data, &plan, serde_json::json!([train.split, train.validation_split, train.classes]))
}

/// Runs the training as a step that continues after a kill.
pub(crate) fn run(
    context: &Context<'_>,
    data: &TrainingData,
    plan: &TrainPlan,
    selection: serde_json::Value,
) -> Result<Trained> {
    let start = data.train.model();
    let title = Title { name: StepName::Train, label: "", version: 1 };
    let inputs = [data.hash, Hash::of(&start.to_bytes())];
    let done = context.step(title, (plan, selection), &inputs, |scope| epochs(data, plan, scope))?;
    let model = |name: &str| -> Result<Model> {
        let scalars = done.artifact.f32(name)?;
        let weights = start.parameters().with_scalars(&scalars).context("a stored model of another shape")?;
        Ok(start.with_parameters(weights)?)
    };
    let record = &done.artifact.value;
    Ok(Trained {
        model: model("best")?,
        checkpoints: record.checkpoints.iter().map(|e| model(&checkpoint_name(*e))).collect::<Result<_>>()?,
        curve: record.curve.clone(),
        best_epoch: record.best_epoch,
    })
}

fn checkpoint_name(epoch: usize) -> String {
    format!("epoch-{epoch:04}")
}

fn epochs(data: &TrainingData, plan: &TrainPlan, scope: &Scope<'_>) -> Result<Artifact<Record>> {
    let settings = &plan.settings;
    let mut kept = Artifact::new(State { progress: TrainProgress::default(), checkpoints: Vec::new() });
    let mut training = Training::new(&data.train, settings);
    if let Some(state) = scope.resume::<State>() {
        let scalars = [state.f32("weights")?, state.f32("mean")?, state.f32("square")?, state.f32("best")?];
        let checkpoint = TrainCheckpoint { progress: state.value.progress.clone(), scalars };
        if let Some(resumed) = Training::resume(&data.train, settings, &checkpoint) {
            training = resumed;
            kept = state;
        }
    }
    while !training.finished(settings) {
        let done = training.curve().len();
        let epoch = training.advance(
            &data.train,
            &data.validation,
            settings,
            &Within(Watch(scope), done, settings.epochs),
        )?;
        if plan.checkpoint_every > 0 && epoch.epoch % plan.checkpoint_every == 0 {
            kept.value.checkpoints.push(epoch.epoch);
            kept = kept.with_f32(&checkpoint_name(epoch.epoch), &training.current().flatten());
        }
        let checkpoint = training.checkpoint();
        kept.value.progress = checkpoint.progress;
        for (name, scalars) in ["weights", "mean", "square", "best"].into_iter().zip(&checkpoint.scalars) {
            kept = kept.with_f32(name, scalars);
        }
        scope.checkpoint(&kept)?;
    }
    let (best, best_epoch) = training.best();
    let mut result = Artifact::new(Record {
        curve: training.curve().to_vec(),
        best_epoch,
        checkpoints: kept.value.checkpoints.clone(),
    })
    .with_f32("best", &best.flatten());
    for epoch in &kept.value.checkpoints {
        let name = checkpoint_name(*epoch);
        result = result.with_blob(&name, kept.blob(&name)?.to_vec());
    }
    Ok(result)
}

/// Progress of one epoch among all.
struct Within<'a>(Watch<'a>, usize, usize);

impl modelmend_learn::monitor::Monitor for Within<'_> {
    fn progress(&self, done: usize, total: usize) {
        self.0.progress(self.1 * total + done.min(total), self.2 * total);
    }

    fn interrupted(&self) -> bool {
        self.0.interrupted()
    }
}
