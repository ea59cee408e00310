//! A study of an image-to-image network: where its output cannot be trusted.

mod examples;
mod fidelity;
mod measure;
mod methods;
mod page;
mod prepare;
mod problem;
mod tomography;
mod train;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Mutex;

use anyhow::{Context as _, Result, bail};
use modelmend_data::split::Part;
use modelmend_net::Model;
use modelmend_report::input::{Facts, ReportInput, UncertaintyExample};
use modelmend_study::cache::InputHash;
use modelmend_study::record::Results;
use modelmend_study::runner::Runner;
use modelmend_study::schema::{ReconstructionStudy, StudyFile};
use modelmend_study::step::StepName;

use self::measure::Outcome;
use self::problem::Material;
use super::context::Context;
use super::outputs;
use modelmend_uncertainty::Promise;

/// Runs a reconstruction study, seed by seed, and writes the output folder.
pub(super) fn run(
    file: &StudyFile,
    study: &ReconstructionStudy,
    runner: &Runner<'_>,
    out: &Path,
) -> Result<()> {
    if !study.stress.is_empty() {
        bail!("{}: stress: stress tests are not built yet; leave the section out", file.path.display());
    }
    let inputs: Mutex<BTreeMap<String, InputHash>> = Mutex::new(BTreeMap::new());
    let (mut runs, mut results, mut models) = (Vec::new(), Vec::new(), Vec::new());
    let mut items = 0;
    let (mut examples, mut gained) = (Vec::new(), None);
    for seed in file.study.seeds() {
        let context = Context { runner, seed, inputs: &inputs };
        let Some(done) = one(&context, file, study)? else { continue };
        items = done.items;
        results.push(page::results(&study.name, seed, (items, &done.outcomes)));
        runs.push(done.outcomes);
        if runs.len() == 1 {
            (models, examples, gained) = (done.models, done.examples, done.gained);
        }
    }
    if runs.is_empty() {
        crate::output::line("stopped as asked; run again without --until for the results");
        return Ok(());
    }
    let mut report = ReportInput { examples, ..report(study, &runs, items) };
    report.notes.extend(gained);
    write(out, file, (&results, report, &models), runner, &inputs)
}

/// What a run came to.
struct Done {
    outcomes: Vec<Outcome>,
    /// File names and models.
    models: Vec<(String, Model)>,
    /// Number of test items.
    items: usize,
    examples: Vec<UncertaintyExample>,
    /// What the network gains.
    gained: Option<String>,
}

/// One run; `None` where the user wants to stop before the methods.
fn one(context: &Context<'_>, file: &StudyFile, study: &ReconstructionStudy) -> Result<Option<Done>> {
    let (material, data) = Material::read(context, file, study)?;
    let mut models = Vec::new();
    let base = match (&study.model, &study.train) {
        (Some(path), _) => {
            context.hash(&path.to_string(), &file.resolve(path))?;
            Model::read(&file.resolve(path))?
        }
        (None, Some(train)) => {
            let trained = train::train(context, (&material, data), (train, 0))?;
            models.push(("trained.onnx".to_owned(), trained.clone()));
            trained
        }
        (None, None) => bail!("{}: either `model` or `train` must be given", file.path.display()),
    };
    if !context.wants(StepName::Uncertainty) {
        return Ok(None);
    }
    let source = material.source()?;
    let shown = examples::choose(context, (source.as_ref(), data), &base)?;
    let gained = fidelity::fidelity(context, (source.as_ref(), data), &base)?;
    let rival = match &material {
        Material::Slices { scan, .. } => tomography::total_variation(context, (source.as_ref(), data), scan)?,
        _ => None,
    };
    let (mut outcomes, mut crops) = (Vec::new(), Vec::new());
    for (wanted, name) in study.uncertainty.iter().zip(prepare::names(&study.uncertainty)) {
        let members = train::members(context, (file, study), (&material, data), wanted)?;
        let (names, others): (Vec<_>, Vec<Model>) = members.into_iter().unzip();
        let asked =
            methods::ask(context, study, (&material, data, &shown), (&base, &others, (wanted, &name)))?;
        models.extend(names.into_iter().zip(others).filter_map(|(name, model)| Some((name?, model))));
        models.extend(asked.model.map(|model| (format!("{}.onnx", asked.outcome.method), model)));
        outcomes.push(asked.outcome);
        crops.push(asked.crops);
    }
    let (items, examples) = (source.count(Part::Test), page::examples(&shown, &outcomes, &crops));
    Ok(Some(Done { outcomes, models, items, examples, gained: fidelity::note(gained, rival) }))
}

fn report(study: &ReconstructionStudy, runs: &[Vec<Outcome>], items: usize) -> ReportInput {
    let model =
        study.model.as_ref().map_or_else(|| "The network trained here".to_owned(), ToString::to_string);
    let mut notes = Vec::new();
    if runs.iter().flatten().any(|outcome| outcome.promise == Some(Promise::Nothing)) {
        notes.push(
            "The validation items are too few for a promise at this level: calibrated coverage was met on them, and means little for others."
                .to_owned(),
        );
    }
    notes.extend(runs.iter().take(1).flatten().filter_map(|outcome| outcome.note.clone()));
    ReportInput {
        study: study.name.clone(),
        facts: Facts { model, cases: items as u64, seed: study.seed, ..Facts::default() },
        uncertainty: page::rows(runs, study.seed),
        coverage_level: study.conformal.map(|conformal| conformal.level),
        notes,
        ..ReportInput::default()
    }
}

fn write(
    out: &Path,
    file: &StudyFile,
    (results, report, models): (&[Results], ReportInput, &[(String, Model)]),
    runner: &Runner<'_>,
    inputs: &Mutex<BTreeMap<String, InputHash>>,
) -> Result<()> {
    let folder = out.join("models");
    std::fs::create_dir_all(&folder).with_context(|| format!("{}: cannot make it", folder.display()))?;
    for (name, model) in models {
        model.write(&folder.join(name))?;
    }
    outputs::documents(out, file, (results, report), runner, inputs)
}
