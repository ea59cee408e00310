//! A study of an image-to-image network: where its output cannot be trusted.

mod estimates;
mod examples;
mod failures;
mod fidelity;
mod measure;
mod methods;
mod outcome;
mod page;
mod prepare;
mod problem;
mod scores;
mod single;
mod stress;
mod tomography;
mod train;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use anyhow::{Context as _, Result};
use modelmend_data::formats::{Array, write_npz};
use modelmend_net::Model;
use modelmend_report::input::{Facts, ReportInput, StressTest, UncertaintyExample};
use modelmend_study::cache::InputHash;
use modelmend_study::record::Results;
use modelmend_study::runner::Runner;
use modelmend_study::schema::{ReconstructionStudy, StudyFile};
use modelmend_uncertainty::Promise;

use self::estimates::Units;
use self::failures::Failing;
use self::fidelity::Ratios;
use self::outcome::Outcome;
use self::stress::Verdict;
use super::context::Context;
use super::outputs;
use crate::calibration::{Calibrations, Entry};

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
        let Some(done) = single::run(&context, file, study)? else { continue };
        results.push(done.results);
        runs.outcomes.push(done.outcomes);
        runs.verdicts.push(done.verdicts);
        runs.ratios.push(done.ratios);
        first.get_or_insert(done.shown);
    }
    let Some(mut shown) = first else {
        crate::output::line("stopped as asked; run again without --until for the results");
        return Ok(());
    };
    let tables = shown.stressed.clone();
    let models = (shown.models.clone(), std::mem::take(&mut shown.calibrations));
    let failing = shown.failing.take();
    let mut report = report(study, &runs, shown);
    if let Some(failing) = failing {
        failing.deliver(out, (&mut results, &mut report))?;
    }
    write((out, file), (&results, report), (models, &tables), (runner, &inputs))
}

/// What all runs came to.
#[derive(Default)]
struct Runs {
    outcomes: Vec<Vec<Outcome>>,
    /// Stress test by stress test.
    verdicts: Vec<Vec<Vec<Verdict>>>,
    /// What the network gains on each test item.
    ratios: Vec<Ratios>,
}

/// What a run came to.
struct Done {
    results: Results,
    outcomes: Vec<Outcome>,
    verdicts: Vec<Vec<Verdict>>,
    ratios: Ratios,
    shown: Shown,
}

/// What the first run has to show.
struct Shown {
    /// File names and models.
    models: Vec<(String, Model)>,
    /// How the methods were scaled, by name.
    calibrations: BTreeMap<String, Entry>,
    /// Number of test items.
    items: usize,
    /// The patient of each of them, where there are patients.
    groups: Vec<String>,
    /// What the levels of noise are shares of, in words.
    noise_unit: &'static str,
    examples: Vec<UncertaintyExample>,
    stress: Vec<StressTest>,
    /// The items of each stress test, by file name.
    stressed: Vec<(String, Arrays)>,
    /// What is gained without a network, where that can be said.
    rival: Vec<Option<f64>>,
    /// Kinds of failure, where the study asks for them.
    failing: Option<Failing>,
}

fn report(study: &ReconstructionStudy, runs: &Runs, shown: Shown) -> ReportInput {
    let model =
        study.model.as_ref().map_or_else(|| "The network trained here".to_owned(), ToString::to_string);
    let mut notes = Vec::new();
    if runs.outcomes.iter().flatten().flat_map(|o| &o.calibrated).any(|c| c.promise == Promise::Nothing) {
        notes.push(
            "The validation items (or patients) are too few for a promise at this level: calibrated coverage was met on them, and means little for others."
                .to_owned(),
        );
    }
    notes.extend(runs.outcomes.iter().take(1).flatten().filter_map(|outcome| outcome.note.clone()));
    let units = Units::new(&shown.groups, study.seed);
    let errors: Vec<_> = runs.ratios.iter().map(fidelity::squared_errors).collect();
    ReportInput {
        study: study.name.clone(),
        facts: Facts { model, cases: shown.items as u64, seed: study.seed, ..Facts::default() },
        uncertainty: page::rows(&runs.outcomes, &units),
        examples: shown.examples,
        reconstructions: fidelity::rows(&runs.ratios, &shown.rival, &units),
        groups: page::groups(&shown.groups, &errors, &runs.outcomes),
        stress: stress::tests(&runs.verdicts, (shown.stress, &units)),
        coverage_level: study.conformal.map(|conformal| conformal.level),
        coverage_delta: study.conformal.and_then(|conformal| conformal.delta),
        noise_unit: shown.noise_unit.to_owned(),
        notes,
        ..ReportInput::default()
    }
}

/// Models by file name, and how the methods were scaled.
type Delivered = (Vec<(String, Model)>, BTreeMap<String, Entry>);

/// Arrays of a file, by name.
type Arrays = Vec<(String, Array)>;

fn write(
    (out, file): (&Path, &StudyFile),
    (results, report): (&[Results], ReportInput),
    ((models, calibrations), stressed): (Delivered, &[(String, Arrays)]),
    (runner, inputs): (&Runner<'_>, &Mutex<BTreeMap<String, InputHash>>),
) -> Result<()> {
    let folder = folder(out, "models")?;
    for (name, model) in &models {
        model.write(&folder.join(name))?;
    }
    if !calibrations.is_empty() {
        Calibrations::new(calibrations).write(&folder)?;
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
