//! What a repair leaves in the output folder besides tables and page: verdicts of all runs, hashes, no file of an earlier run.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use anyhow::{Context as _, Result};
use modelmend_report::input::ReportInput;
use modelmend_study::Hash;
use modelmend_study::cache::{InputHash, hash_input};
use modelmend_study::record::{Results, StepRecord};
use modelmend_study::schema::StudyFile;
use modelmend_study::step::StepName;

use crate::pipeline::repair_page;

/// The file of the training cases by their pull.
pub(super) const CAUSES: &str = "causes.parquet";

/// Removes what an earlier run in the same folder said of its repair: an accepted model must not lie beside the report of a
/// refusal.
pub(super) fn remove_old(out: &Path) -> Result<()> {
    let mut old = vec![out.join("repair.md"), out.join(CAUSES)];
    let models = std::fs::read_dir(out.join("models")).into_iter().flatten().filter_map(Result::ok);
    old.extend(models.map(|entry| entry.path()).filter(|path| is_repaired(path)));
    for path in old.iter().filter(|path| path.is_file()) {
        std::fs::remove_file(path).with_context(|| format!("{}: cannot remove it", path.display()))?;
    }
    Ok(())
}

/// Whether a model has the name of one that a repair wrote.
fn is_repaired(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    name.ends_with(".onnx") && (name.starts_with("repair-") || name.starts_with("refused-repair-"))
}

/// Adds to the page of the first run what the others came to, and how long the methods took.
pub(super) fn complete(report: &mut ReportInput, others: &[ReportInput], steps: &[StepRecord]) {
    let seed = report.facts.seed;
    for repair in &mut report.repairs {
        repair_page::over_runs((seed, &mut *repair), others);
        for row in &mut repair.methods {
            row.seconds = seconds(&row.method, steps);
        }
    }
}

/// Mean seconds of the searches of a method that this run of the program computed; those from the cache took no time.
fn seconds(method: &str, steps: &[StepRecord]) -> Option<f64> {
    let own = |s: &&StepRecord| s.step == StepName::Repair.as_str() && s.label == method && !s.cached;
    let seconds: Vec<f64> = steps.iter().filter(own).map(|s| s.seconds).collect();
    (!seconds.is_empty()).then(|| seconds.iter().sum::<f64>() / seconds.len() as f64)
}

/// Adds the hashes of what all runs share: inputs, study, program, and the ranking of training cases.
pub(super) fn add_hashes(
    (results, report): (&mut [Results], &mut ReportInput),
    out: &Path,
    file: &StudyFile,
    inputs: &Mutex<BTreeMap<String, InputHash>>,
) -> Result<()> {
    let program = super::program();
    let mut shared: Vec<(String, String)> = {
        let inputs = inputs.lock().unwrap_or_else(PoisonError::into_inner);
        inputs.iter().map(|(path, input)| (format!("input {path}"), input.hash.to_string())).collect()
    };
    shared.push(("study file".to_owned(), file.hash.to_string()));
    let study = Hash::of(&serde_json::to_vec(&file.study)?);
    shared.push(("study as read: `study` of run.json as compact JSON".to_owned(), study.to_string()));
    shared
        .push(("program (its version, no hash)".to_owned(), format!("{} {}", program.name, program.version)));
    for repair in results.iter_mut().flat_map(|r| r.repairs.values_mut()) {
        repair.hashes.extend(shared.iter().cloned());
    }
    if out.join(CAUSES).is_file() {
        // The file is that of the first run, whose the page is as well.
        let causes = (CAUSES.to_owned(), hash_input(&out.join(CAUSES))?.hash.to_string());
        let first = results.iter_mut().take(1).flat_map(|r| r.repairs.values_mut());
        first.for_each(|repair| repair.hashes.extend([causes.clone()]));
        shared.push(causes);
    }
    report.repairs.iter_mut().for_each(|repair| repair.hashes.extend(shared.iter().cloned()));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_earlier_run_repaired_is_removed_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::create_dir(at("models")).unwrap();
        let old = ["models/repair-auto.onnx", "models/refused-repair-ewc-run-2.onnx", "repair.md", CAUSES];
        let kept = ["models/trained.onnx", "models/repair-notes.txt", "report.html"];
        old.iter().chain(&kept).for_each(|name| std::fs::write(at(name), name).unwrap());
        remove_old(folder.path()).unwrap();
        assert!(old.iter().all(|name| !at(name).exists()) && kept.iter().all(|name| at(name).exists()));
        assert!(remove_old(&at("nowhere")).is_ok());
    }

    #[test]
    fn seconds_are_those_of_searches_that_were_computed() {
        let step = |label: &str, cached, seconds| StepRecord {
            step: "repair".to_owned(),
            label: label.to_owned(),
            version: 1,
            key: Hash::of(b""),
            cached,
            seconds,
        };
        let steps =
            [step("ewc", false, 3.0), step("ewc", true, 0.1), step("ewc", false, 5.0), step("f", true, 0.1)];
        assert_eq!(
            (seconds("ewc", &steps), seconds("f", &steps), seconds("none", &steps)),
            (Some(4.0), None, None)
        );
    }
}
