//! From a repair to results, page and document.

use modelmend_data::split::Part;
use modelmend_failure::Judge;
use modelmend_failure::problem::Prediction;
use modelmend_failure::repair::gate::Criterion;
use modelmend_failure::repair::task::{Score, Share};
use modelmend_learn::matrix::Summary;
use modelmend_learn::stats::wilson;
use modelmend_report::input as page;

use super::causes::Causes;
use super::divide::Setting;
use super::repair::{Judged, Repaired};
use super::report::thumbnail;

/// Pictures of fixed and of broken cases.
const PICTURES: usize = 24;

impl Repaired {
    /// Name in results and of the model's file.
    pub(crate) fn name(&self) -> String {
        format!("repair-{}", self.method.name())
    }

    /// File name of the model: one that was refused says so, and that of a further run says which.
    pub(crate) fn file(&self) -> String {
        let refused = if self.refusals().is_empty() { "" } else { "refused-" };
        let run = if self.run == 0 { String::new() } else { format!("-run-{}", self.run + 1) };
        format!("{refused}{}{run}.onnx", self.name())
    }

    pub(super) fn share(&self, after: &[Prediction], of: impl Fn(usize) -> bool) -> Share {
        let cases: Vec<usize> = (0..after.len()).filter(|&case| of(case)).collect();
        Share { right: cases.iter().filter(|&&case| after[case].correct).count(), of: cases.len() }
    }

    /// What the page shows.
    pub(crate) fn page(&self, setting: &Setting<'_>, confidence: f64) -> page::Repair {
        let before = &setting.judged.predictions;
        let shares = |after: &[Prediction]| self.accuracy(setting, after, confidence);
        let changed = |was: bool| -> Vec<usize> {
            let turned = |&case: &usize| before[case].correct == was && self.crossed[case].correct != was;
            (0..before.len()).filter(turned).collect()
        };
        let (fixed, broken) = (changed(false), changed(true));
        let target = self.share(&self.crossed, |case| self.targeted[case]);
        let correct = self.share(&self.crossed, |case| before[case].correct);
        let refusals = self.refusals();
        page::Repair {
            name: self.name(),
            target: self.targets.iter().map(|t| (t + 1).to_string()).collect(),
            method: self.method.name().to_owned(),
            settings: self.setting.to_string(),
            accepted: Some(refusals.is_empty()),
            reason: if refusals.is_empty() { "All criteria are met.".to_owned() } else { refusals.join(" ") },
            model: Some(format!("models/{}", self.file())),
            folds: self.folds as u64,
            confidence: Some(confidence),
            runs: Vec::new(),
            counts: page::RepairCounts {
                target: Some(target.of as u64),
                target_repaired: Some(target.right as u64),
                correct: Some(correct.of as u64),
                correct_kept: Some(correct.right as u64),
            },
            before: shares(before),
            after: shares(&self.crossed),
            criteria: self.verdict.criteria.iter().map(criterion).collect(),
            subgroups: self.subgroups(),
            subtypes: self.subtype_names(),
            methods: self.rows(setting),
            tradeoffs: self.tradeoffs(),
            fixed_total: fixed.len() as u64,
            broken_total: broken.len() as u64,
            fixed: fixed.iter().take(PICTURES).map(|&c| self.case(setting, c)).collect(),
            broken: broken.iter().take(PICTURES).map(|&c| self.case(setting, c)).collect(),
            causes: self.causes.as_ref().map(Causes::page),
            audit: self
                .audit
                .iter()
                .map(|c| page::AuditLine { what: c.what.clone(), passed: c.passed, detail: c.detail.clone() })
                .collect(),
            hashes: self.hashes.clone(),
            protocol: self.protocol(setting),
        }
    }

    fn subtype_names(&self) -> Vec<String> {
        let count = self.methods.first().and_then(|m| m.attempts.first()).map_or(0, |a| a.subtypes.len());
        (1..=count).map(|s| s.to_string()).collect()
    }

    fn accuracy(&self, setting: &Setting<'_>, after: &[Prediction], confidence: f64) -> page::RepairAccuracy {
        let before = &setting.judged.predictions;
        let estimate = |share: Share| estimate(share, confidence);
        let failures = &setting.judged.failures;
        let of_subtype = |subtype: usize| {
            let own: Vec<usize> =
                failures.iter().copied().filter(|&c| self.subtypes[c] == Some(subtype)).collect();
            self.share(after, |case| own.binary_search(&case).is_ok())
        };
        let names = self.subtype_names().into_iter().enumerate();
        page::RepairAccuracy {
            target: estimate(self.share(after, |case| self.targeted[case])),
            correct: estimate(self.share(after, |case| before[case].correct)),
            all: estimate(self.share(after, |_| true)),
            per_subtype: names.map(|(s, name)| (name, estimate(of_subtype(s)))).collect(),
        }
    }

