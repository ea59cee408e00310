//! The steps of a repair: every method on the study's split, the delivered one cross-fitted, the gate.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result, bail};
use modelmend_data::split::{Part, assign};
use modelmend_failure::Problem;
use modelmend_failure::matrix::Layout;
use modelmend_failure::problem::Prediction;
use modelmend_failure::repair::audit::{Check, audit};
use modelmend_failure::repair::gate::{Evidence, Verdict, judge};
use modelmend_failure::repair::methods::{Method, method};
use modelmend_failure::repair::procedure::{Aimed, Outcome, given, information, procedure};
use modelmend_failure::repair::recipe::Anchor;
use modelmend_failure::repair::search::{Attempt, Setting as Found, repeat};
use modelmend_failure::repair::task::{Score, Share, Task};
use modelmend_net::Model;
use modelmend_study::Hash;
use modelmend_study::artifact::Artifact;
use modelmend_study::schema::{Gate, Repair, RepairMethod, RepairTarget};
use modelmend_study::scope::Scope;
use modelmend_study::step::StepName;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::context::{Context, Listen, Title};
use super::divide::{Division, Setting};
use super::gate;
use super::subject::Labelled;

/// Everything that a repair came to.
pub(crate) struct Repaired {
    /// Subtypes that the study asked for or the product chose, counted from 0.
    pub(crate) targets: Vec<usize>,
    /// The delivered method.
    pub(crate) method: &'static dyn Method,
    /// How the delivered model was made.
    pub(crate) setting: Found,
    /// Every method on the study's own split.
    pub(crate) methods: Vec<Tried>,
    /// Predictions of the cross-fitted models, each on cases that no choice of its own touched.
    pub(crate) crossed: Vec<Prediction>,
    /// Whether each case belongs to a subtype that was repaired in its fold.
    pub(crate) targeted: Vec<bool>,
    /// Subtype of each case; `None` for correct cases and failures that were set aside.
    pub(crate) subtypes: Vec<Option<usize>>,
    /// Why the targets must not be repaired at all, where they look mislabelled.
    pub(crate) mislabelled: Vec<String>,
    /// What the gate says.
    pub(crate) verdict: Verdict,
    /// The delivered model.
    pub(crate) model: Model,
    /// What the product checked of its own work.
    pub(crate) audit: Vec<Check>,
    /// Number of folds.
    pub(crate) folds: usize,
    /// Settings of the gate.
    pub(crate) gate: Gate,
}

/// A method on the study's own split.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Tried {
    /// Its name.
    pub(crate) method: String,
    /// Subtypes that it reached or was given.
    pub(crate) targets: Vec<usize>,
    /// What came of each recipe, the best on validation data first.
    pub(crate) attempts: Vec<Judged>,
}

/// What came of a recipe.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Judged {
    /// Where it did best on the validation side.
    pub(crate) setting: Found,
    /// How it did there.
    pub(crate) validation: Score,
    /// How it does on the test side.
    pub(crate) test: Score,
    /// Right test cases of each subtype.
    pub(crate) subtypes: Vec<Share>,
}

/// One fold of the cross-fit: predictions on its test cases, in the order of the cases.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Fold {
    targets: Vec<usize>,
    settings: Vec<(Found, Score)>,
    class: Vec<usize>,
    confidence: Vec<f32>,
    loss: Vec<f32>,
}

impl Repaired {
    /// Why the repair is refused; empty where it is accepted.
    pub(crate) fn refusals(&self) -> Vec<String> {
        let gate = self.verdict.refusals().map(|c| format!("{}: {}.", c.name.as_str(), c.reason));
        self.mislabelled.iter().cloned().chain(gate).collect()
    }
}

