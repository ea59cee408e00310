//! The steps of a repair: every method on the study's split, the delivered one cross-fitted, the gate.

mod cases;
mod deliver;
mod folds;
mod record;
mod verdict;

use anyhow::{Context as _, Result, bail};
use modelmend_data::split::Part;
use modelmend_failure::matrix::Layout;
use modelmend_failure::problem::Prediction;
use modelmend_failure::repair::audit::Check;
use modelmend_failure::repair::gate::Verdict;
use modelmend_failure::repair::methods::{Given, Method, method};
use modelmend_failure::repair::procedure::{Aimed, Outcome, given, procedure};
use modelmend_failure::repair::recipe::Recipe;
use modelmend_failure::repair::search::{Attempt, Setting as Found};
use modelmend_failure::repair::task::{Score, Share, Task};
use modelmend_failure::{Judge, Problem};
use modelmend_learn::monitor::Monitor;
use modelmend_net::Model;
use modelmend_study::Hash;
use modelmend_study::artifact::Artifact;
use modelmend_study::schema::{Gate, Repair, RepairMethod, RepairTarget};
use modelmend_study::step::StepName;
use serde::{Deserialize, Serialize};

use super::causes::{Causes, Rehearsed, causes};
use super::context::{Context, Title, Watch};
use super::divide::{Division, Setting};
pub(crate) use cases::Known;
use cases::numbers;
use folds::folds;

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
    /// The training cases behind the failures, where the study names what the model was trained on.
    pub(crate) causes: Option<Causes>,
    /// The fold in which each case is a test case, counted from 0.
    pub(crate) fold_of: Vec<usize>,
    /// What was used and made, each with its hash.
    pub(crate) hashes: Vec<(String, String)>,
    /// Runs of the study before this one.
    pub(crate) run: u64,
}

/// A method on one split, whose test side took no part in any choice.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Tried {
    /// Its name.
    pub(crate) method: String,
    /// Subtypes that it reached or was given.
    pub(crate) targets: Vec<usize>,
    /// What came of each recipe, the best on validation data first.
    pub(crate) attempts: Vec<Judged>,
    /// What the best says of the test cases, in their order.
    after: Answers,
}

/// Predictions, a column for each part.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Answers {
    class: Vec<usize>,
    confidence: Vec<f32>,
    loss: Vec<f32>,
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

