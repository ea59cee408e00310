//! The optimisation behind every method: draws cases, adds what holds the weights back, takes the step.

use std::collections::VecDeque;

use modelmend_data::split::Part;
use modelmend_net::optim::{Adam, AdamSettings};
use modelmend_net::{Graph, Parameters, Settings};
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::adapter::Adapter;
use super::distillation::Distillation;
use super::features::Features;
use super::knowledge::Knowledge;
use super::recipe::{Anchor, Failures, Recipe, Replay, Trainable};
use super::task::Task;
use crate::augment::{Augmentation, augment};
use crate::draw::draw;
use crate::error::{FailureError, Result};
use crate::judge::Judge;
use crate::matrix::Target;
use modelmend_learn::monitor::Monitor;

/// Follows a recipe from `start` and calls `look(epoch, weights)` after every epoch until it says stop. `knowledge` is
/// what recipes ask for.
///
/// # Errors
/// Execution errors, a loss that is not finite, interruption, a recipe that asks for what is not known.
pub fn optimize(
    task: &Task<'_>,
    recipe: &Recipe,
    (start, knowledge): (&Parameters<f32>, &Knowledge),
    monitor: &dyn Monitor,
    mut look: impl FnMut(usize, &Parameters<f32>) -> Result<bool>,
) -> Result<()> {
    let mut run = Run::new(task, recipe, (start, knowledge))?;
    let mut recent = VecDeque::new();
    for epoch in 1..=run.epochs() {
        monitor.check()?;
        run.epoch(epoch)?;
        let go_on = match recipe.average {
            0 | 1 => look(epoch, &run.weights)?,
            last => {
                recent.push_back(run.weights.clone());
                recent.drain(..recent.len().saturating_sub(last));
                look(epoch, &mean(run.weights.clone(), &recent))?
            }
        };
        if !go_on {
            break;
        }
    }
    Ok(())
}

/// The mean of the newest weights, which are the last of `recent`, and the others; weights that never moved keep their bits.
fn mean(newest: Parameters<f32>, recent: &VecDeque<Parameters<f32>>) -> Parameters<f32> {
    let mut total = newest;
    for (index, one) in recent.iter().rev().skip(1).enumerate() {
        let share = 1.0 / (index + 2) as f32;
        for (t, w) in total.iter_mut().zip(one.iter()) {
            t.data_mut().iter_mut().zip(w.data()).for_each(|(t, w)| *t += share * (w - *t));
        }
    }
    total
}

/// The state of one optimisation.
struct Run<'a> {
    task: &'a Task<'a>,
    recipe: &'a Recipe,
    start: &'a Parameters<f32>,
    knowledge: &'a Knowledge,
    weights: Parameters<f32>,
    moving: Moving,
    pools: Pools,
    teacher: Option<Vec<Vec<f32>>>,
    /// What the frozen layers make of the cases, where these stay as they are.
    features: Option<Features>,
    rng: ChaCha8Rng,
}

/// What the optimiser moves.
enum Moving {
    Weights { adam: Box<Adam<f32>>, trained: Vec<bool> },
    Adapter(Box<Adapter>),
}

impl Moving {
    fn set_learning_rate(&mut self, learning_rate: f64) {
        match self {
            Self::Weights { adam, .. } => adam.set_learning_rate(learning_rate),
            Self::Adapter(adapter) => adapter.set_learning_rate(learning_rate),
        }
    }
}

/// Cases that are drawn from.
struct Pools {
    target: Vec<usize>,
    failures: Vec<usize>,
    /// The failures of each target subtype, where they are learned one after another.
    stages: Vec<Vec<usize>>,
    /// Training cases that are unlearned, in order of case.
    unlearned: Vec<usize>,
    correct: Vec<usize>,
    /// The quarter of the correct cases that the unrepaired model is least sure of.
    boundary: Vec<usize>,
}

impl<'a> Run<'a> {
    fn new(
        task: &'a Task<'a>,
        recipe: &'a Recipe,
        (start, knowledge): (&'a Parameters<f32>, &'a Knowledge),
    ) -> Result<Self> {
        if matches!(recipe.anchor, Anchor::Fisher { .. }) && knowledge.fisher.is_none() {
            return Err(FailureError::invalid("this repair needs the Fisher information of the model"));
        }
        let adam = AdamSettings { learning_rate: recipe.learning_rate, ..AdamSettings::default() };
        let trained: Vec<bool> =
            frozen(task.problem.graph(), recipe.trainable).iter().map(|frozen| !frozen).collect();
        let pools = Pools::new(task, recipe, knowledge)?;
        let features = match !recipe.augment && trained.contains(&false) {
            true => Features::new(task.problem, start, &trained, pools.all())?,
            false => None,
        };
        let moving = match recipe.trainable {
            Trainable::LowRank(rank) => Moving::Adapter(Box::new(Adapter::new(start, rank, adam, task.seed))),
            _ => Moving::Weights { adam: Box::new(Adam::new(start, adam)), trained },
        };
        let teacher = match recipe.distill > 0.0 {
            true => Some(task.problem.probabilities(task.problem.parameters(), &pools.correct)?),
            false => None,
        };
        let rng = ChaCha8Rng::seed_from_u64(task.seed);
        Ok(Self {
            task,
            recipe,
            start,
            knowledge,
            weights: start.clone(),
            moving,
            pools,
            teacher,
            features,
            rng,
        })
    }