/// Runs the `repair:` section of a study. `except` are subtypes that look mislabelled, with the reasons: they are not
/// learned, and a repair that was asked to learn one is refused.
pub(crate) fn repair(
    context: &Context<'_>,
    setting: &Setting<'_>,
    section: &Repair,
    (division, except): (&Division, Vec<(usize, String)>),
    (training, bootstrap): (Option<Labelled>, u32),
) -> Result<Repaired> {
    let work = Work::new(context, setting, section, (division, &except), (training, bootstrap))?;
    let mut methods = Vec::new();
    let delivered = work.delivered()?;
    let first = work.tried(delivered, &work.aimed)?;
    let targets = first.targets.clone();
    for &name in &section.methods {
        let Some(other) = named(name).filter(|m| m.name() != delivered.name()) else { continue };
        methods.push(work.tried(other, &Aimed { targets: Some(targets.clone()), ..work.aimed.clone() })?);
    }
    methods.push(first);
    let folds = work.cross_fit(delivered)?;
    let chosen = combine(&folds).context("the cross-fit has no fold")?;
    let (model, audit) = work.deliver(&chosen, &targets)?;
    let (crossed, targeted) = work.crossed(&folds);
    let verdict = work.verdict(&crossed, &targeted)?;
    let asked = |(subtype, why): &(usize, String)| {
        targets.contains(subtype).then(|| format!("target {}: {why}.", subtype + 1))
    };
    Ok(Repaired {
        mislabelled: except.iter().filter_map(asked).collect(),
        targets,
        method: delivered,
        setting: chosen,
        methods,
        crossed,
        targeted,
        subtypes: work.layout.subtype.into_iter().take(work.folds.len()).collect(),
        verdict,
        model,
        audit,
        folds: section.gate.folds as usize,
        gate: section.gate,
    })
}

fn named(name: RepairMethod) -> Option<&'static dyn Method> {
    let text = serde_json::to_value(name).ok()?;
    text.as_str().and_then(method)
}

struct Work<'a> {
    context: &'a Context<'a>,
    setting: &'a Setting<'a>,
    section: &'a Repair,
    layout: Layout,
    aimed: Aimed,
    /// The analysed cases, and after them those that the model was trained on.
    problem: Problem,
    /// Names the cases of the problem: the cache must not take one set of rehearsed cases for another.
    cases: Hash,
    /// The fold in which each case is a test case.
    folds: Vec<usize>,
    /// Bootstrap replicates of the gate.
    bootstrap: u32,
}

impl<'a> Work<'a> {
    fn new(
        context: &'a Context<'a>,
        setting: &'a Setting<'a>,
        section: &'a Repair,
        (division, except): (&Division, &[(usize, String)]),
        (training, bootstrap): (Option<Labelled>, u32),
    ) -> Result<Self> {
        let mut layout = setting.layout(&division.subtyping);
        let targets = match &section.target {
            RepairTarget::Auto(_) => None,
            RepairTarget::Subtypes(chosen) => Some(numbers(chosen, layout.subtypes)?),
        };
        let aimed = Aimed { targets, except: except.iter().map(|(subtype, _)| *subtype).collect() };
        let folds = folds(context, setting, &layout, section.gate.folds as usize)?;
        let (problem, cases) = joined(setting, training, &mut layout)?;
        Ok(Self { context, setting, section, layout, aimed, problem, cases, folds, bootstrap })
    }