/// Runs the `repair:` section of a study. `except` are subtypes that look mislabelled, with the reasons: they are not
/// learned, and a repair that was asked to learn one is refused.
pub(crate) fn repair(
    context: &Context<'_>,
    setting: &Setting<'_>,
    section: &Repair,
    (division, except): (&Division, Vec<(usize, String)>),
    (known, bootstrap, run): (Known, u32, u64),
) -> Result<Repaired> {
    let (work, rehearsed) = Work::new(context, setting, section, (division, &except), (known, bootstrap))?;
    let causes = work.causes(rehearsed)?;
    let mut methods = Vec::new();
    let delivered = work.delivered()?;
    let first = work.tried(delivered, &work.aimed)?;
    let targets = first.targets.clone();
    for &name in &section.methods {
        let Some(other) = named(name).filter(|m| m.name() != delivered.name()) else { continue };
        methods.push(work.tried(other, &Aimed { targets: Some(targets.clone()), ..work.aimed.clone() })?);
    }
    methods.push(first.clone());
    let folds = work.cross_fit(delivered, first)?;
    let chosen = combine(&folds).context("the cross-fit has no fold")?;
    let (model, audit) = work.deliver(&chosen, &targets)?;
    let (crossed, targeted) = work.crossed(&folds);
    let verdict = work.verdict(&crossed, &targeted)?;
    let hashes = work.hashes(&model);
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
        causes,
        fold_of: work.folds,
        hashes,
        run,
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
    /// Names the rehearsed cases and their labels, where there are any.
    training: Option<Hash>,
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
        (known, bootstrap): (Known, u32),
    ) -> Result<(Self, Option<Rehearsed>)> {
        let layout = setting.trial.layout(&division.subtyping);
        let targets = match &section.target {
            RepairTarget::Auto(_) => None,
            RepairTarget::Subtypes(chosen) => Some(numbers(chosen, layout.subtypes)?),
        };
        let except = except.iter().map(|(subtype, _)| *subtype).collect();
        let aimed = Aimed { targets, except, analysed: setting.problem.count() };
        let folds = folds(context, setting, &layout, section.gate.folds as usize)?;
        let layout = known.layout(layout);
        let Known { problem, rehearsed, hash: cases, .. } = known;
        let idle = |m: &&dyn Method| m.recipes(given(&problem, &aimed)).is_empty();
        if let Some(idle) = section.methods.iter().copied().filter_map(named).find(idle) {
            bail!(
                "repair.methods: `{}` needs what the model was trained on: name data.training_split",
                idle.name()
            );
        }
        let training = rehearsed.as_ref().map(|r| record::listed(&r.cases.ids, &r.cases.labels));
        let work =
            Self { context, setting, section, layout, aimed, problem, cases, training, folds, bootstrap };
        Ok((work, rehearsed))
    }

    /// The method whose model is delivered: the one that the study names for it, else the default where it is compared, else
    /// the last one compared.
    fn delivered(&self) -> Result<&'static dyn Method> {
        let last = self.section.methods.iter().rev().copied().find_map(named);
        let auto = self.section.methods.contains(&RepairMethod::Auto).then(|| method("auto")).flatten();
        let asked = self.section.deliver.and_then(named);
        asked.or(auto).or(last).context("repair.methods: names no method that repairs")
    }

    fn gate(&self) -> &Gate {
        &self.section.gate
    }

    fn key(&self, method: &dyn Method, aimed: &Aimed) -> impl Serialize {
        let given = given(&self.problem, aimed);
        // What the product chooses it repairs as if asked for it.
        let recipes = [given, Given { targeted: true, ..given }].map(|given| method.recipes(given));
        let labels = serde_json::to_value((&self.layout.subtype, &self.layout.failure)).unwrap_or_default();
        (
            method.name(),
            recipes,
            (method.blends().to_vec(), method.screening(), method.in_turn()),
            aimed.clone(),
            (labels, self.cases),
            self.gate().margin_correct,
            self.context.seed,
        )
    }

    /// Which training cases pulled toward the failures that may be learned.
    fn causes(&self, rehearsed: Option<Rehearsed>) -> Result<Option<Causes>> {
        let (except, analysed) = (&self.aimed.except, self.aimed.analysed);
        let hashes = [self.setting.judged.hash, self.cases];
        causes(self.context, (&self.problem, &self.layout), (except, analysed), (rehearsed, &hashes))
    }

    /// A method on the study's split.
    fn tried(&self, method: &dyn Method, aimed: &Aimed) -> Result<Tried> {
        let title = Title { name: StepName::Repair, label: method.name(), version: 3 };
        let inputs = [self.setting.judged.hash, self.setting.trial.parts_hash];
        let step = self.context.step(title, self.key(method, aimed), &inputs, |scope| {
            self.search((&self.layout, aimed), method, &Watch(scope))
        })?;
        Ok(step.artifact.value)
    }

    fn task<'t>(&'t self, layout: &'t Layout, targets: &'t [usize], except: &'t [usize]) -> Task<'t> {
        Task {
            problem: &self.problem,
            layout,
            analysed: self.aimed.analysed,
            targets,
            except,
            margin: self.gate().margin_correct,
            seed: self.context.seed,
        }
    }

    /// The whole procedure on one split, judged on its test side.
    fn search(
        &self,
        (layout, aimed): (&Layout, &Aimed),
        method: &dyn Method,
        monitor: &dyn Monitor,
    ) -> Result<Artifact<Tried>> {
        let how = (self.gate().margin_correct, self.context.seed);
        let Outcome { targets, attempts } = procedure((&self.problem, layout), aimed, method, how, monitor)?;
        let best = attempts.first().context("the method tried nothing")?;
        let cases: Vec<usize> = (0..self.folds.len()).filter(|&c| layout.part[c] == Part::Test).collect();
        let after = self.problem.predict(&best.parameters, &cases)?;
        let except = self.aimed.excluded();
        let task = self.task(layout, &targets, &except);
        let judged = attempts.iter().map(|attempt| judged(&task, attempt)).collect::<Result<_>>()?;
        Ok(Artifact::new(Tried {
            method: method.name().to_owned(),
            attempts: judged,
            after: Answers {
                class: after.iter().map(|p| p.class).collect(),
                confidence: after.iter().map(|p| p.confidence).collect(),
                loss: after.iter().map(|p| p.loss).collect(),
            },
            targets,
        }))
    }
}

