//! From evidence to the report's input.

use modelmend_data::Images;
use modelmend_data::split::Part;
use modelmend_failure::finetune::Epoch;
use modelmend_failure::matrix::Row;
use modelmend_learn::biclustering::spectral_order;
use modelmend_learn::matrix::Summary;
use modelmend_learn::stats::wilson;
use modelmend_report::input as page;
use modelmend_study::record::{Results, RunRecord};
use modelmend_study::schema::ClassificationStudy;
use ndarray::{Array2, s};

use super::context::Context;
use super::divide::{Division, Setting, scaling_name};
use super::evidence::{Evidence, Table, TunedEvidence};
use super::outputs::{Learning, column_names, mislabelled, notes};

/// Pictures shown for each subtype.
const NEAREST: usize = 12;

/// The page of one run, without provenance.
pub(super) fn input(
    context: &Context<'_>,
    study: &ClassificationStudy,
    setting: &Setting<'_>,
    (evidence, picture): (&[Evidence], &Array2<f32>),
    (results, learning): (&Results, Option<Learning>),
) -> page::ReportInput {
    let (subject, all) = (setting.subject, &setting.population.judged);
    let (total, failures) = (all.failure.len(), all.failures.len());
    let right = total - failures;
    let interval = wilson(right, total, study.statistics.confidence).ok();
    let labels: std::collections::BTreeSet<i64> = subject.cases.labels.iter().copied().collect();
    let labels: Vec<i64> = labels.into_iter().collect();
    let constraint = study.finetune.as_ref().map(|f| f.keep_correct);
    page::ReportInput {
        study: study.name.clone(),
        facts: page::Facts {
            model: subject.model_name.clone(),
            cases: total as u64,
            failures: failures as u64,
            accuracy: results.cases.accuracy.map(|value| page::Estimate {
                value,
                lo: interval.map(|i| i.0),
                hi: interval.map(|i| i.1),
            }),
            seed: context.seed,
        },
        classes: (0..setting.problem.classes()).map(|c| subject.names.class(c)).collect(),
        fine_labels: labels.iter().map(|&l| subject.names.label(l)).collect(),
        cases: cases(setting, &labels, picture),
        metadata: metadata(setting, evidence.first()),
        subtypings: evidence.iter().map(|e| subtyping(constraint, e, results)).collect(),
        chosen: evidence.first().map(|e| e.name.clone()),
        training: learning.map(training),
        notes: results.notes.clone(),
        ..page::ReportInput::default()
    }
}

/// Adds where the numbers come from.
pub(super) fn with_provenance(
    mut input: page::ReportInput,
    record: &RunRecord,
    seeds: &[u64],
) -> page::ReportInput {
    let steps = record.steps.iter().map(|s| page::StepRecord {
        name: if s.label.is_empty() { s.step.clone() } else { format!("{} ({})", s.step, s.label) },
        seconds: s.seconds,
        cached: s.cached,
        key: s.key.to_string(),
    });
    input.provenance = page::Provenance {
        program_version: format!("{} {}", record.program.name, record.program.version),
        inputs: record
            .inputs
            .iter()
            .map(|(path, hash)| page::InputFile { path: path.clone(), hash: hash.hash.to_string() })
            .collect(),
        seeds: seeds.to_vec(),
        machine: vec![
            ("processor".to_owned(), record.machine.cpu.clone()),
            ("cores".to_owned(), record.machine.cores.to_string()),
            (
                "matrix unit".to_owned(),
                if record.machine.matrix_unit { "used" } else { "not used" }.to_owned(),
            ),
            ("system".to_owned(), record.machine.os.clone()),
        ],
        steps: steps.collect(),
        study_yaml: serde_json::to_string_pretty(&record.study).unwrap_or_default(),
    };
    input
}