    /// The method whose model is delivered: the default where the study names it, else the last one named.
    fn delivered(&self) -> Result<&'static dyn Method> {
        let last = self.section.methods.iter().rev().copied().find_map(named);
        let auto = self.section.methods.contains(&RepairMethod::Auto).then(|| method("auto")).flatten();
        auto.or(last).context("repair.methods: names no method that repairs")
    }

    fn gate(&self) -> &Gate {
        &self.section.gate
    }

    fn key(&self, method: &dyn Method, aimed: &Aimed) -> impl Serialize {
        let recipes = method.recipes(given(&self.problem, aimed));
        let labels = serde_json::to_value((&self.layout.subtype, &self.layout.failure)).unwrap_or_default();
        (
            method.name(),
            recipes,
            (method.blends().to_vec(), method.screening()),
            aimed.clone(),
            (labels, self.cases),
            self.gate().margin_correct,
            self.context.seed,
        )
    }

    /// A method on the study's split.
    fn tried(&self, method: &dyn Method, aimed: &Aimed) -> Result<Tried> {
        let title = Title { name: StepName::Repair, label: method.name(), version: 1 };
        let inputs = [self.setting.judged.hash, self.setting.parts_hash];
        let step = self.context.step(title, self.key(method, aimed), &inputs, |scope| {
            let found = self.search((&self.layout, aimed), method, scope)?;
            let except = self.aimed.excluded();
            let task = self.task(&self.layout, &found.targets, &except);
            let judged = |attempt: &Attempt| -> Result<Judged> {
                let shares = (0..self.layout.subtypes).map(|subtype| {
                    let one = [subtype];
                    let only = Task { targets: &one, ..task };
                    Ok(only.score(&attempt.parameters, Part::Test)?.target)
                });
                Ok(Judged {
                    setting: attempt.setting,
                    validation: attempt.validation,
                    test: task.score(&attempt.parameters, Part::Test)?,
                    subtypes: shares.collect::<Result<_>>()?,
                })
            };
            let attempts = found.attempts.iter().map(judged).collect::<Result<_>>()?;
            Ok(Artifact::new(Tried { method: method.name().to_owned(), targets: found.targets, attempts }))
        })?;
        Ok(step.artifact.value)
    }

    fn task<'t>(&'t self, layout: &'t Layout, targets: &'t [usize], except: &'t [usize]) -> Task<'t> {
        Task {
            problem: &self.problem,
            layout,
            targets,
            except,
            margin: self.gate().margin_correct,
            seed: self.context.seed,
        }
    }

    fn search(
        &self,
        (layout, aimed): (&Layout, &Aimed),
        method: &dyn Method,
        scope: &Scope<'_>,
    ) -> Result<Outcome> {
        let how = (self.gate().margin_correct, self.context.seed);
        Ok(procedure((&self.problem, layout), aimed, method, how, &Listen(scope))?)
    }

    /// The whole procedure in every fold: its test cases take no part in any choice.
    fn cross_fit(&self, method: &dyn Method) -> Result<Vec<Fold>> {
        let title = Title { name: StepName::Repair, label: "cross-fit", version: 1 };
        let key = (self.key(method, &self.aimed), &self.folds);
        let step = self.context.step(title, key, &[self.setting.judged.hash], |scope| {
            let count = self.gate().folds as usize;
            let parts = (0..count).into_par_iter().map(|fold| {
                scope.part(fold, count, |scope| self.fold(fold, count, method, scope)).map(|part| part.value)
            });
            Ok(Artifact::new(parts.collect::<Result<Vec<Fold>>>()?))
        })?;
        Ok(step.artifact.value)
    }

    fn fold(
        &self,
        fold: usize,
        count: usize,
        method: &dyn Method,
        scope: &Scope<'_>,
    ) -> Result<Artifact<Fold>> {
        let side = |&own: &usize| match own {
            own if own == fold => Part::Test,
            own if own == (fold + 1) % count => Part::Validation,
            _ => Part::Train,
        };
        let mut part: Vec<Part> = self.folds.iter().map(side).collect();
        part.resize(self.layout.part.len(), Part::Train);
        let layout = Layout { part, ..self.layout.clone() };
        let found = self.search((&layout, &self.aimed), method, scope)?;
        let best = found.attempts.first().context("the method tried nothing")?;
        let cases: Vec<usize> = (0..self.folds.len()).filter(|&c| self.folds[c] == fold).collect();
        let after = self.problem.predict(&best.parameters, &cases)?;
        Ok(Artifact::new(Fold {
            targets: found.targets,
            settings: found.attempts.iter().map(|a| (a.setting, a.validation)).collect(),
            class: after.iter().map(|p| p.class).collect(),
            confidence: after.iter().map(|p| p.confidence).collect(),
            loss: after.iter().map(|p| p.loss).collect(),
        }))
    }

    /// Joins the folds case by case.
    fn crossed(&self, folds: &[Fold]) -> (Vec<Prediction>, Vec<bool>) {
        let mut next = vec![0; folds.len()];
        let mut targeted = Vec::with_capacity(self.folds.len());
        let mut after = Vec::with_capacity(self.folds.len());
        for (case, &number) in self.folds.iter().enumerate() {
            let (fold, at) = (&folds[number], next[number]);
            next[number] += 1;
            let class = fold.class[at];
            let correct = class == self.setting.subject.targets[case];
            after.push(Prediction { class, confidence: fold.confidence[at], loss: fold.loss[at], correct });
            targeted.push(self.layout.subtype[case].is_some_and(|s| fold.targets.contains(&s)));
        }
        (after, targeted)
    }

    /// The setting that the folds agree on, followed on all cases, and what the product checks of it.
    fn deliver(&self, chosen: &Found, targets: &[usize]) -> Result<(Model, Vec<Check>)> {
        let title = Title { name: StepName::Repair, label: "delivered", version: 1 };
        let labels = (&self.layout.subtype, &self.layout.failure, self.cases);
        let key = (chosen, targets, self.aimed.excluded(), labels, self.context.seed);
        let problem = &self.problem;
        let start = problem.model();
        let step = self.context.step(title, key, &[self.setting.judged.hash], |scope| {
            let layout = Layout { part: vec![Part::Train; self.layout.part.len()], ..self.layout.clone() };
            let fisher = match chosen.recipe.anchor {
                Anchor::Fisher { .. } => Some(information(problem, &layout, &Listen(scope))?),
                _ => None,
            };
            let weights = repeat(
                &self.task(&layout, targets, &self.aimed.excluded()),
                chosen,
                fisher.as_ref(),
                &Listen(scope),
            )?;
            let checks =
                audit((start, &start.with_parameters(weights.clone())?), (&chosen.recipe, fisher.as_ref()));
            Ok(Artifact::new(checks).with_f32("weights", &weights.flatten()))
        })?;
        let weights = start.parameters().with_scalars(&step.artifact.f32("weights")?);
        let model = start.with_parameters(weights.context("a stored model of another shape")?)?;
        Ok((model, step.artifact.value))
    }

    fn verdict(&self, crossed: &[Prediction], targeted: &[bool]) -> Result<Verdict> {
        let all: Vec<usize> = (0..crossed.len()).collect();
        let columns = self.setting.subject.columns(&all);
        let groups = self.setting.subject.group_numbers();
        let evidence = Evidence {
            before: &self.setting.judged.predictions,
            after: crossed,
            target: targeted,
            groups: groups.as_deref(),
            subgroups: &gate::judged_subgroups(columns),
        };
        Ok(judge(&evidence, &gate::settings(self.gate(), (self.bootstrap, self.context.seed)))?)
    }
}

