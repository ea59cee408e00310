//! What a classification study will cost, by rates that are measured on a few of its own cases.

mod rates;
mod work;

use std::collections::BTreeSet;

use anyhow::{Context as _, Result, bail};
use modelmend_failure::{Judge, Problem};
use modelmend_net::Model;
use modelmend_study::schema::{ClassificationStudy, Study, StudyFile};

use super::subject;
use crate::output::line;
use rates::Rates;
use work::{Numbers, steps};

/// Seconds of an hour.
const HOUR: f64 = 3600.0;

/// Measures the rates of a study and prints what its steps will take; returns the exit code.
pub(crate) fn estimate(file: &StudyFile, threads: Option<usize>) -> Result<u8> {
    let Study::Classification(study) = &file.study else {
        bail!("--estimate measures classifiers; this is a study of reconstruction");
    };
    let path = study.model.as_ref().context("--estimate measures a trained network: name it as `model`")?;
    let seed = file.study.seeds().first().copied().unwrap_or_default();
    let labelled = subject::labelled(file, &study.data, seed)?;
    let problem = Problem::new(Model::read(&file.resolve(path))?, &labelled.cases, labelled.targets)?;
    let rates = Rates::measure(&problem, study)?;
    let labels: BTreeSet<i64> = labelled.cases.labels.iter().copied().collect();
    let kinds = (problem.classes(), labels.len());
    let numbers = Numbers::of(study, problem.count(), rates.failing, kinds);
    let cores = threads.unwrap_or_else(rayon::current_num_threads);
    print(study, (&numbers, &rates), (file.study.seeds().len(), cores));
    Ok(0)
}

fn print(study: &ClassificationStudy, (numbers, rates): (&Numbers, &Rates), (runs, cores): (usize, usize)) {
    line(&format!(
        "measured on {} of {} cases, {:.1} % of which fail, on one core",
        rates.measured,
        numbers.cases,
        100.0 * rates.failing
    ));
    line(&format!("{:12} {:>14}  work", "step", "core-seconds"));
    let steps = steps(study, numbers, rates);
    for step in &steps {
        line(&format!("{:12} {:>14.0}  {}", step.name, step.seconds, step.work));
    }
    let total = steps.iter().map(|step| step.seconds).sum::<f64>() * runs as f64;
    let (hours, wall) = (total / HOUR, total / HOUR / cores as f64);
    line(&format!(
        "{:12} {total:>14.0}  {hours:.2} core-hours, {wall:.2} hours on {cores} cores, runs: {runs}",
        "all"
    ));
    line(&format!(
        "one core-hour predicts {:.0} cases, represents {:.0} failures by gradients, or fine-tunes on {:.0} cases for one epoch",
        HOUR / rates.predict,
        HOUR / rates.gradient,
        HOUR / rates.learn
    ));
    line("Fine-tuning may stop early and then takes less. Trainings and repairs are not estimated.");
}
