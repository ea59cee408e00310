//! The cross-fit: folds, the procedure in each of them, their answers case by case.

use anyhow::Result;
use modelmend_data::split::{Part, assign};
use modelmend_failure::matrix::Layout;
use modelmend_failure::problem::Prediction;
use modelmend_failure::repair::methods::Method;
use modelmend_study::artifact::Artifact;
use modelmend_study::scope::Scope;
use modelmend_study::step::StepName;
use rayon::prelude::*;

use super::{Tried, Work};
use crate::pipeline::context::{Context, Listen, Title};
use crate::pipeline::divide::Setting;

impl Work<'_> {
    /// The whole procedure in every fold: its test cases take no part in any choice. The first fold is the study's own
    /// split, which `first` has already been through.
    pub(super) fn cross_fit(&self, method: &dyn Method, first: Tried) -> Result<Vec<Tried>> {
        let title = Title { name: StepName::Repair, label: "cross-fit", version: 3 };
        let key = (self.key(method, &self.aimed), &self.folds);
        let step = self.context.step(title, key, &[self.setting.judged.hash], |scope| {
            let others = self.gate().folds as usize - 1;
            let parts = (0..others).into_par_iter().map(|part| {
                let run = |scope: &Scope<'_>| {
                    self.search((&self.fold(part + 1), &self.aimed), method, &Listen(scope))
                };
                scope.part(part, others, run).map(|part| part.value)
            });
            Ok(Artifact::new(parts.collect::<Result<Vec<Tried>>>()?))
        })?;
        Ok(std::iter::once(first).chain(step.artifact.value).collect())
    }

    /// The cases as a fold takes them: its own for the test, those of the next to choose by, all others to learn from.
    fn fold(&self, fold: usize) -> Layout {
        let next = (fold + 1) % self.gate().folds as usize;
        let side = |&own: &usize| match own {
            own if own == fold => Part::Test,
            own if own == next => Part::Validation,
            _ => Part::Train,
        };
        let mut part: Vec<Part> = self.folds.iter().map(side).collect();
        part.resize(self.layout.part.len(), Part::Train);
        Layout { part, ..self.layout.clone() }
    }

    /// Joins the folds case by case.
    pub(super) fn crossed(&self, folds: &[Tried]) -> (Vec<Prediction>, Vec<bool>) {
        let mut next = vec![0; folds.len()];
        let mut targeted = Vec::with_capacity(self.folds.len());
        let mut after = Vec::with_capacity(self.folds.len());
        for (case, &number) in self.folds.iter().enumerate() {
            let (fold, at) = (&folds[number], next[number]);
            next[number] += 1;
            let class = fold.after.class[at];
            let correct = class == self.setting.subject.targets[case];
            let (confidence, loss) = (fold.after.confidence[at], fold.after.loss[at]);
            after.push(Prediction { class, confidence, loss, correct });
            targeted.push(self.layout.subtype[case].is_some_and(|s| fold.targets.contains(&s)));
        }
        (after, targeted)
    }
}

/// The test side of the study's split is the first fold; all other cases are dealt by whole groups, balanced over correct
/// cases and the failures of each subtype.
pub(super) fn folds(
    context: &Context<'_>,
    setting: &Setting<'_>,
    layout: &Layout,
    count: usize,
) -> Result<Vec<usize>> {
    let stratum = |case: usize| match (layout.failure[case], layout.subtype[case]) {
        (false, _) => 0,
        (true, None) => 1,
        (true, Some(subtype)) => subtype + 2,
    };
    let rest: Vec<usize> = (0..layout.part.len()).filter(|&case| layout.part[case] != Part::Test).collect();
    let strata: Vec<Vec<usize>> = rest.iter().map(|&case| vec![stratum(case)]).collect();
    let groups = setting.subject.cases.groups.as_ref();
    let groups: Option<Vec<String>> = groups.map(|g| rest.iter().map(|&case| g[case].clone()).collect());
    let shares = vec![1.0 / (count - 1) as f64; count - 1];
    let dealt = assign(&strata, groups.as_deref(), &shares, context.seed)?.parts;
    let mut folds = vec![0; layout.part.len()];
    rest.into_iter().zip(dealt).for_each(|(case, part)| folds[case] = part + 1);
    Ok(folds)
}
