//! A penalty on the distance to the starting weights.

use super::super::recipe::{Anchor, Recipe, Replay};
use super::{Given, Method, at_rates};

/// L2-SP (Li et al., arXiv 1802.01483).
pub(super) struct L2Sp;

impl Method for L2Sp {
    fn name(&self) -> &'static str {
        "l2sp"
    }

    fn summary(&self) -> &'static str {
        "fine-tuning with a penalty on the distance to the weights before"
    }

    fn recipes(&self, _: Given) -> Vec<Recipe> {
        let plain = Recipe { replay: Replay::PerFailure(2.0), ..Recipe::PLAIN };
        let anchors = [0.01, 0.1, 1.0].map(Anchor::Distance).into_iter();
        anchors.flat_map(|anchor| at_rates(Recipe { anchor, ..plain })).collect()
    }
}
