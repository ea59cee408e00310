//! Unlearning of the training cases behind the failures.

use super::super::recipe::{Anchor, Failures, Recipe, Replay};
use super::{Given, Method, at_rates};

/// The loss of the training cases that pull most toward the target failures is raised, while correct cases are replayed and
/// the weights are held by their Fisher information (Tanno et al., arXiv 2207.04806). Failures themselves are not learned.
pub(super) struct Unlearn;

/// Shares of the training cases that are unlearned.
const SHARES: [f64; 2] = [0.005, 0.02];

impl Method for Unlearn {
    fn name(&self) -> &'static str {
        "unlearn"
    }

    fn summary(&self) -> &'static str {
        "training cases that pulled toward the target failures are unlearned"
    }

    fn recipes(&self, given: Given) -> Vec<Recipe> {
        let count = |share: f64| (share * given.training as f64).round() as usize;
        let counts = SHARES.map(count).into_iter().filter(|&count| count > 0);
        let anchor = Anchor::Fisher { strength: 1e3, prior: 1e-4 };
        let recipe = |count| Recipe {
            failures: Failures::Causes(count),
            replay: Replay::PerFailure(8.0),
            anchor,
            epochs: 8,
            ..Recipe::PLAIN
        };
        counts.flat_map(|count| at_rates(recipe(count))).collect()
    }
}