/// The analysed cases and after them, on the training side, the cases that the model was trained on: rehearsing them keeps
/// what it knows. Training cases of a group that is analysed are left out, since they would bring its test cases along.
fn joined(setting: &Setting<'_>, training: Option<Labelled>, layout: &mut Layout) -> Result<(Problem, Hash)> {
    let subject = setting.subject;
    let mut cases = subject.cases.clone();
    let mut targets = subject.targets.clone();
    if let Some(training) = training {
        let kept =
            apart(training.cases.groups.as_deref(), subject.cases.groups.as_deref(), training.cases.count());
        cases = cases.join(training.cases.select(&kept))?;
        targets.extend(kept.iter().map(|&case| training.targets[case]));
    }
    let problem = Problem::new(setting.problem.model().clone(), &cases, targets)?;
    let more: Vec<usize> = (layout.part.len()..problem.count()).collect();
    let right = problem.correct(problem.parameters(), &more)?;
    layout.failure.extend(right.into_iter().map(|right| !right));
    layout.part.resize(problem.count(), Part::Train);
    layout.subtype.resize(problem.count(), None);
    Ok((problem, Hash::of(cases.ids.join("\n").as_bytes())))
}

/// The training cases, of so many, whose group is not analysed.
fn apart(training: Option<&[String]>, analysed: Option<&[String]>, count: usize) -> Vec<usize> {
    let analysed: BTreeSet<&String> = analysed.into_iter().flatten().collect();
    let group = |case: usize| training.and_then(|groups| groups.get(case));
    (0..count).filter(|&case| group(case).is_none_or(|group| !analysed.contains(group))).collect()
}