fn judged(task: &Task<'_>, attempt: &Attempt) -> Result<Judged> {
    let shares = (0..task.layout.subtypes).map(|subtype| {
        let only = Task { targets: &[subtype], ..*task };
        Ok(only.score(&attempt.parameters, Part::Test)?.target)
    });
    Ok(Judged {
        setting: attempt.setting,
        validation: attempt.validation,
        test: task.score(&attempt.parameters, Part::Test)?,
        subtypes: shares.collect::<Result<_>>()?,
    })
}

/// The recipe that most folds chose, of equals the one that gained more cases on their validation sides, with the medians of its epochs
/// and positions in these folds: the delivered model is what the procedure that was judged would choose.
fn combine(folds: &[Tried]) -> Option<Found> {
    let mut recipes: Vec<(Recipe, Vec<Found>, i64)> = Vec::new();
    for Judged { setting, validation, .. } in folds.iter().filter_map(|fold| fold.attempts.first()) {
        let gained = validation.all.right as i64 - validation.correct.of as i64;
        match recipes.iter_mut().find(|(recipe, ..)| *recipe == setting.recipe) {
            Some((_, settings, total)) => {
                settings.push(*setting);
                *total += gained;
            }
            None => recipes.push((setting.recipe, vec![*setting], gained)),
        }
    }
    let better =
        |a: &(Recipe, Vec<Found>, i64), b: &(Recipe, Vec<Found>, i64)| (b.1.len(), b.2) > (a.1.len(), a.2);
    let (recipe, settings, _) = recipes.into_iter().reduce(|a, b| if better(&a, &b) { b } else { a })?;
    let mut epochs: Vec<usize> = settings.iter().map(|s| s.epoch).collect();
    let mut blends: Vec<f64> = settings.iter().map(|s| s.blend).collect();
    epochs.sort_unstable();
    blends.sort_by(f64::total_cmp);
    let middle = settings.len() / 2;
    Some(Found { recipe, epoch: *epochs.get(middle)?, blend: *blends.get(middle)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_delivered_recipe_is_the_one_that_most_folds_chose() {
        let [slow, fast] = [1e-5, 1e-4].map(|learning_rate| Recipe { learning_rate, ..Recipe::PLAIN });
        let tried = |recipe, epoch, right| Judged {
            setting: Found { recipe, epoch, blend: 1.0 },
            validation: Score { all: Share { right, of: 100 }, ..Score::default() },
            test: Score::default(),
            subtypes: vec![],
        };
        let fold = |attempts| Tried {
            method: "auto".to_owned(),
            targets: vec![0],
            attempts,
            after: Answers::default(),
        };
        let folds = [
            fold(vec![tried(slow, 3, 96), tried(fast, 5, 89)]),
            fold(vec![tried(fast, 9, 50), tried(slow, 4, 40)]),
            fold(vec![tried(fast, 7, 45), tried(slow, 1, 40)]),
        ];
        assert_eq!(combine(&folds), Some(Found { recipe: fast, epoch: 9, blend: 1.0 }));
        assert_eq!(
            combine(&folds[..2]),
            Some(Found { recipe: slow, epoch: 3, blend: 1.0 }),
            "of equals the better"
        );
        assert_eq!(combine(&[]), None);
    }
}