    /// Epochs of the whole recipe.
    fn epochs(&self) -> usize {
        match self.recipe.failures {
            Failures::OneByOne(each) => self.recipe.epochs.min(each * self.pools.stages.len()),
            _ => self.recipe.epochs,
        }
    }

    fn epoch(&mut self, epoch: usize) -> Result<()> {
        let order = self.pools.order(self.recipe, epoch, &mut self.rng);
        let mut total = 0.0;
        let mut seen = 0;
        for cases in order.chunks(self.recipe.batch_size.max(1)) {
            let done = (epoch - 1) as f64 + seen as f64 / order.len() as f64;
            self.moving.set_learning_rate(self.recipe.learning_rate_at(done / self.epochs() as f64));
            seen += cases.len();
            total += self.step(cases)?;
        }
        if f64::is_finite(total) {
            return Ok(());
        }
        Err(FailureError::Diverged { epoch, learning_rate: self.recipe.learning_rate })
    }

    /// One step along the gradient of the mean loss; returns the summed loss.
    fn step(&mut self, cases: &[usize]) -> Result<f64> {
        let problem = self.task.problem;
        let labels = problem.targets_of(cases);
        let soft = |case: &usize| {
            let teacher = self.teacher.as_ref()?;
            self.pools.correct.binary_search(case).ok().and_then(|at| teacher.get(at)).map(Vec::as_slice)
        };
        let soft: Vec<Option<&[f32]>> = cases.iter().map(soft).collect();
        let weights: Vec<f32> =
            cases.iter().map(|case| self.pools.sign(*case) / cases.len() as f32).collect();
        let loss =
            Distillation { labels: &labels, teacher: &soft, share: self.recipe.distill, weights: &weights };
        let (runtime, inputs) = match &self.features {
            Some(features) => (&features.rest.runtime, features.of(cases)?),
            None => {
                let mut input = problem.input(cases)?;
                if self.recipe.augment {
                    augment(&mut input, Augmentation { flips: true, rotations: true }, &mut self.rng);
                }
                (problem.runtime(), vec![input])
            }
        };
        let settings = Settings::training(0);
        let mut gradient = match &self.moving {
            Moving::Weights { trained, .. } => {
                runtime.gradient_of(trained, &self.weights, &inputs, &[&loss], settings)?
            }
            Moving::Adapter(_) => runtime.gradient(&self.weights, &inputs, &[&loss], false, settings)?,
        };
        let total: f64 = gradient.losses.iter().map(|&l| f64::from(l)).sum();
        pull(
            self.recipe.anchor,
            (&self.weights, self.start),
            self.knowledge.fisher.as_ref(),
            &mut gradient.parameters,
        );
        match &mut self.moving {
            // A weight whose gradient was zero from the beginning keeps its bits: nothing pulls at it either.
            Moving::Weights { adam, .. } => adam.step(&mut self.weights, &gradient.parameters),
            Moving::Adapter(adapter) => adapter.step(self.start, &gradient.parameters, &mut self.weights),
        }
        runtime.recycle(gradient);
        Ok(total * cases.len() as f64)
    }
}

/// Which parameters must keep their bits.
pub(crate) fn frozen(graph: &Graph, trainable: Trainable) -> Vec<bool> {
    let layers = graph.layers();
    let count = graph.parameters().len();
    let Trainable::LastLayers(last) = trainable else { return vec![false; count] };
    let mut frozen = vec![true; count];
    for layer in layers.iter().rev().take(last) {
        layer.parameters.iter().for_each(|&p| frozen[p] = false);
    }
    frozen
}