fn cases(setting: &Setting<'_>, labels: &[i64], picture: &Array2<f32>) -> Vec<page::Case> {
    let (subject, judged) = (setting.subject, setting.judged);
    let images = &subject.cases.images;
    let one = |(position, &case): (usize, &usize)| {
        let prediction = judged.predictions[case];
        page::Case {
            id: subject.cases.ids[case].clone(),
            x: Some(f64::from(picture[[position, 0]])),
            y: Some(f64::from(picture[[position, 1]])),
            prediction: Some(prediction.class),
            truth: Some(subject.targets[case]),
            fine_label: labels.iter().position(|l| *l == subject.cases.labels[case]),
            group: subject.cases.groups.as_ref().map(|g| g[case].clone()),
            part: part(setting.trial.parts[case]),
            confidence: Some(f64::from(prediction.confidence)),
            loss: Some(f64::from(prediction.loss)),
            thumbnail: thumbnail(images, case),
        }
    };
    judged.failures.iter().enumerate().map(one).collect()
}

/// A side of the split.
pub(super) fn part(part: Part) -> Option<page::Part> {
    page::Part::ALL.into_iter().find(|p| p.name() == part.name())
}

/// A case as a picture; one that can no longer be read is missing on the page, which has everything else.
pub(super) fn thumbnail(images: &Images, case: usize) -> Option<page::Thumbnail> {
    let rgb = images.rgb8(case).ok()?;
    Some(page::Thumbnail { width: images.width(), height: images.height(), rgb })
}

/// Metadata columns of the failures, with the suspicion about their labels.
fn metadata(setting: &Setting<'_>, own: Option<&Evidence>) -> Vec<page::MetadataColumn> {
    let failures = &setting.judged.failures;
    let shown_elsewhere = ["fine label", "group"];
    let columns = setting
        .subject
        .columns(failures)
        .into_iter()
        .filter(|(name, _)| !shown_elsewhere.contains(&name.as_str()));
    let mut columns: Vec<page::MetadataColumn> = columns
        .map(|(name, values)| page::MetadataColumn { name, values: page::MetadataValues::Text(values) })
        .collect();
    if let Some(planted) = &setting.subject.planted {
        let values = failures.iter().map(|&c| planted[c].clone()).collect();
        columns.push(page::MetadataColumn {
            name: "planted".to_owned(),
            values: page::MetadataValues::Text(values),
        });
    }
    if let Some(own) = own {
        let word = |c: &bool| Some(if *c { "contradicted" } else { "supported" }.to_owned());
        let values = own.doubts.failures.iter().map(word).collect();
        columns.push(page::MetadataColumn {
            name: "label by neighbours".to_owned(),
            values: page::MetadataValues::Text(values),
        });
    }
    columns
}

fn training(learning: Learning) -> page::TrainingCurves {
    page::TrainingCurves {
        train_loss: learning.curve.iter().map(|e| Some(e.loss)).collect(),
        validation_loss: learning.curve.iter().map(|e| Some(e.validation_loss)).collect(),
        train_accuracy: Vec::new(),
        validation_accuracy: learning.curve.iter().map(|e| Some(e.validation_accuracy)).collect(),
        chosen_epoch: Some(learning.best_epoch),
    }
}

fn measure(values: &[Option<f64>], interval: Option<(f64, f64)>) -> Option<page::Measure> {
    let summary = Summary::of(values)?;
    let (lo, hi) = (interval.map(|i| i.0), interval.map(|i| i.1));
    Some(page::Measure { mean: summary.mean, std: summary.std, lo, hi })
}

