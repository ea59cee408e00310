//! The search of a method: follows each recipe, looks at the validation side, keeps the best weights.

use std::sync::atomic::{AtomicUsize, Ordering};

use modelmend_data::split::Part;
use modelmend_net::Parameters;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::guard::Guard;
use super::knowledge::Knowledge;
use super::methods::Method;
use super::optimize::optimize;
use super::recipe::Recipe;
use super::task::{Aim, Score, Task};
use crate::error::{FailureError, Result};
use crate::judge::Judge;
use modelmend_learn::monitor::Monitor;

/// Where a recipe did best on the validation side.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Setting {
    /// What was followed.
    pub recipe: Recipe,
    /// Epochs; 0 is the unrepaired model.
    pub epoch: usize,
    /// Position between the weights before (0) and after (1).
    pub blend: f64,
}

impl std::fmt::Display for Setting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}, epoch {}", self.recipe, self.epoch)?;
        if self.blend < 1.0 { write!(f, ", {} of the way", self.blend) } else { Ok(()) }
    }
}

/// What a recipe came to.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// Where it did best.
    pub setting: Setting,
    /// How it did there, on the validation side.
    pub validation: Score,
    /// The weights there.
    pub parameters: Parameters<f32>,
}

/// Looks for the best weights that a method comes to; an attempt for each recipe that was followed, the best first.
///
/// # Errors
/// As [`optimize`].
pub fn search(
    task: &Task<'_>,
    (method, recipes): (&dyn Method, &[Recipe]),
    knowledge: &Knowledge,
    monitor: &dyn Monitor,
) -> Result<Vec<Attempt>> {
    let search = Search { task, method, knowledge, aim: aim(method, task.margin), monitor };
    let mut attempts = if method.in_turn() { search.in_turn(recipes)? } else { search.halved(recipes)? };
    rank(&mut attempts, search.aim);
    Ok(attempts)
}

/// What every recipe of a search is followed with.
struct Search<'a> {
    task: &'a Task<'a>,
    method: &'a dyn Method,
    knowledge: &'a Knowledge,
    aim: Aim,
    monitor: &'a dyn Monitor,
}

impl Search<'_> {
    /// Follows one recipe after another until one is better than the unrepaired model.
    fn in_turn(&self, recipes: &[Recipe]) -> Result<Vec<Attempt>> {
        let mut attempts = Vec::new();
        for recipe in recipes {
            let attempt = self.follow(recipe, self.aim, &self.progress(recipe.epochs))?;
            let better = attempt.setting.epoch > 0;
            attempts.push(attempt);
            if better {
                break;
            }
        }
        Ok(attempts)
    }

    /// Follows the beginning of every recipe side by side, then the most promising ones to their end (successive halving, Jamieson
    /// and Talwalkar, arXiv 1502.07943, with one round).
    fn halved(&self, recipes: &[Recipe]) -> Result<Vec<Attempt>> {
        let finalists = recipes.len().div_ceil(FINALISTS);
        let beginning =
            |recipe: &Recipe| Recipe { epochs: recipe.epochs.min(self.method.screening()), ..*recipe };
        let longest = recipes.iter().map(|r| r.epochs).max().unwrap_or(0);
        let begun: usize = recipes.iter().map(|r| beginning(r).epochs).sum();
        let progress = self.progress(begun + finalists * longest);
        let of_beginnings = self.aim.of_beginnings();
        let begin = |recipe: &Recipe| {
            let begun = self.follow(&beginning(recipe), of_beginnings, &progress)?;
            Ok(Attempt { setting: Setting { recipe: *recipe, ..begun.setting }, ..begun })
        };
        let mut attempts: Vec<Attempt> = match finalists == recipes.len() {
            true => Vec::new(),
            false => recipes.par_iter().map(begin).collect::<Result<_>>()?,
        };
        rank(&mut attempts, of_beginnings);
        let promising = attempts.iter().map(|a| a.setting.recipe).chain(recipes.iter().copied());
        let promising: Vec<Recipe> = promising.take(finalists).collect();
        attempts.retain(|a| !promising.contains(&a.setting.recipe));
        let ends = promising.par_iter().map(|recipe| self.follow(recipe, self.aim, &progress));
        attempts.extend(ends.collect::<Result<Vec<_>>>()?);
        Ok(attempts)
    }

    fn progress(&self, of: usize) -> Progress<'_> {
        Progress { monitor: self.monitor, done: AtomicUsize::new(0), of }
    }

    /// Follows one recipe as long as the validation side improves.
    fn follow(&self, recipe: &Recipe, aim: Aim, progress: &Progress<'_>) -> Result<Attempt> {
        let Self { task, method, knowledge, .. } = *self;
        let start = task.problem.parameters();
        let mut best = Attempt {
            setting: Setting { recipe: *recipe, epoch: 0, blend: 1.0 },
            validation: task.score(start, Part::Validation)?,
            parameters: start.clone(),
        };
        let mut guard = Guard::new(task, recipe);
        converged(optimize(task, recipe, (start, knowledge), progress.monitor, |epoch, weights| {
            progress.epoch();
            for &blend in method.blends() {
                let parameters = between(start, weights, blend);
                let validation = task.score(&parameters, Part::Validation)?;
                if validation.rank(aim) > best.validation.rank(aim) && guard.holds(&parameters)? {
                    best = Attempt {
                        setting: Setting { recipe: *recipe, epoch, blend },
                        validation,
                        parameters,
                    };
                }
            }
            guard.after(epoch, weights)?;
            Ok(epoch - best.setting.epoch < recipe.patience)
        }))?;
        Ok(best)
    }
}

