//! Replay of correct cases, hard ones first.

use super::super::recipe::{Recipe, Replay};
use super::{Given, Method, at_rates};

/// Target failures with a chosen number of correct cases each, half of them near the decision boundary of the unrepaired
/// model, where a repair breaks first.
pub(super) struct BoundaryReplay;

impl Method for BoundaryReplay {
    fn name(&self) -> &'static str {
        "replay"
    }

    fn summary(&self) -> &'static str {
        "target failures with several correct cases each, half of them near the boundary"
    }

    fn recipes(&self, _: Given) -> Vec<Recipe> {
        let recipes =
            |ratio| at_rates(Recipe { replay: Replay::Boundary(ratio), epochs: 12, ..Recipe::PLAIN });
        [4.0, 8.0].into_iter().flat_map(recipes).collect()
    }
}
