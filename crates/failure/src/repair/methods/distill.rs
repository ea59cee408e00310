//! Distillation from the unrepaired model.

use super::super::recipe::{Recipe, Replay};
use super::{Given, Method};

/// On correct cases the repaired model is asked for the probabilities of the unrepaired one (Li and Hoiem, arXiv
/// 1606.09282).
pub(super) struct Distill;

impl Method for Distill {
    fn name(&self) -> &'static str {
        "distill"
    }

    fn summary(&self) -> &'static str {
        "on correct cases the model before is the teacher"
    }

    fn recipes(&self, _: Given) -> Vec<Recipe> {
        let plain = Recipe { replay: Replay::PerFailure(4.0), epochs: 12, ..Recipe::PLAIN };
        let shares = [0.5, 1.0].into_iter();
        shares.flat_map(|distill| super::at_rates(Recipe { distill, ..plain })).collect()
    }
}
