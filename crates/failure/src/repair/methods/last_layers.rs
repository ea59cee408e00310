//! Only the last layers move.

use super::super::recipe::{Recipe, Replay, Trainable};
use super::{Given, Method, at_rates};

/// What the first layers see stays as it is.
pub(super) struct LastLayers;

impl Method for LastLayers {
    fn name(&self) -> &'static str {
        "last-layers"
    }

    fn summary(&self) -> &'static str {
        "only the last layers are fine-tuned"
    }

    fn recipes(&self, given: Given) -> Vec<Recipe> {
        let plain = Recipe { replay: Replay::PerFailure(4.0), epochs: 12, ..Recipe::PLAIN };
        let some = [1, 3].into_iter().filter(|&last| last == 1 || last < given.layers);
        some.flat_map(|last| at_rates(Recipe { trainable: Trainable::LastLayers(last), ..plain })).collect()
    }
}
