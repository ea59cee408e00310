//! The cases of a repair: what is analysed, what is rehearsed, what is to be repaired.

use std::collections::BTreeSet;

use anyhow::{Result, bail};
use modelmend_data::split::Part;
use modelmend_failure::matrix::Layout;
use modelmend_failure::{Judge, Problem};
use modelmend_study::Hash;

use crate::pipeline::causes::Rehearsed;
use crate::pipeline::divide::Setting;
use crate::pipeline::subject::Labelled;

/// All that a repair may learn from.
pub(crate) struct Known {
    /// The analysed cases and after them the cases that the model was trained on: rehearsing them keeps what it knows. Training cases
    /// of a group that is analysed are left out, since they would bring its test cases along.
    pub(crate) problem: Problem,
    /// The cases that the model was trained on, where the study names them.
    pub(super) rehearsed: Option<Rehearsed>,
    /// Names the cases: the cache must not take one set of rehearsed cases for another.
    pub(crate) hash: Hash,
    /// On which of the rehearsed cases the model fails.
    failed: Vec<bool>,
}

impl Known {
    pub(crate) fn new(setting: &Setting<'_>, training: Option<Labelled>) -> Result<Self> {
        let subject = setting.subject;
        let mut cases = subject.cases.clone();
        let mut targets = subject.targets.clone();
        let mut rehearsed = None;
        if let Some(training) = training {
            let (groups, analysed) = (training.cases.groups.as_deref(), subject.cases.groups.as_deref());
            let kept = apart(groups, analysed, training.cases.count());
            let own = training.cases.select(&kept);
            cases = cases.join(own.clone())?;
            targets.extend(kept.iter().map(|&case| training.targets[case]));
            let planted = training.planted.map(|all| kept.iter().map(|&case| all[case].clone()).collect());
            rehearsed = Some(Rehearsed { cases: own, planted, names: training.names });
        }
        let problem = Problem::new(setting.problem.model().clone(), &cases, targets)?;
        let more: Vec<usize> = (subject.cases.count()..problem.count()).collect();
        let right = problem.correct(problem.parameters(), &more)?;
        let failed = right.into_iter().map(|right| !right).collect();
        Ok(Self { problem, rehearsed, hash: Hash::of(cases.ids.join("\n").as_bytes()), failed })
    }

    /// The layout of the analysed cases, with the others on the training side.
    pub(crate) fn layout(&self, mut analysed: Layout) -> Layout {
        analysed.failure.extend(&self.failed);
        analysed.part.resize(self.problem.count(), Part::Train);
        analysed.subtype.resize(self.problem.count(), None);
        analysed
    }
}

/// The training cases, of so many, whose group is not analysed.
fn apart(training: Option<&[String]>, analysed: Option<&[String]>, count: usize) -> Vec<usize> {
    let analysed: BTreeSet<&String> = analysed.into_iter().flatten().collect();
    let group = |case: usize| training.and_then(|groups| groups.get(case));
    (0..count).filter(|&case| group(case).is_none_or(|group| !analysed.contains(group))).collect()
}

/// Subtypes of a study file, which count from 1.
pub(super) fn numbers(chosen: &[u32], subtypes: usize) -> Result<Vec<usize>> {
    let number = |&n: &u32| match (n as usize).checked_sub(1) {
        Some(index) if index < subtypes => Ok(index),
        _ => bail!("repair.target: there is no subtype {n}; there are {subtypes}, counted from 1"),
    };
    chosen.iter().map(number).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_that_is_analysed_is_not_rehearsed() {
        let names = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let (training, analysed) = (names("a b c b"), names("b d"));
        assert_eq!(apart(Some(&training), Some(&analysed), 4), [0, 2]);
        assert_eq!(apart(None, Some(&analysed), 2), [0, 1]);
    }

    #[test]
    fn subtypes_of_a_study_count_from_one() {
        assert_eq!(numbers(&[1, 3], 3).ok(), Some(vec![0, 2]));
        assert!(numbers(&[0], 3).is_err() && numbers(&[4], 3).is_err());
    }
}
