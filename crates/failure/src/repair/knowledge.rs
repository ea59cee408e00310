//! What a repair has to know of the unrepaired model, if its recipe asks for it.

use modelmend_data::split::Part;
use modelmend_net::Parameters;

use super::causes::{pulls, strongest};
use super::fisher::fisher;
use super::recipe::{Anchor, Failures, Recipe};
use super::task::Task;
use crate::error::Result;
use crate::judge::Judge;
use crate::matrix::Target;
use modelmend_learn::monitor::Monitor;

/// What recipes ask for, computed once for all of them.
#[derive(Clone, Debug, Default)]
pub struct Knowledge {
    /// Fisher information of the weights on correct training cases.
    pub fisher: Option<Parameters<f32>>,
    /// Cases that the model was trained on and that pull toward the target failures, the strongest first.
    pub causes: Vec<usize>,
}

impl Knowledge {
    /// What these recipes ask for, from the training side alone.
    ///
    /// # Errors
    /// Execution errors, interruption.
    pub fn of(task: &Task<'_>, recipes: &[Recipe], monitor: &dyn Monitor) -> Result<Self> {
        let mut knowledge = Self::default();
        if recipes.iter().any(|r| matches!(r.anchor, Anchor::Fisher { .. })) {
            knowledge.fisher = Some(fisher(task.problem, &task.layout.correct(Part::Train), monitor)?);
        }
        if recipes.iter().any(|r| matches!(r.failures, Failures::Causes(_))) {
            knowledge.causes = causes(task, monitor)?;
        }
        Ok(knowledge)
    }
}

fn causes(task: &Task<'_>, monitor: &dyn Monitor) -> Result<Vec<usize>> {
    let training: Vec<usize> = (task.analysed..task.problem.count()).collect();
    let failures = |&subtype: &usize| task.layout.target(Target::Subtype(subtype), Part::Train);
    let sets: Vec<Vec<usize>> = task.targets.iter().map(failures).collect();
    let pulls = pulls(task.problem, &sets, &training, monitor)?;
    let scores = strongest(&pulls).into_iter().map(|(_, score)| score);
    let mut ranked: Vec<(f64, usize)> = scores.zip(training).collect();
    ranked.retain(|(score, _)| *score > 0.0);
    ranked.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    Ok(ranked.into_iter().map(|(_, case)| case).collect())
}
