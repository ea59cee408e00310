//! The steps that fine-tune: the rows of the matrices.

use anyhow::{Context as _, Result};
use modelmend_failure::finetune::{Epoch, FinetuneSettings};
use modelmend_failure::matrix::{Layout, Row, Target, ask_last, row};
use modelmend_failure::subtype::{Subtyping, random};
use modelmend_net::Model;
use modelmend_study::Hash;
use modelmend_study::artifact::Artifact;
use modelmend_study::scope::Scope;
use modelmend_study::step::StepName;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::context::{Context, Listen, Title};
use super::divide::Trial;

/// Rows of a matrix; models only where they were asked for.
pub(crate) struct Rows {
    /// The rows in the order of the targets.
    pub(crate) rows: Vec<Row>,
    /// The fine-tuned models.
    pub(crate) models: Vec<Model>,
    /// Hash of the content.
    pub(crate) hash: Hash,
}

#[derive(Serialize, Deserialize)]
struct Summary {
    name: String,
    epoch: Option<usize>,
    curve: Vec<Epoch>,
}

/// What is fine-tuned.
pub(crate) struct Job<'a> {
    /// What it is called in progress and records.
    pub(crate) label: &'a str,
    /// Subtypes and parts.
    pub(crate) layout: &'a Layout,
    /// What each row learns from.
    pub(crate) targets: &'a [Target],
    /// Whether the models are kept.
    pub(crate) keep_models: bool,
    /// Whether the networks are asked about the labels of what they were fine-tuned on.
    pub(crate) doubted: bool,
}

/// Fine-tunes every target, side by side; each row is a part that is kept as soon as it is done.
pub(crate) fn rows(
    context: &Context<'_>,
    trial: &Trial<'_>,
    settings: &FinetuneSettings,
    job: &Job<'_>,
) -> Result<Rows> {
    let title = Title { name: StepName::Finetune, label: job.label, version: 4 };
    let labels = Hash::of(&serde_json::to_vec(&job.layout.subtype)?);
    let parameters = (settings, job.targets, labels, (job.keep_models, job.doubted), context.seed);
    let step = context.step(title, parameters, &[trial.judged, trial.parts_hash], |scope| {
        let count = job.targets.len();
        let parts: Vec<Artifact<Summary>> = (0..count)
            .into_par_iter()
            .map(|i| {
                scope.part(i, count, |scope| one(context, trial, settings, (job, job.targets[i]), scope))
            })
            .collect::<Result<_>>()?;
        let mut whole = Artifact::new(Vec::with_capacity(count));
        for (index, part) in parts.into_iter().enumerate() {
            for (name, blob) in part.blobs {
                whole = whole.with_blob(&format!("{name}-{index}"), blob);
            }
            whole.value.push(part.value);
        }
        Ok(whole)
    })?;
    let mut rows = Vec::new();
    let mut models = Vec::new();
    let start = trial.judge.model();
    for (index, summary) in step.artifact.value.iter().enumerate() {
        let judged = |name: &str| -> Result<Vec<bool>> {
            Ok(step.artifact.blob(&format!("{name}-{index}"))?.iter().map(|&b| b == 1).collect())
        };
        rows.push(Row {
            name: summary.name.clone(),
            correct: judged("correct")?,
            last: judged("last")?,
            epoch: summary.epoch,
            curve: summary.curve.clone(),
        });
        if job.keep_models {
            let scalars = step.artifact.f32(&format!("weights-{index}"))?;
            let weights =
                start.parameters().with_scalars(&scalars).context("a stored model of another shape")?;
            models.push(start.with_parameters(weights)?);
        }
    }
    Ok(Rows { rows, models, hash: step.hash })
}