/// A subtyping as the page shows it; `constraint` is the accuracy that fine-tuning has to keep on correct cases.
pub(super) fn subtyping(constraint: Option<f64>, e: &Evidence, results: &Results) -> page::Subtyping {
    let division = &e.division;
    let count = division.subtyping.count();
    let truth = results.truth.get(&e.name).map(|t| page::TruthScores { ari: t.ari, nmi: t.nmi });
    let mut shown = page::Subtyping {
        name: e.name.clone(),
        description: description(division),
        labels: division.subtyping.labels.clone(),
        subtypes: (0..count).map(|i| subtype(e, i)).collect(),
        silhouette: division.subtyping.silhouette,
        stability: measure(&division.stability.iter().map(|&s| Some(s)).collect::<Vec<_>>(), None),
        truth,
        findings: e.findings.iter().map(finding).collect(),
        selection: selection(division),
        notes: notes(e),
        ..page::Subtyping::default()
    };
    let Some(t) = &e.tuned else { return shown };
    let intervals = &t.statistics.intervals;
    shown.learnability = measure(&t.metrics.learnability, intervals.mean_learnability);
    shown.independence = measure(&t.metrics.independence, intervals.mean_independence);
    shown.generalisability = measure(&t.metrics.generalisability, None);
    shown.compatibility = measure(&t.metrics.compatibility, None);
    if let Some(s) = &t.statistics.significance {
        shown.p_learnability = s.learnability.map(|c| c.p);
        shown.p_independence = s.independence.map(|c| c.p);
        shown.test = TEST.to_owned();
    }
    shown.matrices = matrices(count, t);
    shown.order = order(count, t);
    shown.curves = t.rows.iter().filter(|r| !r.curve.is_empty()).map(|r| curve(r, constraint)).collect();
    shown
}

const TEST: &str = "One-sided hierarchical bootstrap against random subtypings of the same sizes that were fine-tuned in \
    the same way: random subtypings, subtypes and test groups are drawn with replacement.";

fn description(division: &Division) -> String {
    match division.scaling {
        Some(scaling) => format!("k-means on the embedded representation ({}).", scaling_name(scaling)),
        None => String::new(),
    }
}

fn estimate(value: Option<f64>, interval: Option<(f64, f64)>) -> Option<page::Estimate> {
    value.map(|value| page::Estimate { value, lo: interval.map(|i| i.0), hi: interval.map(|i| i.1) })
}

fn subtype(e: &Evidence, index: usize) -> page::Subtype {
    let labels = &e.division.subtyping.labels;
    let members = || (0..labels.len()).filter(|&i| labels[i] == Some(index));
    let nearest = match &e.division.nearest {
        Some(nearest) => nearest[index].iter().copied().take(NEAREST).collect(),
        None => members().take(NEAREST).collect(),
    };
    let named = e.division.nearest.is_none();
    let suspicion = e.doubts.subtypes.get(index).filter(|suspicion| suspicion.mislabelled());
    let mislabelled = suspicion.map(|suspicion| format!("Why: {}.", mislabelled(suspicion)));
    let name = named.then(|| e.division.subtyping.names[index].clone());
    let mut shown = page::Subtype {
        name: (index + 1).to_string(),
        size: members().count() as u64,
        nearest,
        label_noise: mislabelled.is_some(),
        notes: name.into_iter().chain(mislabelled).collect(),
        ..page::Subtype::default()
    };
    if let Some(t) = &e.tuned {
        let intervals = &t.statistics.intervals;
        shown.learnability = estimate(t.metrics.learnability[index], intervals.learnability[index]);
        shown.independence = estimate(t.metrics.independence[index], intervals.independence[index]);
        shown.generalisability = estimate(t.metrics.generalisability[index], None);
        let kept = intervals.entries.get(index).and_then(|row| row.iter().rev().nth(1).copied().flatten());
        shown.compatibility = estimate(t.metrics.compatibility[index], kept);
    }
    shown
}

fn finding(f: &modelmend_failure::explain::Finding) -> page::Finding {
    page::Finding {
        subtype: f.subtype,
        column: f.column.clone(),
        value: f.value.clone(),
        share_in: f.share,
        share_elsewhere: f.elsewhere,
        lift: Some(f.lift),
        p: Some(f.p),
    }
}

