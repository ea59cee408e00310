//! The step that turns rows into evidence: accuracies, intervals, tests, explanations.

use std::collections::BTreeMap;

use anyhow::Result;
use modelmend_data::split::Part;
use modelmend_failure::explain::{Finding, explain};
use modelmend_failure::label_noise::{self, Suspicion, contradicted, separation, shares};
use modelmend_failure::matrix::{Layout, Row, accuracies};
use modelmend_failure::resample::{Intervals, Judged as JudgedRows, Resampling, intervals};
use modelmend_failure::significance::{Significance, compare};
use modelmend_learn::matrix::{MatrixMetrics, matrix_metrics};
use modelmend_net::Model;
use modelmend_study::Hash;
use modelmend_study::artifact::Artifact;
use modelmend_study::step::StepName;
use ndarray::{Array2, s};
use serde::{Deserialize, Serialize};

use super::context::{Context, Title};
use super::divide::{Division, Setting, Trial};
use super::finetune::Tuned;

/// What the statistics say about a fine-tuned subtyping.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Statistics {
    /// Intervals of everything in the test matrix.
    pub(crate) intervals: Intervals,
    /// Comparison with random subtypings; `None` for a random subtyping itself.
    pub(crate) significance: Option<Significance>,
}

/// A fine-tuning matrix on one side of the split.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    /// rows x (subtypes + `correct` + `all`).
    pub(crate) values: Array2<Option<f64>>,
    /// Cases behind each column.
    pub(crate) counts: Vec<usize>,
}

/// Everything known about one subtyping.
pub(crate) struct Evidence {
    /// Name in results: `gradients`, `metadata:slide`.
    pub(crate) name: String,
    /// The subtypes.
    pub(crate) division: Division,
    /// Metadata that explain a subtype.
    pub(crate) findings: Vec<Finding>,
    /// What speaks against the labels.
    pub(crate) doubts: Doubts,
    /// What fine-tuning showed, where there was any.
    pub(crate) tuned: Option<TunedEvidence>,
}

/// What speaks against the labels of failures; nothing where there are no labels.
#[derive(Default)]
pub(crate) struct Doubts {
    /// Whether the neighbours of each failure contradict its label.
    pub(crate) failures: Vec<bool>,
    /// Each subtype.
    pub(crate) subtypes: Vec<Suspicion>,
}

impl Doubts {
    /// Subtypes, counted from 0, that are taken for label noise.
    pub(crate) fn mislabelled(&self) -> impl Iterator<Item = usize> {
        (0..self.subtypes.len()).filter(|&s| self.subtypes[s].mislabelled())
    }
}

/// What fine-tuning showed.
pub(crate) struct TunedEvidence {
    /// The rows: subtypes, then `all`, `none`, `checkpoint`.
    pub(crate) rows: Vec<Row>,
    /// Test side.
    pub(crate) test: Table,
    /// Training side.
    pub(crate) train: Table,
    /// L, I, generalisability and compatibility.
    pub(crate) metrics: MatrixMetrics,
    /// Intervals and tests.
    pub(crate) statistics: Statistics,
    /// The models of the subtypes, where they were kept.
    pub(crate) models: Vec<Model>,
}

/// Computes intervals and the comparison with random subtypings.
pub(crate) fn statistics(
    context: &Context<'_>,
    trial: &Trial<'_>,
    label: &str,
    (tuned, null, more): (&Tuned, &[Tuned], &[Row]),
    (resampling, more_hash): (&Resampling, Hash),
) -> Result<Statistics> {
    let title = Title { name: StepName::Statistics, label, version: 1 };
    let mut inputs = vec![trial.judged, trial.parts_hash, tuned.rows.hash, more_hash];
    inputs.extend(null.iter().map(|n| n.rows.hash));
    let groups = trial.groups.as_deref();
    let step = context.step(title, resampling, &inputs, |_| {
        let own: Vec<Vec<bool>> = tuned.rows.rows.iter().map(|r| r.correct.clone()).collect();
        let all: Vec<Vec<bool>> = own.iter().cloned().chain(more.iter().map(|r| r.correct.clone())).collect();
        let random: Vec<Vec<Vec<bool>>> =
            null.iter().map(|n| n.rows.rows.iter().map(|r| r.correct.clone()).collect()).collect();
        let judged = |layout, rows| JudgedRows { layout, rows };
        let nulls: Vec<JudgedRows<'_>> =
            null.iter().zip(&random).map(|(n, rows)| judged(&n.layout, rows)).collect();
        let significance = match nulls.is_empty() {
            true => None,
            false => Some(compare(judged(&tuned.layout, &own), &nulls, groups, resampling)?),
        };
        let intervals = intervals(judged(&tuned.layout, &all), groups, resampling)?;
        Ok(Artifact::new(Statistics { intervals, significance }))
    })?;
    Ok(step.artifact.value)
}

