//! The gate alone, for two models and the cases that judge them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use modelmend_data::Cases;
use modelmend_data::formats::{Source, read_cases};
use modelmend_failure::problem::Prediction;
use modelmend_failure::repair::gate::{Evidence, GateSettings, Verdict, judge};
use modelmend_failure::{Judge, Problem};
use modelmend_learn::monitor::Monitor;
use modelmend_net::Model;
use modelmend_net::onnx::{Difference, difference, interface_difference};
use modelmend_study::schema::{Study, StudyFile};

use super::gate;
use super::subject::{self, Labelled, Names};

/// What the command line says about a verification.
#[derive(Debug)]
pub(crate) struct VerifyOptions {
    pub(crate) before: PathBuf,
    pub(crate) after: PathBuf,
    /// A study file or cases.
    pub(crate) data: PathBuf,
    /// Split of the cases; not with a study, which names its own.
    pub(crate) split: Option<String>,
    /// `COLUMN=VALUE` of the failures that the repair is for; all failures without it.
    pub(crate) target: Option<String>,
}

/// What came out.
pub(crate) struct Verified {
    pub(crate) difference: Difference,
    /// Cases that were judged.
    pub(crate) cases: usize,
    /// Groups among them.
    pub(crate) groups: Option<usize>,
    /// Cases that the repair is for.
    pub(crate) targets: usize,
    pub(crate) verdict: Verdict,
}

/// Split that is judged where nothing else is said.
const SPLIT: &str = "test";

/// Runs both models on the cases and asks the gate.
pub(crate) fn verify(options: &VerifyOptions, monitor: &dyn Monitor) -> Result<Verified> {
    let models = [Model::read(&options.before)?, Model::read(&options.after)?];
    if let Some(what) = interface_difference(&models[0], &models[1]) {
        let (after, before) = (options.after.display(), options.before.display());
        bail!("{after}: cannot stand in for {before}: it has {what}");
    }
    let (labelled, settings) = cases(options)?;
    let difference = difference(&models[0], &models[1]);
    let [before, after] = models;
    let (before, classes) = predictions(before, &labelled, (&options.before, 0), monitor)?;
    let (after, repaired_classes) = predictions(after, &labelled, (&options.after, 1), monitor)?;
    if classes != repaired_classes {
        let path = options.after.display();
        bail!("{path}: has {repaired_classes} classes, {} has {classes}", options.before.display());
    }
    let all: Vec<usize> = (0..before.len()).collect();
    let columns = subject::columns(&labelled.cases, &labelled.names, &all);
    let target = targets(&columns, &before, options.target.as_deref())?;
    let groups = subject::group_numbers(&labelled.cases);
    let evidence = Evidence {
        before: &before,
        after: &after,
        target: &target,
        groups: groups.as_deref(),
        subgroups: &gate::judged_subgroups(columns),
    };
    Ok(Verified {
        difference,
        cases: before.len(),
        groups: groups.as_ref().and_then(|g| g.iter().max()).map(|&last| last + 1),
        targets: target.iter().filter(|&&t| t).count(),
        verdict: judge(&evidence, &settings)?,
    })
}

/// The cases, and what the gate asks for.
fn cases(options: &VerifyOptions) -> Result<(Labelled, GateSettings)> {
    let extension = options.data.extension().and_then(|e| e.to_str()).unwrap_or("");
    if matches!(extension, "yaml" | "yml") {
        return of_study(options);
    }
    let split = options.split.clone().unwrap_or_else(|| SPLIT.to_owned());
    let cases = read_cases(&Source::new(&options.data).splits([split]))?;
    Ok((labels_as_classes(cases, &options.data)?, GateSettings::default()))
}

fn of_study(options: &VerifyOptions) -> Result<(Labelled, GateSettings)> {
    let path = options.data.display();
    if options.split.is_some() {
        bail!("--split: {path} names its own split; leave the option out or give the data file");
    }
    let file = StudyFile::load(&options.data)?;
    let Study::Classification(study) = &file.study else {
        bail!("{path}: task: the gate judges classifiers, `task: classification`");
    };
    let gate = study.repair.as_ref().map(|repair| repair.gate).unwrap_or_default();
    let settings = gate::settings(&gate, (study.statistics.bootstrap, study.seed));
    Ok((subject::labelled(&file, &study.data, study.seed)?, settings))
}

fn labels_as_classes(cases: Cases, path: &Path) -> Result<Labelled> {
    let classes = subject::class_map(&BTreeMap::new(), &cases);
    let targets = cases.classes(&classes).with_context(|| path.display().to_string())?;
    Ok(Labelled { cases, targets, names: Names::default(), planted: None })
}

/// Cases between two reports of progress.
const REPORTED: usize = 2048;

/// What the first (0) or the second (1) model makes of the cases, and how many classes it has.
fn predictions(
    model: Model,
    labelled: &Labelled,
    (path, number): (&Path, usize),
    monitor: &dyn Monitor,
) -> Result<(Vec<Prediction>, usize)> {
    let run = || {
        let problem = Problem::new(model, &labelled.cases, labelled.targets.clone())?;
        let all: Vec<usize> = (0..problem.count()).collect();
        let mut predictions = Vec::with_capacity(all.len());
        for part in all.chunks(REPORTED) {
            predictions.extend(problem.predict(problem.parameters(), part)?);
            monitor.progress(number * all.len() + predictions.len(), 2 * all.len());
        }
        Ok::<_, anyhow::Error>((predictions, problem.classes()))
    };
    run().with_context(|| path.display().to_string())
}

/// The failures that the repair is for.
fn targets(
    columns: &BTreeMap<String, Vec<Option<String>>>,
    before: &[Prediction],
    wanted: Option<&str>,
) -> Result<Vec<bool>> {
    let failures = before.iter().map(|p| !p.correct);
    let Some(wanted) = wanted else { return Ok(failures.collect()) };
    let Some((column, value)) = wanted.split_once('=') else {
        bail!("--target-column: `{wanted}` is not of the form COLUMN=VALUE");
    };
    let Some(values) = columns.get(column) else {
        let known = columns.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
        bail!("--target-column: the cases have no column `{column}`; they have {known}");
    };
    let chosen: Vec<bool> =
        failures.zip(values).map(|(failure, v)| failure && v.as_deref() == Some(value)).collect();
    if !chosen.contains(&true) {
        bail!("--target-column: no failure of the model before the repair has {column} = {value}");
    }
    Ok(chosen)
}