    fn subgroups(&self) -> Vec<page::RepairSubgroup> {
        let one = |s: &modelmend_failure::repair::gate::SubgroupFinding| page::RepairSubgroup {
            column: s.column.clone(),
            value: s.value.clone(),
            cases: s.cases as u64,
            before: s.before,
            after: s.after,
            change: s.change,
            p: Some(s.p),
            passed: s.passed,
        };
        self.verdict.subgroups.iter().map(one).collect()
    }

    /// The unrepaired model on the test side of the study's own split: all, and each subtype.
    pub(super) fn unrepaired(&self, setting: &Setting<'_>) -> Option<(Score, Vec<Share>)> {
        let any = self.methods.first()?.attempts.first()?;
        let nothing = |share: &Share| Share { right: 0, ..*share };
        let sides = setting.judged.failure.iter().zip(setting.trial.parts);
        let right = sides.filter(|(failure, part)| !**failure && **part == Part::Test).count();
        let test = Score {
            target: nothing(&any.test.target),
            correct: Share { right, of: right },
            all: Share { right, ..any.test.all },
        };
        Some((test, any.subtypes.iter().map(nothing).collect()))
    }

    /// The table of methods on the test side of the study's own split.
    fn rows(&self, setting: &Setting<'_>) -> Vec<page::RepairMethodRow> {
        let none = self.unrepaired(setting);
        let none = none.map(|(test, subtypes)| row("none", "the model before", (&test, &subtypes), false));
        let rows = self.methods.iter().filter_map(|m| {
            let best: &Judged = m.attempts.first()?;
            let settings = best.setting.to_string();
            Some(row(&m.method, &settings, (&best.test, &best.subtypes), m.method == self.method.name()))
        });
        none.into_iter().chain(rows).collect()
    }

    fn tradeoffs(&self) -> Vec<page::Tradeoff> {
        let mut all = Vec::new();
        for method in &self.methods {
            for (index, attempt) in method.attempts.iter().enumerate() {
                let test = &attempt.test;
                all.push(page::Tradeoff {
                    method: method.method.clone(),
                    setting: attempt.setting.to_string(),
                    target: test.target.value(),
                    correct: test.correct.value() - 1.0,
                    all: test.all.value() - test.correct.of as f64 / test.all.of.max(1) as f64,
                    chosen: index == 0 && method.method == self.method.name(),
                });
            }
        }
        all
    }

    fn case(&self, setting: &Setting<'_>, case: usize) -> page::RepairedCase {
        page::RepairedCase {
            id: setting.subject.cases.ids[case].clone(),
            picture: thumbnail(&setting.subject.cases.images, case),
            truth: Some(setting.subject.targets[case]),
            before: Some(setting.judged.predictions[case].class),
            after: Some(self.crossed[case].class),
            subtype: self.subtypes[case].map(|s| (s + 1).to_string()),
        }
    }

    fn protocol(&self, setting: &Setting<'_>) -> page::Protocol {
        let gate = &self.gate;
        let count = setting.problem.count();
        let grouped = if setting.subject.cases.groups.is_some() { "whole groups" } else { "single cases" };
        let points = |margin: f64| format!("{} percentage points", 100.0 * margin);
        page::Protocol {
            data: format!("{count} labelled cases that the model was not trained on, {} of which it gets wrong.", setting.judged.failures.len()),
            split: format!(
                "{} folds of {grouped}. In each fold the whole procedure, with its search and the choice of targets, ran on the \
                 other folds, and its test cases took part in no choice. The delivered model follows the setting that the \
                 folds agree on, on all cases.",
                self.folds
            ),
            criteria_fixed: format!(
                "At {} % confidence: target cases improve; correct cases lose at most {}; accuracy over all cases rises; no \
                 subgroup of at least 30 cases falls by more than {}; the calibration error grows by at most {}.",
                100.0 * gate.confidence,
                points(gate.margin_correct),
                points(gate.margin_subgroup),
                points(gate.margin_calibration)
            ),
            residual_risks: vec![
                "The numbers describe the procedure on cases like these; data of another origin can behave otherwise.".to_owned(),
                "The delivered model was trained on all cases and has itself no untouched test case here.".to_owned(),
                "The subtypes were found once, from all failures, the test cases of the folds among them. What the folds repeat, and \
                 what the numbers therefore judge, is what was done about these subtypes, not how they were found."
                    .to_owned(),
                "Subgroups that no metadata column names were not examined.".to_owned(),
            ],
        }
    }
}

