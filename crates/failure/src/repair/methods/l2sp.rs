//! A penalty on the distance to the starting weights.

use super::super::recipe::{Anchor, Recipe, Replay};
use super::{Given, Method};

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
        let plain = Recipe { replay: Replay::PerFailure(2.0), learning_rate: 5e-5, ..Recipe::PLAIN };
        [0.01, 0.1, 1.0].map(|strength| Recipe { anchor: Anchor::Distance(strength), ..plain }).to_vec()
    }
}
