//! Low-rank adapters, merged at the end.

use super::super::recipe::{Recipe, Replay, Trainable};
use super::{Given, Method};

/// LoRA (Hu et al., arXiv 2106.09685).
pub(super) struct LowRank;

impl Method for LowRank {
    fn name(&self) -> &'static str {
        "lora"
    }

    fn summary(&self) -> &'static str {
        "low-rank adapters, merged into the weights"
    }

    fn recipes(&self, _: Given) -> Vec<Recipe> {
        let plain = Recipe { replay: Replay::PerFailure(4.0), epochs: 12, ..Recipe::PLAIN };
        let recipe =
            |(rank, learning_rate)| Recipe { trainable: Trainable::LowRank(rank), learning_rate, ..plain };
        [(4, 2e-4), (4, 1e-3), (16, 2e-4)].map(recipe).to_vec()
    }
}
