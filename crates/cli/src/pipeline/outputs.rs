//! The output folder: results, tables, models, report.

mod repairs;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Mutex;

use anyhow::{Context as _, Result};
use modelmend_data::formats::{Array, Values, write_npy, write_parquet};
use modelmend_data::{Column, Table as Columns};
use modelmend_failure::label_noise::{Separation, Suspicion};
use modelmend_failure::train::TrainEpoch;
use modelmend_learn::matrix::Summary;
use modelmend_learn::scores::{adjusted_rand_index, normalized_mutual_information};
use modelmend_net::Model;
use modelmend_report::input::ReportInput;
use modelmend_study::cache::{InputHash, write_atomically};
use modelmend_study::record::{
    Cases, Explanation, Matrix, Measure, Program, Results, RunRecord, Significance, SubtypingResult,
    TruthScore, over_runs, write_json,
};
use modelmend_study::runner::Runner;
use modelmend_study::schema::{ClassificationStudy, StudyFile};
use ndarray::Array2;

use super::causes::Causes;
use super::context::Context;
use super::divide::{Material, Setting};
use super::evidence::{Evidence, Table, TunedEvidence};
use super::repair::Repaired;
use super::report;
use super::train::Trained;

/// Everything that one run leaves behind.
pub(crate) struct Finished {
    /// The numbers.
    pub(crate) results: Results,
    /// Why the gate refused the repair, where it did.
    pub(crate) refusal: Option<String>,
    /// The page, without provenance.
    report: ReportInput,
    tables: Tables,
    /// Models by file name.
    models: Vec<(String, Model)>,
    /// The repaired model by file name.
    repaired: Option<(String, Model)>,
    /// Training cases by their pull, where they are known.
    causes: Option<Columns>,
}

/// What is written about the cases.
pub(super) struct Tables {
    /// A row per case.
    pub(super) cases: Columns,
    /// The failures as they were clustered (main subtyping).
    pub(super) embedding: Array2<f32>,
    /// Test matrices as CSV, by subtyping.
    pub(super) matrices: Vec<(String, String)>,
}

impl Tables {
    /// Writes `cases.parquet`, `embedding.npy` and the matrices.
    pub(super) fn write(self, out: &Path) -> Result<()> {
        let folder = out.join("matrices");
        std::fs::create_dir_all(&folder).with_context(|| format!("{}: cannot make it", folder.display()))?;
        for (name, text) in &self.matrices {
            let path = folder.join(format!("{}.csv", name.replace(['/', ':'], "-")));
            write_atomically(&path, &[text.as_bytes()])
                .with_context(|| format!("{}: cannot write it", path.display()))?;
        }
        write_parquet(&out.join("cases.parquet"), &self.cases)?;
        let shape = self.embedding.shape().to_vec();
        let points = Values::F32(self.embedding.into_iter().collect());
        Ok(write_npy(&out.join("embedding.npy"), &Array::new(shape, points)?)?)
    }
}

/// Learning curves of the study's own training.
pub(crate) struct Learning {
    pub(crate) curve: Vec<TrainEpoch>,
    pub(crate) best_epoch: usize,
}

/// Puts the results of one run together. `evidence` begins with the study's own subtyping.
pub(crate) fn finish(
    context: &Context<'_>,
    study: &ClassificationStudy,
    setting: &Setting<'_>,
    (evidence, picture, material): (Vec<Evidence>, Array2<f32>, &Material),
    (trained, repaired): (Option<Trained>, Option<Repaired>),
) -> Finished {
    let mut results = Results::new(&study.name, context.seed);
    let all = &setting.population.judged;
    let (total, failures) = (all.failure.len(), all.failures.len());
    results.notes.extend(setting.population.note());
    results.cases = Cases {
        total: total as u64,
        failures: failures as u64,
        accuracy: Some((total - failures) as f64 / total.max(1) as f64),
    };
    for e in &evidence {
        results.subtypings.insert(e.name.clone(), subtyping(e));
        if let Some(score) = truth(setting, e) {
            results.truth.insert(e.name.clone(), score);
        }
    }
    let (models, learning) = models(&evidence, trained);
    let confidence = study.statistics.confidence;
    let repairs = repaired.iter().map(|r| r.page(setting, confidence)).collect();
    if let Some(repaired) = &repaired {
        results.repairs.insert(repaired.name(), repaired.result(setting));
    }
    let clustered = evidence.first().and_then(|own| clustered(own, material));
    let refusals = repaired.as_ref().map(Repaired::refusals).unwrap_or_default();
    Finished {
        refusal: (!refusals.is_empty()).then(|| refusals.join(" ")),
        report: ReportInput {
            repairs,
            ..report::input(context, study, setting, (&evidence, &picture), (&results, learning))
        },
        results,
        tables: Tables {
            cases: case_table(setting, evidence.first(), (&picture, repaired.as_ref())),
            matrices: evidence.iter().filter_map(matrix_file).collect(),
            embedding: clustered.unwrap_or(picture),
        },
        models,
        repaired: repaired.as_ref().map(|r| (r.file(), r.model.clone())),
        causes: repaired.as_ref().and_then(|r| r.causes.as_ref()).map(Causes::table),
    }
}

