//! The product's default.

use super::super::recipe::{Failures, Recipe, Replay};
use super::{Given, Method};

/// The combination that did best in our measurements (BENCHMARKS.md): everything that is known is learned, failures of the
/// targets several times once these are known, images flipped and turned, in steps that fall to nothing, and then weights
/// between before and after.
pub(super) struct Auto;

/// Step sizes, the preferred one first: the other is for networks to which that does harm.
const RATES: [f64; 2] = [5e-4, 1e-4];
/// Epochs for known targets.
const EPOCHS: usize = 16;
/// Epochs after which it shows what can be reached.
const SCOUTED: usize = 4;
/// Passes over target failures once the targets are known.
const EMPHASIS: usize = 3;

impl Method for Auto {
    fn name(&self) -> &'static str {
        "auto"
    }

    fn summary(&self) -> &'static str {
        "all failures and all correct cases, in steps that fall to nothing, then weights between before and after"
    }

    fn recipes(&self, given: Given) -> Vec<Recipe> {
        let epochs = if given.targeted { EPOCHS } else { SCOUTED };
        let recipe = Recipe {
            failures: Failures::All,
            emphasis: if given.targeted { EMPHASIS } else { 1 },
            replay: Replay::All,
            augment: true,
            anneal: true,
            batch_size: 32,
            epochs,
            patience: epochs,
            ..Recipe::PLAIN
        };
        RATES.iter().map(|&learning_rate| Recipe { learning_rate, ..recipe }).collect()
    }

    fn in_turn(&self) -> bool {
        true
    }

    fn blends(&self) -> &'static [f64] {
        &[0.4, 0.6, 0.8, 1.0]
    }
}
