//! A study of an image-to-image network: where its output cannot be trusted.

mod examples;
mod failures;
mod fidelity;
mod measure;
mod methods;
mod page;
mod prepare;
mod problem;
mod stress;
mod tomography;
mod train;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use anyhow::{Context as _, Result, bail};
use modelmend_data::formats::{Array, write_npz};
use modelmend_data::split::Part;
use modelmend_net::Model;
use modelmend_report::input::{Facts, ReportInput, StressTest, UncertaintyExample};
use modelmend_study::cache::InputHash;
use modelmend_study::record::Results;
use modelmend_study::runner::Runner;
use modelmend_study::schema::{ReconstructionStudy, StudyFile};
use modelmend_study::step::StepName;

use self::failures::Failing;
use self::measure::Outcome;
use self::problem::Material;
use self::stress::Verdict;
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
    let inputs: Mutex<BTreeMap<String, InputHash>> = Mutex::new(BTreeMap::new());
    let (mut runs, mut results, mut first) = (Runs::default(), Vec::new(), None);
    for seed in file.study.seeds() {
        let context = Context { runner, seed, inputs: &inputs };
        let Some(done) = one(&context, file, study)? else { continue };
        results.push(done.results);
        runs.outcomes.push(done.outcomes);
        runs.verdicts.push(done.verdicts);
        runs.errors.push(done.errors);
        first.get_or_insert(done.shown);
    }
    let Some(mut shown) = first else {
        crate::output::line("stopped as asked; run again without --until for the results");
        return Ok(());
    };
    let tables = shown.stressed.clone();
    let models = shown.models.clone();
    let failing = shown.failing.take();
    let mut report = report(study, &runs, shown);
    if let Some(failing) = failing {
        failing.deliver(out, (&mut results, &mut report))?;
    }
    write(out, file, (&results, report, (&models, &tables)), runner, &inputs)
}

/// What all runs came to.
#[derive(Default)]
struct Runs {
    outcomes: Vec<Vec<Outcome>>,
    /// Stress test by stress test.
    verdicts: Vec<Vec<Vec<Verdict>>>,
    /// Mean squared errors of the network on each test item.
    errors: Vec<Vec<Option<f64>>>,
}

/// What a run came to.
struct Done {
    results: Results,
    outcomes: Vec<Outcome>,
    verdicts: Vec<Vec<Verdict>>,
    errors: Vec<Option<f64>>,
    shown: Shown,
}