/// The failures as they were clustered.
pub(super) fn clustered(own: &Evidence, material: &Material) -> Option<Array2<f32>> {
    let chosen = material.embeddings.iter().find(|(scaling, _)| Some(*scaling) == own.division.scaling);
    chosen.map(|(_, embedded)| embedded.points.clone())
}

/// The models that a subtyping was fine-tuned to, where they were kept, by file name.
pub(super) fn tuned_models(e: &Evidence) -> Vec<(String, Model)> {
    let models = e.tuned.iter().flat_map(|t| &t.models).enumerate();
    models.map(|(i, m)| (format!("{}-{}.onnx", e.name, i + 1), m.clone())).collect()
}

fn models(evidence: &[Evidence], trained: Option<Trained>) -> (Vec<(String, Model)>, Option<Learning>) {
    let mut models: Vec<(String, Model)> = evidence.iter().flat_map(tuned_models).collect();
    let learning = trained.map(|t| {
        models.push(("trained.onnx".to_owned(), t.model));
        Learning { curve: t.curve, best_epoch: t.best_epoch }
    });
    (models, learning)
}

fn measure(values: &[Option<f64>], interval: Option<(f64, f64)>) -> Option<Measure> {
    let summary = Summary::of(values)?;
    let interval = interval.map(|(lo, hi)| [lo, hi]);
    Some(Measure { mean: summary.mean, std: summary.std, per_subtype: values.to_vec(), interval })
}

/// A subtyping in the results.
pub(super) fn subtyping(e: &Evidence) -> SubtypingResult {
    let division = &e.division;
    let mut result = SubtypingResult {
        subtypes: division.subtyping.count() as u64,
        sizes: division.subtyping.sizes().into_iter().map(|s| s as u64).collect(),
        silhouette: division.subtyping.silhouette,
        stability: Summary::of(&division.stability.iter().map(|&s| Some(s)).collect::<Vec<_>>())
            .map(|s| s.mean),
        explanations: e.findings.iter().map(explanation).collect(),
        notes: notes(e),
        ..SubtypingResult::default()
    };
    let Some(t) = &e.tuned else { return result };
    let intervals = &t.statistics.intervals;
    result.learnability = measure(&t.metrics.learnability, intervals.mean_learnability);
    result.independence = measure(&t.metrics.independence, intervals.mean_independence);
    result.generalisability = measure(&t.metrics.generalisability, None);
    result.compatibility = measure(&t.metrics.compatibility, None);
    result.matrix = Some(matrix(division.subtyping.count(), t));
    if let Some(s) = &t.statistics.significance {
        for (name, comparison) in [("learnability", s.learnability), ("independence", s.independence)] {
            if let Some(c) = comparison {
                let test = "hierarchical bootstrap against random subtypings of the same sizes".to_owned();
                let interval = Some([c.interval.0, c.interval.1]);
                let entry = Significance { test, p: c.p, difference: c.difference, interval };
                result.significance.insert(name.to_owned(), entry);
            }
        }
    }
    result
}

fn explanation(f: &modelmend_failure::explain::Finding) -> Explanation {
    Explanation {
        subtype: (f.subtype + 1).to_string(),
        column: f.column.clone(),
        value: f.value.clone(),
        lift: f.lift,
        cases: f.cases as u64,
        p: Some(f.p),
    }
}

/// What was set aside, and which subtypes look mislabelled.
pub(super) fn notes(e: &Evidence) -> Vec<String> {
    let mut notes = e.division.subtyping.notes.clone();
    notes.extend(
        e.doubts.mislabelled().map(|s| format!("subtype {}: {}", s + 1, mislabelled(&e.doubts.subtypes[s]))),
    );
    notes
}

/// Why a subtype is taken for label noise.
pub(super) fn mislabelled(suspicion: &Suspicion) -> String {
    let mut text = format!(
        "label noise suspected (wrong labels, or labels that the pictures do not decide), look at them before any repair: the neighbours contradict {:.0} % of the labels",
        100.0 * suspicion.contradicted
    );
    if let Some(Separation { value, interval: (lo, hi), failures }) = suspicion.separation {
        text += &format!(
            ", and no network that learned them tells {failures} unseen ones from the correct cases beside them \
             (difference {value:.2}, interval {lo:.2} to {hi:.2})"
        );
    }
    text
}

