//! The methods of repair, one file each, all with one interface.

mod auto;
mod distill;
mod ewc;
mod fine_tune;
mod l2sp;
mod last_layers;
mod low_rank;
mod replay;
mod sequential;
mod unlearn;
mod wise_ft;

use super::recipe::Recipe;
use super::task::Aim;

/// A way to repair: the recipes it tries, from which validation data choose.
pub trait Method: Sync {
    /// As in a study file.
    fn name(&self) -> &'static str;

    /// What it does, for people.
    fn summary(&self) -> &'static str;

    /// What it tries.
    fn recipes(&self, given: Given) -> Vec<Recipe>;

    /// What it aims at on the validation side.
    fn aim(&self, margin: f64) -> Aim {
        Aim::Harmless { margin }
    }

    /// Epochs after which only the most promising of several recipes are followed.
    fn screening(&self) -> usize {
        SCREENED
    }

    /// Whether a recipe is followed only where none before it is better than the unrepaired model on the validation side.
    fn in_turn(&self) -> bool {
        false
    }

    /// Positions between the weights before (0) and after (1) that it tries.
    fn blends(&self) -> &'static [f64] {
        &[1.0]
    }
}

/// What a method knows before it chooses its recipes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Given {
    /// Layers of the network.
    pub layers: usize,
    /// Whether certain subtypes are to be repaired, and not whatever can be.
    pub targeted: bool,
    /// Number of cases that the network was trained on, where they are known.
    pub training: usize,
}

/// All methods, in the order of the tables.
pub static METHODS: &[&dyn Method] = &[
    &fine_tune::SUBTYPE,
    &fine_tune::SUBTYPE_AND_CORRECT,
    &fine_tune::FAILURES,
    &fine_tune::FAILURES_AND_CORRECT,
    &ewc::Ewc,
    &l2sp::L2Sp,
    &replay::BoundaryReplay,
    &distill::Distill,
    &last_layers::LastLayers,
    &low_rank::LowRank,
    &wise_ft::WiseFt,
    &sequential::Sequential,
    &unlearn::Unlearn,
    &auto::Auto,
];

/// The method of that name.
pub fn method(name: &str) -> Option<&'static dyn Method> {
    METHODS.iter().copied().find(|m| m.name() == name)
}

/// Epochs of a recipe that show what it promises.
const SCREENED: usize = 3;

/// Step sizes that a method tries: a network's own is not known.
const RATES: [f64; 3] = [2e-5, 1e-4, 5e-4];

/// A recipe at each step size.
fn at_rates(recipe: Recipe) -> Vec<Recipe> {
    RATES.iter().map(|&learning_rate| Recipe { learning_rate, ..recipe }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_have_names_of_their_own_and_something_to_try() {
        for (index, one) in METHODS.iter().enumerate() {
            assert!(METHODS.iter().skip(index + 1).all(|other| other.name() != one.name()));
            let recipes = one.recipes(Given { layers: 4, targeted: true, training: 1000 });
            assert!(!recipes.is_empty(), "{}", one.name());
            assert!(recipes.iter().enumerate().all(|(i, r)| !recipes[..i].contains(r)), "{}", one.name());
        }
        assert!(method("ewc").is_some() && method("magic").is_none());
    }
}