/// The first run's repair, with the verdict of every run, and the methods with means and standard deviations over all runs.
/// Subtypes are found anew with every seed, so that theirs stay those of the first.
pub(super) fn over_runs((seed, first): (u64, &mut page::Repair), others: &[page::ReportInput]) {
    let same = |other: &&page::Repair| other.name == first.name;
    let others: Vec<(u64, &page::Repair)> = others
        .iter()
        .flat_map(|input| input.repairs.iter().filter(same).map(|repair| (input.facts.seed, repair)))
        .collect();
    if !others.is_empty() {
        let own = run(seed, first);
        first.runs = std::iter::once(own).chain(others.iter().map(|(seed, r)| run(*seed, r))).collect();
    }
    let field = |pick: fn(&page::RepairMethodRow) -> Option<page::Measure>, row: &page::RepairMethodRow| {
        let same = others.iter().flat_map(|(_, r)| &r.methods).filter(|other| other.method == row.method);
        let values: Vec<Option<f64>> =
            std::iter::once(row).chain(same).map(|r| pick(r).map(|m| m.mean)).collect();
        Summary::of(&values).map(|s| page::Measure { mean: s.mean, std: s.std, ..page::Measure::default() })
    };
    for row in &mut first.methods {
        let all = (field(|r| r.target, row), field(|r| r.correct, row), field(|r| r.all, row));
        (row.target, row.correct, row.all) = all;
    }
}

/// What a run came to, for the table of runs.
fn run(seed: u64, repair: &page::Repair) -> page::RepairRun {
    page::RepairRun {
        seed,
        target: repair.target.clone(),
        accepted: repair.accepted,
        reason: repair.reason.clone(),
        model: repair.model.clone(),
        repaired: repair.after.target,
        kept: repair.after.correct,
        before: repair.before.all,
        after: repair.after.all,
    }
}

fn estimate(share: Share, confidence: f64) -> Option<page::Estimate> {
    let interval = wilson(share.right, share.of, confidence).ok();
    (share.of > 0).then(|| page::Estimate {
        value: share.value(),
        lo: interval.map(|i| i.0),
        hi: interval.map(|i| i.1),
    })
}

fn criterion(c: &Criterion) -> page::Criterion {
    page::Criterion {
        name: c.name.as_str().to_owned(),
        question: c.question.clone(),
        estimate: c.estimate.map(|value| page::Estimate {
            value,
            lo: c.interval.map(|i| i.0),
            hi: c.interval.map(|i| i.1),
        }),
        level: Some(c.level),
        margin: Some(c.margin),
        p: c.p,
        cases: c.cases as u64,
        passed: c.passed,
        needed: c.needed.map(|n| n as u64),
        reason: c.reason.clone(),
    }
}

fn row(
    method: &str,
    settings: &str,
    (test, subtypes): (&Score, &[Share]),
    delivered: bool,
) -> page::RepairMethodRow {
    let measure = |share: &Share| {
        (share.of > 0).then(|| page::Measure { mean: share.value(), ..page::Measure::default() })
    };
    page::RepairMethodRow {
        method: method.to_owned(),
        settings: settings.to_owned(),
        per_subtype: subtypes.iter().map(measure).collect(),
        target: measure(&test.target),
        correct: measure(&test.correct),
        all: measure(&test.all),
        seconds: None,
        delivered,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_are_averaged_over_runs_by_name() {
        let run = |all: f64| {
            let share = Share { right: (all * 100.0) as usize, of: 100 };
            let test = Score { all: share, ..Score::default() };
            let methods =
                vec![row("none", "", (&Score::default(), &[]), false), row("auto", "", (&test, &[]), true)];
            page::Repair { methods, ..page::Repair::default() }
        };
        let mut first = page::Repair { accepted: Some(true), ..run(0.6) };
        let second = page::Repair { accepted: Some(false), ..run(0.8) };
        let facts = page::Facts { seed: 8, ..page::Facts::default() };
        let other = page::ReportInput { facts, repairs: vec![second], ..page::ReportInput::default() };
        over_runs((7, &mut first), &[other]);
        let runs: Vec<_> = first.runs.iter().map(|run| (run.seed, run.accepted)).collect();
        assert_eq!(runs, [(7, Some(true)), (8, Some(false))]);
        let all = first.methods[1].all.map(|m| ((m.mean * 100.0).round(), (m.std * 100.0).round()));
        assert_eq!((all, first.methods[0].all), (Some((70.0, 10.0)), None));
    }
}