/// Names of the columns of a matrix.
pub(super) fn column_names(subtypes: usize) -> Vec<String> {
    (1..=subtypes).map(|s| s.to_string()).chain(["correct".to_owned(), "all".to_owned()]).collect()
}

fn nested(table: &Table) -> Vec<Vec<Option<f64>>> {
    table.values.rows().into_iter().map(|r| r.to_vec()).collect()
}

fn matrix(subtypes: usize, t: &TunedEvidence) -> Matrix {
    let pair = |i: &Option<(f64, f64)>| i.map(|(lo, hi)| [lo, hi]);
    let intervals = t.statistics.intervals.entries.iter().map(|row| row.iter().map(pair).collect()).collect();
    Matrix {
        rows: t.rows.iter().map(|r| r.name.clone()).collect(),
        columns: column_names(subtypes),
        test: nested(&t.test),
        train: nested(&t.train),
        counts: t.test.counts.iter().map(|&c| c as u64).collect(),
        test_intervals: Some(intervals),
    }
}

/// Name and text of the file with the test matrix of a subtyping, where there is one.
pub(super) fn matrix_file(e: &Evidence) -> Option<(String, String)> {
    Some((e.name.clone(), csv(e, e.tuned.as_ref()?)))
}

fn csv(e: &Evidence, t: &TunedEvidence) -> String {
    let names = column_names(e.division.subtyping.count());
    let mut text = format!("finetuned_on,{}\n", names.join(","));
    let cell = |v: &Option<f64>| v.map_or(String::new(), |v| v.to_string());
    for (row, values) in t.rows.iter().zip(t.test.values.rows()) {
        let values: Vec<String> = values.iter().map(cell).collect();
        text.push_str(&format!("{},{}\n", row.name, values.join(",")));
    }
    let counts: Vec<String> = t.test.counts.iter().map(ToString::to_string).collect();
    text.push_str(&format!("count,{}\n", counts.join(",")));
    text
}

/// Agreement with planted kinds over the failures that have one.
fn truth(setting: &Setting<'_>, e: &Evidence) -> Option<TruthScore> {
    let planted = setting.subject.planted.as_ref()?;
    let labels = setting.judged.failures.iter().zip(&e.division.subtyping.labels);
    let pairs: Vec<(usize, &str)> = labels
        .filter_map(|(&case, label)| {
            Some(((*label)?, planted[case].as_deref().filter(|kind| *kind != "none")?))
        })
        .collect();
    let kinds: std::collections::BTreeSet<&str> = pairs.iter().map(|(_, kind)| *kind).collect();
    let kinds: Vec<&str> = kinds.into_iter().collect();
    let found: Vec<usize> = pairs.iter().map(|(label, _)| *label).collect();
    let known: Vec<usize> =
        pairs.iter().filter_map(|(_, kind)| kinds.iter().position(|k| k == kind)).collect();
    let ari = adjusted_rand_index(&known, &found).ok()?;
    Some(TruthScore { ari, nmi: normalized_mutual_information(&known, &found).ok()? })
}

fn case_table(
    setting: &Setting<'_>,
    own: Option<&Evidence>,
    (picture, repaired): (&Array2<f32>, Option<&Repaired>),
) -> Columns {
    let population = setting.population;
    let (subject, predictions) = (&population.subject, &population.judged.predictions);
    let mut position = vec![None; predictions.len()];
    let analysed = setting.judged.failures.iter().enumerate();
    analysed.for_each(|(i, &case)| position[population.number(case)] = Some(i));
    let mut parts = vec![None; predictions.len()];
    let sides = setting.trial.parts.iter().enumerate();
    sides.for_each(|(case, part)| parts[population.number(case)] = Some(part.name().to_owned()));
    let subtype = |i: &Option<usize>| i.and_then(|i| own?.division.subtyping.labels[i]).map(|s| s as i64 + 1);
    let point = |axis: usize| {
        Column::Float(position.iter().map(|i| i.map(|i| f64::from(picture[[i, axis]]))).collect())
    };
    let mut columns: Vec<(String, Column)> = vec![
        ("id".into(), Column::text(subject.cases.ids.iter().cloned())),
        ("split".into(), Column::text(subject.cases.split.iter().cloned())),
        ("label".into(), Column::integers(subject.cases.labels.iter().copied())),
    ];
    let reserved = [
        "id",
        "split",
        "label",
        "prediction",
        "confidence",
        "loss",
        "correct",
        "subtype",
        "part",
        "x",
        "y",
        "group",
        "fold",
    ];
    for (name, column) in &subject.cases.metadata {
        let name = if reserved.contains(&name.as_str()) { format!("metadata.{name}") } else { name.clone() };
        columns.push((name, column.clone()));
    }
    if let Some(groups) = &subject.cases.groups {
        columns.push(("group".into(), Column::text(groups.iter().cloned())));
    }
    columns.extend([
        ("prediction".into(), Column::integers(predictions.iter().map(|p| p.class as i64))),
        (
            "confidence".into(),
            Column::Float(predictions.iter().map(|p| Some(f64::from(p.confidence))).collect()),
        ),
        ("loss".into(), Column::Float(predictions.iter().map(|p| Some(f64::from(p.loss))).collect())),
        ("correct".into(), Column::Bool(predictions.iter().map(|p| Some(p.correct)).collect())),
        ("subtype".into(), Column::Integer(position.iter().map(subtype).collect())),
        ("part".into(), Column::Text(parts)),
        ("x".into(), point(0)),
        ("y".into(), point(1)),
    ]);
    if let Some(repaired) = repaired {
        let mut folds = vec![None; predictions.len()];
        let tests = repaired.fold_of.iter().enumerate();
        tests.for_each(|(case, &fold)| folds[population.number(case)] = Some(fold as i64 + 1));
        columns.push(("fold".into(), Column::Integer(folds)));
    }
    table(columns)
}