/// Judges rows on one side.
fn table(layout: &Layout, rows: &[Row], part: Part) -> Table {
    let correct: Vec<&[bool]> = rows.iter().map(|r| r.correct.as_slice()).collect();
    let judged = accuracies(layout, &correct, part, None);
    Table { values: judged.values, counts: judged.counts }
}

/// Puts rows and statistics together.
pub(crate) fn tuned(tuned: Tuned, more: &[Row], statistics: Statistics) -> Result<TunedEvidence> {
    let subtypes = tuned.layout.subtypes;
    let rows: Vec<Row> = tuned.rows.rows.into_iter().chain(more.iter().cloned()).collect();
    let (test, train) = (table(&tuned.layout, &rows, Part::Test), table(&tuned.layout, &rows, Part::Train));
    let square = |t: &Table| t.values.slice(s![..subtypes, ..subtypes]).to_owned();
    let correct: Vec<Option<f64>> = test.values.slice(s![..subtypes, subtypes]).to_vec();
    let metrics = matrix_metrics(square(&test).view(), square(&train).view(), &correct)?;
    Ok(TunedEvidence { rows, test, train, metrics, statistics, models: tuned.rows.models })
}

/// Metadata that explain a subtype.
pub(crate) fn findings(setting: &Setting<'_>, division: &Division) -> Result<Vec<Finding>> {
    let failures = &setting.judged.failures;
    let mut columns: BTreeMap<String, Vec<Option<String>>> = setting.subject.columns(failures);
    let predicted =
        failures.iter().map(|&c| Some(setting.subject.names.class(setting.judged.predictions[c].class)));
    columns.insert("prediction".to_owned(), predicted.collect());
    Ok(explain(&division.subtyping.labels, division.subtyping.count(), &columns)?)
}

/// The analysed cases among each other: what neighbours say, whatever the division.
pub(crate) struct Neighborhood {
    /// Features of every case.
    features: Array2<f32>,
    /// Whether the neighbours of each failure contradict its label.
    contradicted: Vec<bool>,
}

impl Neighborhood {
    pub(crate) fn new(setting: &Setting<'_>, features: Array2<f32>) -> Result<Self> {
        let (targets, failures) = (&setting.subject.targets, &setting.judged.failures);
        let contradicted = contradicted(features.view(), targets, failures)?;
        Ok(Self { features, contradicted })
    }
}

/// Networks that were fine-tuned on subtypes, as they are asked about labels.
pub(crate) struct Asked<'a> {
    /// Subtypes and parts.
    pub(crate) layout: &'a Layout,
    /// On which cases the network of the last epoch is right, for each subtype that has one.
    pub(crate) last: Vec<Option<&'a [bool]>>,
    /// Intervals.
    pub(crate) resampling: &'a Resampling,
}

impl<'a> Asked<'a> {
    /// The networks of a matrix.
    pub(crate) fn of(tuned: &'a Tuned, resampling: &'a Resampling) -> Self {
        let last = tuned.rows.rows.iter().map(|row| Some(row.last.as_slice())).collect();
        Self { layout: &tuned.layout, last, resampling }
    }
}

/// What neighbours and, where there are any, fine-tuned networks say about the labels.
pub(crate) fn doubts(
    setting: &Setting<'_>,
    division: &Division,
    neighborhood: &Neighborhood,
    asked: Option<&Asked<'_>>,
) -> Result<Doubts> {
    let Neighborhood { features, contradicted } = neighborhood;
    let targets = &setting.subject.targets;
    let predicted: Vec<usize> = setting.judged.predictions.iter().map(|p| p.class).collect();
    let groups = setting.trial.groups.as_deref();
    let cases = label_noise::Cases { features: features.view(), targets, predicted: &predicted, groups };
    let shares = shares(contradicted, &division.subtyping.labels, division.subtyping.count());
    let suspicion = |(index, contradicted): (usize, f64)| {
        let answer = asked.and_then(|asked| {
            let last = asked.last.get(index).copied().flatten()?;
            Some(separation(&cases, (asked.layout, index, last), asked.resampling))
        });
        Ok(Suspicion { contradicted, separation: answer.transpose()?.flatten() })
    };
    let subtypes = shares.into_iter().enumerate().map(suspicion).collect::<Result<_>>()?;
    Ok(Doubts { failures: contradicted.clone(), subtypes })
}
