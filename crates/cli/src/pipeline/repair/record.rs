//! A repair as `results.json` has it, and the hashes of what it stands on.

use std::collections::BTreeMap;
use std::fmt::Display;

use modelmend_failure::Judge;
use modelmend_failure::problem::Prediction;
use modelmend_failure::repair::gate::Criterion;
use modelmend_failure::repair::task::{Score, Share};
use modelmend_net::Model;
use modelmend_study::Hash;
use modelmend_study::record::{
    CheckResult, CriterionResult, Effect, MethodResult, RepairResult, SettingResult, ShareResult,
    SharesResult, SubgroupResult,
};

use super::{Judged, Repaired, Tried, Work};
use crate::pipeline::causes::Causes;
use crate::pipeline::divide::Setting;

impl Work<'_> {
    /// What the repair used and made.
    pub(super) fn hashes(&self, repaired: &Model) -> Vec<(String, String)> {
        let file = |model: &Model| Hash::of(&model.to_bytes());
        let folds: Vec<usize> = self.folds.iter().map(|fold| fold + 1).collect();
        let folds = listed(&self.setting.subject.cases.ids, &folds);
        let training = self.training.map(|hash| ("training cases: names and labels", hash));
        let all = [
            ("model before, as it is written", file(self.setting.problem.model())),
            ("repaired model", file(repaired)),
            ("folds: `id` and `fold` of cases.parquet", folds),
        ];
        all.into_iter().chain(training).map(|(what, hash)| (what.to_owned(), hash.to_string())).collect()
    }
}

/// The hash of lines `name, tabulator, value`.
pub(super) fn listed(names: &[String], values: &[impl Display]) -> Hash {
    let lines = names.iter().zip(values).map(|(name, value)| format!("{name}\t{value}\n"));
    Hash::of(lines.collect::<String>().as_bytes())
}

impl Repaired {
    /// The numbers of `results.json`; those before and after are cross-fitted.
    pub(crate) fn result(&self, setting: &Setting<'_>) -> RepairResult {
        let before = &setting.judged.predictions;
        let effect = |after: &[Prediction]| Effect {
            target: self.share(after, |case| self.targeted[case]).value(),
            correct: self.share(after, |case| before[case].correct).value(),
            all: self.share(after, |_| true).value(),
        };
        let refusals = self.refusals();
        let check = |passed, detail: &String| CheckResult { passed, detail: detail.clone() };
        RepairResult {
            target: self.targets.iter().map(|t| (t + 1).to_string()).collect(),
            before: effect(before),
            after: effect(&self.crossed),
            accepted: refusals.is_empty(),
            model: Some(format!("models/{}", self.file())),
            refusals,
            gate: self.verdict.criteria.iter().map(|c| (c.name.as_str().to_owned(), criterion(c))).collect(),
            subgroups: self.judged_subgroups(),
            methods: self.method_results(setting),
            audit: self.audit.iter().map(|c| (c.what.clone(), check(c.passed, &c.detail))).collect(),
            hashes: self.hashes.iter().cloned().collect(),
            causes: self.causes.as_ref().map(Causes::result),
        }
    }

    fn judged_subgroups(&self) -> BTreeMap<String, BTreeMap<String, SubgroupResult>> {
        let mut columns = BTreeMap::<String, BTreeMap<String, SubgroupResult>>::new();
        for s in &self.verdict.subgroups {
            let (cases, before, after, change) = (s.cases as u64, s.before, s.after, s.change);
            let result = SubgroupResult { cases, before, after, change, p: s.p, passed: s.passed };
            columns.entry(s.column.clone()).or_default().insert(s.value.clone(), result);
        }
        columns
    }

    fn method_results(&self, setting: &Setting<'_>) -> BTreeMap<String, MethodResult> {
        let tried = |tried: &Tried| {
            let best = tried.attempts.first();
            let result = MethodResult {
                delivered: tried.method == self.method.name(),
                test: best.map(|best| shares(&best.test, &best.subtypes)).unwrap_or_default(),
                settings: tried.attempts.iter().map(setting_result).collect(),
            };
            (tried.method.clone(), result)
        };
        let unrepaired = self.unrepaired(setting).map(|(test, subtypes)| {
            let result = MethodResult { test: shares(&test, &subtypes), ..MethodResult::default() };
            ("none".to_owned(), result)
        });
        self.methods.iter().map(tried).chain(unrepaired).collect()
    }
}

fn setting_result(judged: &Judged) -> SettingResult {
    SettingResult {
        setting: judged.setting.to_string(),
        epoch: judged.setting.epoch as u64,
        blend: judged.setting.blend,
        validation: shares(&judged.validation, &[]),
        test: shares(&judged.test, &judged.subtypes),
    }
}

fn shares(score: &Score, subtypes: &[Share]) -> SharesResult {
    SharesResult {
        target: share(&score.target),
        correct: share(&score.correct),
        all: share(&score.all),
        subtypes: subtypes.iter().map(share).collect(),
    }
}

fn share(share: &Share) -> ShareResult {
    ShareResult {
        right: share.right as u64,
        of: share.of as u64,
        share: (share.of > 0).then(|| share.value()),
    }
}

fn criterion(c: &Criterion) -> CriterionResult {
    CriterionResult {
        passed: c.passed,
        estimate: c.estimate,
        interval: c.interval.map(|(low, high)| [low, high]),
        level: c.level,
        margin: c.margin,
        p: c.p,
        cases: c.cases as u64,
        needed: c.needed.map(|n| n as u64),
        reason: c.reason.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_named_by_its_names_and_its_values() {
        let names = ["a", "b"].map(str::to_owned);
        let hash = listed(&names, &[0, 1]);
        assert_eq!(hash, Hash::of(b"a\t0\nb\t1\n"));
        assert_ne!(hash, listed(&names, &[1, 0]));
    }
}
