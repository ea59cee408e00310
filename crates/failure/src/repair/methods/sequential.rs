//! One subtype after another.

use super::super::recipe::{Failures, Recipe, Replay};
use super::{Given, Method, at_rates};

/// The target subtypes are learned one after another, the current one with emphasis; a guard refuses every epoch at which one
/// that was repaired before falls by more than the margin of the gate.
pub(super) struct Sequential;

/// Epochs for each subtype.
const EACH: usize = 4;
/// Most epochs in all.
const MOST: usize = 40;

impl Method for Sequential {
    fn name(&self) -> &'static str {
        "sequential"
    }

    fn summary(&self) -> &'static str {
        "target subtypes one after another, with a guard on those already repaired"
    }

    fn recipes(&self, _: Given) -> Vec<Recipe> {
        at_rates(Recipe {
            failures: Failures::OneByOne(EACH),
            emphasis: 2,
            replay: Replay::Boundary(4.0),
            epochs: MOST,
            patience: MOST,
            ..Recipe::PLAIN
        })
    }

    fn screening(&self) -> usize {
        2 * EACH
    }
}
