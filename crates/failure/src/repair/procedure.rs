//! The whole procedure of a repair, as it is repeated in every fold: search, and the choice of the targets.

use modelmend_data::split::Part;
use serde::{Deserialize, Serialize};

use super::knowledge::Knowledge;
use super::methods::{Given, Method};
use super::search::{Attempt, aim, rank, search};
use super::task::Task;
use crate::error::Result;
use crate::judge::Judge;
use crate::matrix::{Layout, Target};
use crate::problem::Problem;
use modelmend_learn::monitor::Monitor;

/// Which subtypes are to be repaired.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Aimed {
    /// These, counted from 0; without any, those that the repair reaches on the validation side.
    pub targets: Option<Vec<usize>>,
    /// Subtypes that must not be learned, such as label noise, unless they are targets.
    pub except: Vec<usize>,
    /// Number of cases that are analysed; those after them are what the model was trained on.
    pub analysed: usize,
}

impl Aimed {
    /// Subtypes that must not be learned.
    pub fn excluded(&self) -> Vec<usize> {
        let wanted = |s: &&usize| self.targets.as_ref().is_none_or(|t| !t.contains(s));
        self.except.iter().filter(wanted).copied().collect()
    }
}

/// What the procedure came to.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The subtypes that were repaired, counted from 0.
    pub targets: Vec<usize>,
    /// An attempt for each recipe, the best first.
    pub attempts: Vec<Attempt>,
}

/// A subtype is reached if this share of its validation failures is repaired.
const REACHED: f64 = 0.5;

/// Runs a method on the training side and chooses by the validation side. Where the user names no targets, the subtypes that the method
/// reaches are the targets, and a method that does more for targets that it is asked for then does it for these.
///
/// # Errors
/// As [`search`].
pub fn procedure(
    (problem, layout): (&Problem, &Layout),
    aimed: &Aimed,
    method: &dyn Method,
    (margin, seed): (f64, u64),
    monitor: &dyn Monitor,
) -> Result<Outcome> {
    let except = aimed.excluded();
    let rest = || (0..layout.subtypes).filter(|s| !except.contains(s)).collect();
    let targets: Vec<usize> = aimed.targets.clone().unwrap_or_else(rest);
    let analysed = aimed.analysed;
    let task = Task { problem, layout, analysed, targets: &targets, except: &except, margin, seed };
    let recipes = method.recipes(given(problem, aimed));
    let knowledge = Knowledge::of(&task, &recipes, monitor)?;
    let attempts = search(&task, (method, &recipes), &knowledge, monitor)?;
    let (None, Some(best)) = (&aimed.targets, attempts.first()) else {
        return Ok(Outcome { targets, attempts });
    };
    let targets = reached(&task, best)?;
    let task = Task { targets: &targets, ..task };
    let asked = Aimed { targets: Some(targets.clone()), ..aimed.clone() };
    let further = method.recipes(given(problem, &asked));
    if further.iter().all(|recipe| recipes.contains(recipe)) {
        return Ok(Outcome { targets, attempts });
    }
    let mut all = search(&task, (method, &further), &knowledge, monitor)?;
    for attempt in attempts {
        let validation = task.score(&attempt.parameters, Part::Validation)?;
        all.push(Attempt { validation, ..attempt });
    }
    rank(&mut all, aim(method, margin));
    Ok(Outcome { targets, attempts: all })
}

/// What a method is told about a problem.
pub fn given(problem: &Problem, aimed: &Aimed) -> Given {
    Given {
        layers: problem.graph().layers().len(),
        targeted: aimed.targets.is_some(),
        training: problem.count() - aimed.analysed,
    }
}

/// The subtypes that an attempt reaches; the one it comes nearest to where it reaches none.
fn reached(task: &Task<'_>, best: &Attempt) -> Result<Vec<usize>> {
    let mut shares = Vec::new();
    for &subtype in task.targets {
        let cases = task.layout.target(Target::Subtype(subtype), Part::Validation);
        let right = task.problem.correct(&best.parameters, &cases)?.into_iter().filter(|r| *r).count();
        shares.push((subtype, right as f64 / cases.len().max(1) as f64));
    }
    let mut chosen: Vec<usize> =
        shares.iter().filter(|(_, share)| *share >= REACHED).map(|(s, _)| *s).collect();
    if chosen.is_empty() {
        let nearest = shares.iter().copied().reduce(|a, b| if b.1 > a.1 { b } else { a });
        chosen.extend(nearest.map(|(s, _)| s));
    }
    Ok(chosen)
}