/// A table of columns that have an entry per case each, and names that occur once.
pub(super) fn table(columns: impl IntoIterator<Item = (String, Column)>) -> Columns {
    let mut table = Columns::new();
    for (name, column) in columns {
        let _ = table.push(name, column);
    }
    table
}

/// Writes the output folder. The first run gives tables, models and report; `results.json` has all runs.
pub(crate) fn write(
    out: &Path,
    file: &StudyFile,
    mut finished: Vec<Finished>,
    runner: &Runner<'_>,
    inputs: &Mutex<BTreeMap<String, InputHash>>,
) -> Result<()> {
    repairs::remove_old(out)?;
    let folder = out.join("models");
    std::fs::create_dir_all(&folder).with_context(|| format!("{}: cannot make it", folder.display()))?;
    let repaired: Vec<(String, Model)> = finished.iter_mut().filter_map(|f| f.repaired.take()).collect();
    let models = finished.first_mut().map(|f| std::mem::take(&mut f.models)).unwrap_or_default();
    for (name, model) in models.iter().chain(&repaired) {
        model.write(&folder.join(name.replace(['/', ':'], "-")))?;
    }
    let mut results: Vec<Results> = finished.iter().map(|f| f.results.clone()).collect();
    let first = finished.remove(0);
    first.tables.write(out)?;
    if let Some(causes) = &first.causes {
        write_parquet(&out.join(repairs::CAUSES), causes)?;
    }
    let mut report = first.report;
    let others: Vec<ReportInput> = finished.into_iter().map(|f| f.report).collect();
    repairs::complete(&mut report, &others, &runner.records());
    repairs::add_hashes((&mut results, &mut report), out, file, inputs)?;
    documents(out, file, (&results, report), runner, inputs)
}

/// The program that runs.
fn program() -> Program {
    Program { name: "modelmend".to_owned(), version: env!("CARGO_PKG_VERSION").to_owned() }
}

/// Writes what every study leaves behind: the page with its figures and documents, all numbers, where they come from.
pub(super) fn documents(
    out: &Path,
    file: &StudyFile,
    (results, report): (&[Results], ReportInput),
    runner: &Runner<'_>,
    inputs: &Mutex<BTreeMap<String, InputHash>>,
) -> Result<()> {
    let inputs = inputs.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone();
    let program = program();
    let record = RunRecord::new(
        (program, modelmend_net::kernels::matrix_unit::available()),
        file,
        inputs,
        runner.records(),
    );
    let failed = |name: &str| format!("{}: cannot write it", out.join(name).display());
    let figures = out.join("figures");
    std::fs::create_dir_all(&figures).with_context(|| format!("{}: cannot make it", figures.display()))?;
    let report = report::with_provenance(report, &record, &file.study.seeds());
    modelmend_report::write::write(&report, out)?;
    if let Some(repair) = report.repairs.first() {
        let text = modelmend_report::repair_markdown(&report, repair);
        write_atomically(&out.join("repair.md"), &[text.as_bytes()]).with_context(|| failed("repair.md"))?;
    }
    write_json(&out.join("results.json"), &over_runs(results)?).with_context(|| failed("results.json"))?;
    write_json(&out.join("run.json"), &record).with_context(|| failed("run.json"))?;
    crate::output::line(&format!("report: {}", out.join("report.html").display()));
    Ok(())
}
