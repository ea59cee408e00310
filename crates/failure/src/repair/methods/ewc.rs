//! Elastic weight consolidation.

use super::super::recipe::{Anchor, Failures, Recipe, Replay};
use super::super::task::Aim;
use super::{Given, Method, at_rates};

/// Weights that matter to the correct training cases are held back in proportion to their Fisher information (Kirkpatrick
/// et al., arXiv 1612.00796), on failures alone and with correct cases.
pub(super) struct Ewc;

/// Added to the Fisher information, as in METHODS 1.5.
const PRIOR: f64 = 1e-4;

impl Method for Ewc {
    fn name(&self) -> &'static str {
        "ewc"
    }

    fn summary(&self) -> &'static str {
        "elastic weight consolidation: weights are held by their Fisher information on correct cases"
    }

    fn aim(&self, _: f64) -> Aim {
        Aim::Balanced
    }

    fn recipes(&self, _: Given) -> Vec<Recipe> {
        let plain = Recipe { failures: Failures::All, ..Recipe::PLAIN };
        let mut recipes = Vec::new();
        for replay in [Replay::None, Replay::PerFailure(2.0)] {
            for strength in [1e3, 1e5] {
                let anchor = Anchor::Fisher { strength, prior: PRIOR };
                recipes.extend(at_rates(Recipe { replay, anchor, ..plain }));
            }
        }
        recipes
    }
}