/// Subtypes of a study file, which count from 1.
fn numbers(chosen: &[u32], subtypes: usize) -> Result<Vec<usize>> {
    let number = |&n: &u32| match (n as usize).checked_sub(1) {
        Some(index) if index < subtypes => Ok(index),
        _ => bail!("repair.target: there is no subtype {n}; there are {subtypes}, counted from 1"),
    };
    chosen.iter().map(number).collect()
}

/// Deals cases to folds by whole groups, balanced over correct cases and the failures of each subtype.
fn folds(context: &Context<'_>, setting: &Setting<'_>, layout: &Layout, count: usize) -> Result<Vec<usize>> {
    if count < 3 {
        bail!(
            "repair.gate.folds: {count} is too few; a fold needs others to learn from and to choose by, at least 3"
        );
    }
    let stratum = |case: usize| match (layout.failure[case], layout.subtype[case]) {
        (false, _) => 0,
        (true, None) => 1,
        (true, Some(subtype)) => subtype + 2,
    };
    let strata: Vec<Vec<usize>> = (0..layout.part.len()).map(|case| vec![stratum(case)]).collect();
    let shares = vec![1.0 / count as f64; count];
    Ok(assign(&strata, setting.subject.cases.groups.as_deref(), &shares, context.seed)?.parts)
}

/// The recipe with the most right cases over the validation sides of all folds, none where a fold dropped it early, with
/// the medians of its epochs and positions.
fn combine(folds: &[Fold]) -> Option<Found> {
    let mut recipes: Vec<(Found, usize)> = Vec::new();
    for fold in folds {
        for (setting, score) in &fold.settings {
            match recipes.iter_mut().find(|(known, _)| known.recipe == setting.recipe) {
                Some((_, right)) => *right += score.all.right,
                None => recipes.push((*setting, score.all.right)),
            }
        }
    }
    let (winner, _) = recipes.into_iter().reduce(|a, b| if b.1 > a.1 { b } else { a })?;
    let own =
        folds.iter().flat_map(|f| &f.settings).filter(|(s, _)| s.recipe == winner.recipe).map(|(s, _)| *s);
    let own: Vec<Found> = own.collect();
    let mut epochs: Vec<usize> = own.iter().map(|s| s.epoch).collect();
    let mut blends: Vec<f64> = own.iter().map(|s| s.blend).collect();
    epochs.sort_unstable();
    blends.sort_by(f64::total_cmp);
    let middle = own.len() / 2;
    Some(Found { epoch: *epochs.get(middle)?, blend: *blends.get(middle)?, ..winner })
}

#[cfg(test)]
mod tests {
    use super::*;
    use modelmend_failure::repair::recipe::Recipe;

    #[test]
    fn a_group_that_is_analysed_is_not_rehearsed() {
        let names = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let (training, analysed) = (names("a b c b"), names("b d"));
        assert_eq!(apart(Some(&training), Some(&analysed), 4), [0, 2]);
        assert_eq!(apart(None, Some(&analysed), 2), [0, 1]);
    }

    #[test]
    fn folds_agree_on_the_recipe_that_is_best_over_all_of_them() {
        let [slow, fast] = [1e-5, 1e-4].map(|learning_rate| Recipe { learning_rate, ..Recipe::PLAIN });
        let tried = |recipe, epoch, right| {
            let all = Share { right, of: 100 };
            (Found { recipe, epoch, blend: 1.0 }, Score { all, ..Score::default() })
        };
        let fold =
            |settings| Fold { targets: vec![0], settings, class: vec![], confidence: vec![], loss: vec![] };
        let folds = [
            fold(vec![tried(slow, 3, 90), tried(fast, 5, 89)]),
            fold(vec![tried(fast, 9, 95), tried(slow, 4, 80)]),
            fold(vec![tried(fast, 7, 91), tried(slow, 1, 90)]),
        ];
        assert_eq!(combine(&folds), Some(Found { recipe: fast, epoch: 7, blend: 1.0 }));
        assert_eq!(combine(&[]), None);
    }

    #[test]
    fn subtypes_of_a_study_count_from_one() {
        assert_eq!(numbers(&[1, 3], 3).ok(), Some(vec![0, 2]));
        assert!(numbers(&[0], 3).is_err() && numbers(&[4], 3).is_err());
    }
}