fn one(
    context: &Context<'_>,
    trial: &Trial<'_>,
    settings: &FinetuneSettings,
    (job, target): (&Job<'_>, Target),
    scope: &Scope<'_>,
) -> Result<Artifact<Summary>> {
    let (mut row, tuned) = row(trial.judge, job.layout, target, settings, context.seed, &Listen(scope))?;
    if job.doubted {
        ask_last(trial.judge, job.layout, target, (&mut row, &tuned))?;
    }
    let bytes = |judged: &[bool]| judged.iter().map(|&c| u8::from(c)).collect();
    let artifact = Artifact::new(Summary { name: row.name, epoch: row.epoch, curve: row.curve })
        .with_blob("correct", bytes(&row.correct))
        .with_blob("last", bytes(&row.last));
    Ok(if job.keep_models { artifact.with_f32("weights", &tuned.parameters.flatten()) } else { artifact })
}

/// A fine-tuned subtyping: its layout and the rows of its subtypes.
pub(crate) struct Tuned {
    /// Subtypes and parts.
    pub(crate) layout: Layout,
    /// A row per subtype.
    pub(crate) rows: Rows,
}

/// Fine-tunes on each subtype of a subtyping.
pub(crate) fn subtypes(
    context: &Context<'_>,
    trial: &Trial<'_>,
    settings: &FinetuneSettings,
    (label, subtyping, keep_models): (&str, &Subtyping, bool),
) -> Result<Tuned> {
    let layout = trial.layout(subtyping);
    let targets: Vec<Target> = (0..subtyping.count()).map(Target::Subtype).collect();
    let job = Job { label, layout: &layout, targets: &targets, keep_models, doubted: true };
    let rows = rows(context, trial, settings, &job)?;
    Ok(Tuned { layout, rows })
}

/// Rows that every matrix has: fine-tuning on all failures, and none.
pub(crate) fn common(
    context: &Context<'_>,
    trial: &Trial<'_>,
    settings: &FinetuneSettings,
) -> Result<(Vec<Row>, Hash)> {
    let none = vec![None; trial.failures.len()];
    let layout = Layout::new(&none, 0, trial.failure, trial.parts);
    let job = Job {
        label: "all failures",
        layout: &layout,
        targets: &[Target::All],
        keep_models: false,
        doubted: false,
    };
    let all = rows(context, trial, settings, &job)?;
    let correct = trial.failure.iter().map(|f| !f).collect();
    let unmodified =
        Row { name: "none".to_owned(), correct, last: Vec::new(), epoch: None, curve: Vec::new() };
    Ok((all.rows.into_iter().chain([unmodified]).collect(), all.hash))
}

/// How much of a random subtyping is fine-tuned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Extent {
    /// All of it: for the study's own subtyping, whose first random counterpart is also the one in the comparison.
    Whole,
    /// [`NULL_ROWS`] subtypes.
    Few,
}

/// Random subtypes that are fine-tuned with [`Extent::Few`]: rows of a random subtyping differ in size alone, so a few
/// sizes, evenly spread, stand for all.
pub(super) const NULL_ROWS: usize = 3;

/// Random subtypings of the same sizes, fine-tuned in the same way: what the subtyping is compared with.
pub(crate) fn null(
    context: &Context<'_>,
    trial: &Trial<'_>,
    settings: &FinetuneSettings,
    (label, sizes, count, extent): (&str, &[usize], usize, Extent),
) -> Result<Vec<Tuned>> {
    let failures = trial.failures.len();
    let (order, rows_wanted) = match extent {
        Extent::Whole => (sizes.to_vec(), sizes.len()),
        Extent::Few => spread_first(sizes),
    };
    let targets: Vec<Target> = (0..rows_wanted).map(Target::Subtype).collect();
    let draw = |index: usize| {
        let label = format!("{label}: random {}", index + 1);
        let subtyping = random(failures, &order, context.seed.wrapping_add(index as u64));
        let layout = trial.layout(&subtyping);
        // The comparison's own random subtyping is asked like the others there.
        let doubted = extent == Extent::Whole && index == 0;
        let job = Job { label: &label, layout: &layout, targets: &targets, keep_models: false, doubted };
        let rows = rows(context, trial, settings, &job)?;
        Ok(Tuned { layout, rows })
    };
    (0..count).map(draw).collect()
}

/// The sizes with an evenly spread choice of [`NULL_ROWS`] in front, and how many these are.
fn spread_first(sizes: &[usize]) -> (Vec<usize>, usize) {
    let mut sorted = sizes.to_vec();
    sorted.sort_unstable();
    let wanted = NULL_ROWS.min(sorted.len());
    // Middle of each of `wanted` equal stretches of the sorted sizes, from the back so that removal does not shift.
    let places: Vec<usize> = (0..wanted).rev().map(|i| (2 * i + 1) * sorted.len() / (2 * wanted)).collect();
    let mut order: Vec<usize> = places.into_iter().map(|place| sorted.remove(place)).collect();
    order.extend(sorted);
    (order, wanted)
}

#[cfg(test)]
mod tests {
    use super::spread_first;

    #[test]
    fn small_middling_and_large_subtypes_stand_for_all() {
        assert_eq!(spread_first(&[50, 10, 40, 20, 30]), (vec![50, 30, 10, 20, 40], 3));
        assert_eq!(spread_first(&[7, 9]), (vec![9, 7], 2));
    }
}