/// One of so many recipes is followed to its end.
const FINALISTS: usize = 4;

/// Share of what the gate allows that a choice may use up: the gate's confidence bound has to stay inside as well.
const USED: f64 = 2.0 / 3.0;

/// What a method aims at under a gate with this margin.
pub(super) fn aim(method: &dyn Method, margin: f64) -> Aim {
    method.aim(USED * margin)
}

/// Sorts attempts, the best first; the first of equals stays first.
pub(super) fn rank(attempts: &mut [Attempt], aim: Aim) {
    attempts.sort_by_key(|a| std::cmp::Reverse(a.validation.rank(aim)));
}

/// Counts the epochs of all recipes.
struct Progress<'a> {
    monitor: &'a dyn Monitor,
    done: AtomicUsize,
    /// Most epochs there can be; a recipe can stop early.
    of: usize,
}

impl Progress<'_> {
    fn epoch(&self) {
        let done = self.done.fetch_add(1, Ordering::Relaxed) + 1;
        self.monitor.progress(done.min(self.of), self.of);
    }
}

/// The weights at the end of every recipe that does not diverge, whatever the validation side says.
///
/// # Errors
/// As [`optimize`].
pub fn ends(
    task: &Task<'_>,
    recipes: &[Recipe],
    knowledge: &Knowledge,
    monitor: &dyn Monitor,
) -> Result<Vec<Parameters<f32>>> {
    let of = recipes.iter().map(|r| r.epochs).sum();
    let progress = Progress { monitor, done: AtomicUsize::new(0), of };
    let end = |recipe: &Recipe| {
        let start = task.problem.parameters();
        let mut end = start.clone();
        let done = converged(optimize(task, recipe, (start, knowledge), monitor, |epoch, weights| {
            progress.epoch();
            if epoch == recipe.epochs {
                end.clone_from(weights);
            }
            Ok(true)
        }))?;
        Ok(done.then_some(end))
    };
    Ok(recipes.par_iter().map(end).collect::<Result<Vec<_>>>()?.into_iter().flatten().collect())
}

/// Whether a recipe came to its end: one whose steps are too large for the network is no error where there are others.
fn converged(outcome: Result<()>) -> Result<bool> {
    match outcome {
        Err(FailureError::Diverged { .. }) => Ok(false),
        other => other.map(|()| true),
    }
}

/// Repeats a setting: as many epochs, the same position on the way.
///
/// # Errors
/// As [`optimize`].
pub fn repeat(
    task: &Task<'_>,
    setting: &Setting,
    knowledge: &Knowledge,
    monitor: &dyn Monitor,
) -> Result<Parameters<f32>> {
    let start = task.problem.parameters();
    let mut last = start.clone();
    if setting.epoch == 0 {
        return Ok(last);
    }
    // Step sizes may depend on how many epochs the whole recipe has.
    optimize(task, &setting.recipe, (start, knowledge), monitor, |epoch, weights| {
        if epoch == setting.epoch {
            last = between(start, weights, setting.blend);
        }
        Ok(epoch < setting.epoch)
    })?;
    Ok(last)
}

/// `(1 - blend) x start + blend x end`; the very bits of `end` at 1, and of any weight that did not move.
pub fn between(start: &Parameters<f32>, end: &Parameters<f32>, blend: f64) -> Parameters<f32> {
    let mut mixed = end.clone();
    if blend >= 1.0 {
        return mixed;
    }
    let blend = blend as f32;
    for (mixed, start) in mixed.iter_mut().zip(start.iter()) {
        mixed.data_mut().iter_mut().zip(start.data()).for_each(|(m, s)| *m = s + blend * (*m - s));
    }
    mixed
}