/// What the first run has to show.
struct Shown {
    /// File names and models.
    models: Vec<(String, Model)>,
    /// Number of test items.
    items: usize,
    /// The patient of each of them, where there are patients.
    groups: Vec<String>,
    examples: Vec<UncertaintyExample>,
    stress: Vec<StressTest>,
    /// The items of each stress test, by file name.
    stressed: Vec<(String, Arrays)>,
    /// What the network gains.
    gained: Option<String>,
    /// Kinds of failure, where the study asks for them.
    failing: Option<Failing>,
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
    let ratios = fidelity::fidelity(context, (source.as_ref(), data), &base)?;
    let rival = match &material {
        Material::Slices(scanned) => {
            tomography::total_variation(context, (source.as_ref(), data), &scanned.scanner)?
        }
        _ => None,
    };
    let (mut asked, mut outcomes, mut crops) = (Vec::new(), Vec::new(), Vec::new());
    let names: Vec<String> =
        study.uncertainty.iter().map(|wanted| prepare::name(wanted).to_owned()).collect();
    for (wanted, name) in study.uncertainty.iter().zip(prepare::numbered(&names)) {
        let members = train::members(context, (file, study), (&material, data), wanted)?;
        let (names, others): (Vec<_>, Vec<Model>) = members.into_iter().unzip();
        let source = (source.as_ref(), data);
        let method = methods::prepare(context, study, source, (&base, &others, (wanted, &name)))?;
        models.extend(names.into_iter().zip(others).filter_map(|(name, model)| Some((name?, model))));
        models.extend(method.model.clone().map(|model| (format!("{name}.onnx"), model)));
        let (outcome, maps) = methods::ask(context, study, (&material, &shown), &method)?;
        outcomes.push(outcome);
        crops.push(maps);
        asked.push(method);
    }
    let mut results = page::results(&study.name, context.seed, (source.count(Part::Test), &outcomes));
    let tests = if context.wants(StepName::Stress) {
        let taken: Vec<String> = results.stress.keys().cloned().collect();
        let wanted = stress::Tests::new(&study.stress, &taken);
        stress::make(context, (source.as_ref(), data, study.seed), &base, wanted)?
    } else {
        Vec::new()
    };
    let (mut verdicts, mut windows) = (Vec::new(), Vec::new());
    for test in &tests {
        let said = asked.iter().map(|method| stress::ask(context, (source.as_ref(), test), method));
        let (verdict, seen): (Vec<_>, Vec<_>) = said.collect::<Result<Vec<_>>>()?.into_iter().unzip();
        windows.push(asked.iter().map(|method| method.name.clone()).zip(seen).collect::<Vec<_>>());
        verdicts.push(verdict);
    }
    stress::results(&mut results, &tests, &verdicts);
    let failing = match (&study.failures, context.seed == study.seed) {
        (Some(section), true) => failures::examine(context, section, (&material, data), &base)?,
        _ => None,
    };
    models.extend(failing.iter().flat_map(Failing::models));
    let sinograms = shown.places.iter().map(|place| material.sinogram(place.item)).collect::<Result<_>>()?;
    let shown = Shown {
        models,
        items: source.count(Part::Test),
        groups: material.groups(Part::Test).to_vec(),
        examples: page::examples(&shown, sinograms, (&outcomes, &crops)),
        stress: stress::shown(&tests, &windows),
        stressed: stress::files(&tests)?,
        gained: fidelity::note(&ratios, rival),
        failing,
    };
    let errors = fidelity::squared_errors(&ratios);
    Ok(Some(Done { results, outcomes, verdicts, errors, shown }))
}

fn report(study: &ReconstructionStudy, runs: &Runs, shown: Shown) -> ReportInput {
    let model =
        study.model.as_ref().map_or_else(|| "The network trained here".to_owned(), ToString::to_string);
    let mut notes = Vec::new();
    if runs.outcomes.iter().flatten().any(|outcome| outcome.promise == Some(Promise::Nothing)) {
        notes.push(
            "The validation items are too few for a promise at this level: calibrated coverage was met on them, and means little for others."
                .to_owned(),
        );
    }
    notes.extend(runs.outcomes.iter().take(1).flatten().filter_map(|outcome| outcome.note.clone()));
    notes.extend(shown.gained);
    ReportInput {
        study: study.name.clone(),
        facts: Facts { model, cases: shown.items as u64, seed: study.seed, ..Facts::default() },
        uncertainty: page::rows(&runs.outcomes, study.seed),
        examples: shown.examples,
        groups: page::groups(&shown.groups, &runs.errors, &runs.outcomes),
        stress: stress::tests(&runs.verdicts, (shown.stress, study.seed)),
        coverage_level: study.conformal.map(|conformal| conformal.level),
        notes,
        ..ReportInput::default()
    }
}

/// Arrays of a file, by name.
type Arrays = Vec<(String, Array)>;

fn write(
    out: &Path,
    file: &StudyFile,
    (results, report, (models, stressed)): (
        &[Results],
        ReportInput,
        (&[(String, Model)], &[(String, Arrays)]),
    ),
    runner: &Runner<'_>,
    inputs: &Mutex<BTreeMap<String, InputHash>>,
) -> Result<()> {
    let folder = folder(out, "models")?;
    for (name, model) in models {
        model.write(&folder.join(name))?;
    }
    for (name, arrays) in stressed {
        write_npz(
            &self::folder(out, "stress")?.join(name),
            arrays.iter().map(|(name, array)| (name, array)),
        )?;
    }
    outputs::documents(out, file, (results, report), runner, inputs)
}

/// A folder of the output.
fn folder(out: &Path, name: &str) -> Result<PathBuf> {
    let folder = out.join(name);
    std::fs::create_dir_all(&folder).with_context(|| format!("{}: cannot make it", folder.display()))?;
    Ok(folder)
}
