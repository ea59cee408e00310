//! The step that ranks training cases by their pull toward the failures, and what is told of it.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use modelmend_data::{Cases, Column, Table};
use modelmend_failure::matrix::Layout;
use modelmend_failure::repair::causes::{pulls, strongest};
use modelmend_failure::{Judge, Problem};
use modelmend_learn::metrics::average_precision;
use modelmend_report::input as page;
use modelmend_study::Hash;
use modelmend_study::artifact::Artifact;
use modelmend_study::record::CausesResult;
use modelmend_study::step::StepName;
use ndarray::Array2;

use super::context::{Context, Title, Watch};
use super::outputs;
use super::report::thumbnail;
use super::subject::{Names, Planted};

/// What the model was trained on, as far as its groups are not analysed.
pub(crate) struct Rehearsed {
    /// The cases.
    pub(crate) cases: Cases,
    /// Planted kind of each, where it is known.
    pub(crate) planted: Option<Planted>,
    /// What the names of labels are.
    pub(crate) names: Names,
}

/// Training cases and their pull toward the failures.
pub(crate) struct Causes {
    rehearsed: Rehearsed,
    /// Class that each was trained as.
    classes: Vec<usize>,
    /// Learnable subtype that each pulls most toward, counted from 0.
    toward: Vec<usize>,
    /// How much, in nats.
    pull: Vec<f64>,
    /// Training cases, the strongest pull first.
    ranked: Vec<usize>,
}

/// Pictures on the page.
const PICTURES: usize = 24;
/// Planted kinds with fewer training cases are not scored.
const FEWEST: usize = 10;
/// The strongest cases that the summary speaks of.
const STRONGEST: f64 = 0.01;

/// Ranks the training cases, which are those of the problem after `analysed`; `None` without any.
pub(crate) fn causes(
    context: &Context<'_>,
    (problem, layout): (&Problem, &Layout),
    (except, analysed): (&[usize], usize),
    (rehearsed, hashes): (Option<Rehearsed>, &[Hash]),
) -> Result<Option<Causes>> {
    let training: Vec<usize> = (analysed..problem.count()).collect();
    let learnable: Vec<usize> = (0..layout.subtypes).filter(|s| !except.contains(s)).collect();
    let Some(rehearsed) = rehearsed.filter(|_| !training.is_empty() && !learnable.is_empty()) else {
        return Ok(None);
    };
    let of_subtype = |&s: &usize| (0..analysed).filter(|&case| layout.subtype[case] == Some(s)).collect();
    let sets: Vec<Vec<usize>> = learnable.iter().map(of_subtype).collect();
    let title = Title { name: StepName::Repair, label: "causes", version: 2 };
    let step = context.step(title, &sets, hashes, |scope| {
        let scores = pulls(problem, &sets, &training, &Watch(scope))?;
        let scores: Vec<f32> = scores.iter().map(|&score| score as f32).collect();
        Ok(Artifact::new(training.len()).with_f32("pulls", &scores))
    })?;
    let stored = step.artifact.f32("pulls")?.into_iter().map(f64::from).collect();
    let strongest = strongest(&Array2::from_shape_vec((training.len(), sets.len()), stored)?);
    let mut ranked: Vec<usize> = (0..strongest.len()).collect();
    ranked.sort_by(|&a, &b| strongest[b].1.total_cmp(&strongest[a].1).then(a.cmp(&b)));
    Ok(Some(Causes {
        classes: problem.targets_of(&training),
        toward: strongest.iter().map(|(set, _)| learnable[*set]).collect(),
        pull: strongest.into_iter().map(|(_, pull)| pull).collect(),
        rehearsed,
        ranked,
    }))
}

impl Causes {
    /// How well each planted kind is found by the pull of its cases.
    fn found(&self) -> Vec<page::PlantedCause> {
        let Some(planted) = &self.rehearsed.planted else { return Vec::new() };
        let kinds: BTreeSet<&str> = planted.iter().flatten().map(String::as_str).collect();
        let score = |kind: &str| {
            let of_kind: Vec<bool> = planted.iter().map(|p| p.as_deref() == Some(kind)).collect();
            let cases = of_kind.iter().filter(|own| **own).count();
            let average_precision = average_precision(&of_kind, &self.pull).ok().flatten()?;
            (cases >= FEWEST).then(|| page::PlantedCause {
                kind: kind.to_owned(),
                cases: cases as u64,
                of: planted.len() as u64,
                average_precision,
            })
        };
        kinds.into_iter().filter(|kind| *kind != "none").filter_map(score).collect()
    }

    /// The numbers of `results.json`.
    pub(crate) fn result(&self) -> CausesResult {
        let found = self.found().into_iter().map(|f| (f.kind, f.average_precision));
        CausesResult {
            training: self.pull.len() as u64,
            average_precision: found.collect::<BTreeMap<_, _>>(),
        }
    }

    /// What the page shows.
    pub(crate) fn page(&self) -> page::Causes {
        let cases = &self.rehearsed.cases;
        let shown = self.ranked.iter().take(PICTURES).filter(|&&case| self.pull[case] > 0.0);
        let one = |&case: &usize| page::CauseCase {
            id: cases.ids[case].clone(),
            picture: thumbnail(&cases.images, case),
            label: Some(self.classes[case]),
            score: self.pull[case],
            toward: Some((self.toward[case] + 1).to_string()),
        };
        page::Causes { summary: self.summary(), cases: shown.map(one).collect(), found: self.found() }
    }

    fn summary(&self) -> String {
        let pull = |case: &usize| self.pull[*case].max(0.0);
        let first = ((STRONGEST * self.pull.len() as f64).ceil() as usize).max(1);
        let strongest: f64 = self.ranked.iter().take(first).map(pull).sum();
        let whole: f64 = self.ranked.iter().map(pull).sum();
        format!(
            "Of {} training cases the {first} that pull most hold {:.0} % of all pull. Look at their labels first; \
             causes.parquet ranks all of them. The pull says what the network learned from, which need not be wrong.",
            self.pull.len(),
            100.0 * strongest / whole.max(f64::MIN_POSITIVE)
        )
    }

    /// A row per training case, the strongest pull first.
    pub(crate) fn table(&self) -> Table {
        let cases = &self.rehearsed.cases;
        let order = || self.ranked.iter().copied();
        let columns = [
            ("id", Column::text(order().map(|case| cases.ids[case].clone()))),
            ("label", Column::text(order().map(|case| self.rehearsed.names.label(cases.labels[case])))),
            ("class", Column::integers(order().map(|case| self.classes[case] as i64))),
            ("pull", Column::Float(order().map(|case| Some(self.pull[case])).collect())),
            ("subtype", Column::integers(order().map(|case| self.toward[case] as i64 + 1))),
        ];
        outputs::table(columns.map(|(name, column)| (name.to_owned(), column)))
    }
}