/// Adds the gradient of the anchor: `strength x (Fisher + prior) x (weight - start)`.
pub(crate) fn pull(
    anchor: Anchor,
    (weights, start): (&Parameters<f32>, &Parameters<f32>),
    fisher: Option<&Parameters<f32>>,
    gradient: &mut Parameters<f32>,
) {
    let (strength, prior) = match anchor {
        Anchor::None => return,
        Anchor::Distance(strength) => (strength as f32, 1.0),
        Anchor::Fisher { strength, prior } => (strength as f32, prior as f32),
    };
    let fisher = fisher.filter(|_| matches!(anchor, Anchor::Fisher { .. }));
    let mut information = fisher.map(Parameters::iter);
    for ((g, w), s) in gradient.iter_mut().zip(weights.iter()).zip(start.iter()) {
        let information = information.as_mut().and_then(Iterator::next).map(|f| f.data());
        for (i, ((g, w), s)) in g.data_mut().iter_mut().zip(w.data()).zip(s.data()).enumerate() {
            let stiffness = prior + information.and_then(|f| f.get(i)).copied().unwrap_or(0.0);
            *g += strength * stiffness * (w - s);
        }
    }
}

impl Pools {
    fn new(task: &Task<'_>, recipe: &Recipe, knowledge: &Knowledge) -> Result<Self> {
        let target = task.target(Part::Train);
        let failures = match recipe.failures {
            Failures::Target | Failures::OneByOne(_) => target.clone(),
            Failures::All => task.failures(Part::Train),
            Failures::Causes(count) => knowledge.causes.iter().copied().take(count).collect(),
        };
        let of_subtype = |&subtype: &usize| task.layout.target(Target::Subtype(subtype), Part::Train);
        let stages = match recipe.failures {
            Failures::OneByOne(_) => task.targets.iter().map(of_subtype).collect(),
            _ => Vec::new(),
        };
        let mut unlearned =
            if matches!(recipe.failures, Failures::Causes(_)) { failures.clone() } else { Vec::new() };
        unlearned.sort_unstable();
        let correct = task.layout.correct(Part::Train);
        let mut boundary = Vec::new();
        if matches!(recipe.replay, Replay::Boundary(_)) {
            let sure = task.problem.predict(task.problem.parameters(), &correct)?;
            let mut ranked: Vec<(f32, usize)> =
                sure.iter().map(|p| p.confidence).zip(correct.iter().copied()).collect();
            ranked.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
            boundary = ranked.into_iter().take(correct.len().div_ceil(4)).map(|(_, case)| case).collect();
        }
        Ok(Self { target, failures, stages, unlearned, correct, boundary })
    }

    /// All cases that any epoch may draw.
    fn all(&self) -> Vec<usize> {
        [&self.failures, &self.target, &self.correct].into_iter().flatten().copied().collect()
    }

    /// Whether the loss of a case is to fall (1) or to rise (-1).
    fn sign(&self, case: usize) -> f32 {
        if self.unlearned.binary_search(&case).is_ok() { -1.0 } else { 1.0 }
    }

    /// The cases of one epoch. Where correct cases are few for each failure both are spread evenly, so that each batch
    /// holds them in that proportion.
    fn order(&self, recipe: &Recipe, epoch: usize, rng: &mut ChaCha8Rng) -> Vec<usize> {
        let stage = match recipe.failures {
            Failures::OneByOne(each) => Some((epoch - 1) / each.max(1)),
            _ => None,
        };
        let (mut order, target) = match stage {
            None => (self.failures.clone(), &self.target),
            Some(stage) => {
                let known = self.stages.iter().take(stage + 1);
                (known.flatten().copied().collect(), self.stages.get(stage).unwrap_or(&self.target))
            }
        };
        (1..recipe.emphasis.max(1)).for_each(|_| order.extend(target));
        let wanted = |ratio: f64| (ratio * order.len() as f64).round() as usize;
        let replayed = match recipe.replay {
            Replay::None => Vec::new(),
            Replay::All => self.correct.clone(),
            Replay::PerFailure(ratio) => draw(&self.correct, wanted(ratio), rng),
            Replay::Boundary(ratio) => {
                let count = wanted(ratio);
                let mut drawn = draw(&self.boundary, count / 2, rng);
                drawn.extend(draw(&self.correct, count - count / 2, rng));
                drawn
            }
        };
        order.shuffle(rng);
        spread(order, replayed, rng)
    }
}

/// Two lists merged so that every stretch holds both in the same proportion, each position drawn within its stretch.
fn spread(first: Vec<usize>, mut second: Vec<usize>, rng: &mut ChaCha8Rng) -> Vec<usize> {
    second.shuffle(rng);
    let mut places: Vec<(f64, usize)> = Vec::with_capacity(first.len() + second.len());
    for list in [first, second] {
        let step = 1.0 / list.len().max(1) as f64;
        let placed = list.into_iter().enumerate();
        places.extend(placed.map(|(i, case)| ((i as f64 + rng.random::<f64>()) * step, case)));
    }
    places.sort_by(|a, b| a.0.total_cmp(&b.0));
    places.into_iter().map(|(_, case)| case).collect()
}
