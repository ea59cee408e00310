//! What a repair is asked for, and how well weights do it.

use modelmend_data::split::Part;
use modelmend_net::Parameters;
use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::judge::Judge;
use crate::matrix::{Layout, Target};
use crate::problem::Problem;

/// A repair to be done: learn from the training side, choose by the validation side; the test side takes no part.
#[derive(Clone, Copy, Debug)]
pub struct Task<'a> {
    /// The unrepaired model and all cases.
    pub problem: &'a Problem,
    /// Subtypes, failures and sides.
    pub layout: &'a Layout,
    /// Number of cases that are analysed; those after them are what the model was trained on.
    pub analysed: usize,
    /// Subtypes to repair, counted from 0.
    pub targets: &'a [usize],
    /// Subtypes that must not be learned, such as label noise.
    pub except: &'a [usize],
    /// Accuracy on the correct validation cases that a choice may lose.
    pub margin: f64,
    /// Seed of all draws.
    pub seed: u64,
}

impl Task<'_> {
    /// Failures of the target subtypes on a side.
    pub fn target(&self, part: Part) -> Vec<usize> {
        let all = self.layout.target(Target::All, part);
        let wanted = |&c: &usize| self.layout.subtype[c].is_some_and(|s| self.targets.contains(&s));
        all.into_iter().filter(wanted).collect()
    }

    /// Failures on a side, without those that must not be learned.
    pub fn failures(&self, part: Part) -> Vec<usize> {
        let all = self.layout.target(Target::All, part);
        let learned = |&c: &usize| self.layout.subtype[c].is_none_or(|s| !self.except.contains(&s));
        all.into_iter().filter(learned).collect()
    }

    /// How weights do on the target failures of a side.
    ///
    /// # Errors
    /// Execution errors.
    pub fn target_share(&self, parameters: &Parameters<f32>, part: Part) -> Result<Share> {
        let mut share = Share::default();
        self.problem.correct(parameters, &self.target(part))?.into_iter().for_each(|right| share.add(right));
        Ok(share)
    }

    /// How weights do on a side.
    ///
    /// # Errors
    /// Execution errors.
    pub fn score(&self, parameters: &Parameters<f32>, part: Part) -> Result<Score> {
        let cases: Vec<usize> =
            (0..self.layout.part.len()).filter(|&c| self.layout.part[c] == part).collect();
        let right = self.problem.correct(parameters, &cases)?;
        let mut score = Score::default();
        for (&case, right) in cases.iter().zip(right) {
            let targeted = self.layout.subtype[case].is_some_and(|s| self.targets.contains(&s));
            score.all.add(right);
            match (self.layout.failure[case], targeted) {
                (false, _) => score.correct.add(right),
                (true, true) => score.target.add(right),
                (true, false) => {}
            }
        }
        Ok(score)
    }
}

/// Right cases among those of a set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Share {
    /// Right ones.
    pub right: usize,
    /// All.
    pub of: usize,
}

impl Share {
    fn add(&mut self, right: bool) {
        self.right += usize::from(right);
        self.of += 1;
    }

    /// As an accuracy; 0 of an empty set.
    pub fn value(&self) -> f64 {
        self.right as f64 / self.of.max(1) as f64
    }
}

/// Accuracies on one side.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Score {
    /// On the failures of the target subtypes.
    pub target: Share,
    /// On the cases that the unrepaired model gets right.
    pub correct: Share,
    /// On all cases.
    pub all: Share,
}

impl Score {
    /// Cases right in all, with those of the target counted once more.
    fn twice_the_target(&self) -> i64 {
        (self.all.right + self.target.right) as i64
    }

    /// What a choice maximises, compared from left to right.
    pub fn rank(&self, aim: Aim) -> (bool, i64, usize) {
        match aim {
            Aim::Harmless { margin } => {
                (self.correct.value() >= 1.0 - margin, self.twice_the_target(), self.target.right)
            }
            Aim::Overall => (true, self.twice_the_target(), self.target.right),
            Aim::Balanced => {
                let mean = (self.target.value() + self.correct.value()) / 2.0;
                (true, (mean * BALANCED_STEPS).round() as i64, self.target.right)
            }
        }
    }
}

/// What a method aims at on the validation side.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Aim {
    /// At most `margin` of the correct cases lost, then cases right in all, target cases counted twice.
    Harmless {
        /// Accuracy that the correct cases may lose.
        margin: f64,
    },
    /// Cases right in all, target cases counted twice.
    Overall,
    /// The mean of the accuracies on target and correct cases, whatever all cases say: how the literature's methods are
    /// shown, which otherwise would show nothing but the unrepaired model.
    Balanced,
}

impl Aim {
    /// What ranks the beginnings of recipes: few epochs of large steps can still harm where more of them would not.
    pub fn of_beginnings(self) -> Self {
        match self {
            Aim::Harmless { .. } => Aim::Overall,
            other => other,
        }
    }
}

/// Steps in which balanced accuracies are told apart.
const BALANCED_STEPS: f64 = 1e6;
