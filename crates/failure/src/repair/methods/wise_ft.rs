//! Weights between before and after.

use super::super::recipe::{Recipe, Replay};
use super::{Given, Method, at_rates};

/// WiSE-FT (Wortsman et al., arXiv 2109.01903): fine-tuning, then the straight line between the weights before and after.
pub(super) struct WiseFt;

impl Method for WiseFt {
    fn name(&self) -> &'static str {
        "wise-ft"
    }

    fn summary(&self) -> &'static str {
        "fine-tuning, then weights between before and after"
    }

    fn recipes(&self, _: Given) -> Vec<Recipe> {
        at_rates(Recipe { replay: Replay::PerFailure(2.0), epochs: 12, ..Recipe::PLAIN })
    }

    fn blends(&self) -> &'static [f64] {
        &[0.2, 0.4, 0.6, 0.8, 1.0]
    }
}
