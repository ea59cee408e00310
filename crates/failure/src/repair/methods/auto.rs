//! The product's default.

use super::super::recipe::{Failures, Recipe, Replay};
use super::Method;

/// The combination that did best in our measurements (BENCHMARKS.md): all failures, target or not, with many correct
/// cases, flipped and turned, and weights between before and after.
pub(super) struct Auto;

impl Method for Auto {
    fn name(&self) -> &'static str {
        "auto"
    }

    fn summary(&self) -> &'static str {
        "the product's default"
    }

    fn recipes(&self, _: usize) -> Vec<Recipe> {
        let plain = Recipe {
            failures: Failures::All,
            replay: Replay::All,
            augment: true,
            batch_size: 16,
            epochs: 10,
            patience: 4,
            learning_rate: 8e-5,
            ..Recipe::PLAIN
        };
        [1, 3].map(|emphasis| Recipe { emphasis, ..plain }).to_vec()
    }

    fn blends(&self) -> &'static [f64] {
        &[0.5, 0.75, 1.0]
    }
}