/// One curve for each criterion and scaling.
fn selection(division: &Division) -> Vec<page::Selection> {
    let scalings: std::collections::BTreeSet<_> = division.tried.iter().map(|t| t.scaling).collect();
    let mut curves = Vec::new();
    for scaling in scalings {
        let tried: Vec<_> = division.tried.iter().filter(|t| t.scaling == scaling).collect();
        let silhouette = tried.iter().filter_map(|t| Some((t.k, t.silhouette?))).collect();
        let brief = tried.iter().filter_map(|t| Some((t.k, t.brief?.merit()))).collect();
        let full = tried.iter().filter_map(|t| Some((t.k, t.full?.merit()))).collect();
        let criteria = [
            ("silhouette", silhouette),
            ("L and I on validation data, brief fine-tuning", brief),
            ("L and I on validation data, finalists", full),
        ];
        for (criterion, points) in criteria {
            let points: Vec<(usize, f64)> = points;
            let best = points.iter().copied().reduce(|a, b| if b.1 > a.1 { b } else { a }).map(|p| p.0);
            if points.len() > 1 {
                curves.push(page::Selection {
                    criterion: format!("{criterion}, {}", scaling_name(scaling)),
                    points,
                    best,
                });
            }
        }
    }
    curves
}

type Nested = Vec<Vec<Option<f64>>>;

fn matrices(count: usize, t: &TunedEvidence) -> Vec<page::Matrix> {
    let rows: Vec<String> = t.rows.iter().map(|r| r.name.clone()).collect();
    let nested = |table: &Table| table.values.rows().into_iter().map(|r| r.to_vec()).collect::<Nested>();
    let end = |pick: fn(&(f64, f64)) -> f64| -> Nested {
        t.statistics
            .intervals
            .entries
            .iter()
            .map(|row| row.iter().map(|i| i.as_ref().map(pick)).collect())
            .collect()
    };
    let after = |side, table: &Table, lo: Nested, hi: Nested| page::Matrix {
        side,
        stage: page::Stage::After,
        rows: rows.clone(),
        columns: column_names(count),
        values: nested(table),
        lo,
        hi,
        counts: table.counts.iter().map(|&c| c as u64).collect(),
    };
    let before = |after: &page::Matrix| {
        let none = rows.iter().position(|r| r == "none").map(|i| after.values[i].clone()).unwrap_or_default();
        page::Matrix {
            stage: page::Stage::Before,
            values: vec![none; rows.len()],
            lo: Vec::new(),
            hi: Vec::new(),
            ..after.clone()
        }
    };
    let test = after(page::Side::Test, &t.test, end(|i| i.0), end(|i| i.1));
    let train = after(page::Side::Train, &t.train, Vec::new(), Vec::new());
    vec![before(&test), before(&train), test, train]
}

/// The order in which related subtypes lie side by side.
fn order(count: usize, t: &TunedEvidence) -> Option<page::MatrixOrder> {
    let square = t.test.values.slice(s![..count, ..count]).mapv(|v| v.unwrap_or(0.0));
    let order = spectral_order(square.view()).ok()?;
    Some(page::MatrixOrder { rows: order.rows, columns: order.columns })
}

fn curve(row: &Row, constraint: Option<f64>) -> page::FinetuningCurve {
    let series = |part, set, pick: fn(&Epoch) -> Option<f64>| page::FinetuningSeries {
        part,
        set,
        values: row.curve.iter().map(pick).collect(),
    };
    use page::{CaseSet, Part};
    page::FinetuningCurve {
        row: row.name.clone(),
        series: vec![
            series(Part::Train, CaseSet::Subtype, |e| e.train),
            series(Part::Validation, CaseSet::Subtype, |e| Some(e.validation)),
            series(Part::Train, CaseSet::Correct, |e| e.train_correct),
            series(Part::Validation, CaseSet::Correct, |e| e.validation_correct),
        ],
        chosen_epoch: row.epoch,
        constraint,
    }
}
