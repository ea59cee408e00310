//! What one optimisation does: which cases it draws, what holds it back, which weights it may move.

use serde::{Deserialize, Serialize};

/// Failures that are learned from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Failures {
    /// Those of the target subtypes.
    Target,
    /// All of them.
    All,
    /// Those of one target subtype after another, so many epochs each; those before stay in.
    OneByOne(usize),
    /// None: so many of the cases that the model was trained on and that pull toward the target failures are unlearned, which is
    /// to say that their loss is raised.
    Causes(usize),
}

/// Correct cases that are replayed beside the failures.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Replay {
    /// None.
    None,
    /// So many for each failure, drawn anew in every epoch.
    PerFailure(f64),
    /// So many for each failure, half of them among the quarter that the unrepaired model is least sure of.
    Boundary(f64),
    /// All of them: the natural proportion.
    All,
}

/// What holds the weights near those of the unrepaired model.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Anchor {
    /// Nothing.
    None,
    /// `strength / 2` times the squared distance (L2-SP, Li et al., arXiv 1802.01483).
    Distance(f64),
    /// `strength / 2` times the squared distance, each weight's weighed by its Fisher information plus `prior` (elastic
    /// weight consolidation, Kirkpatrick et al., arXiv 1612.00796).
    Fisher {
        /// Lambda.
        strength: f64,
        /// Added to the Fisher information of every weight.
        prior: f64,
    },
}

/// Weights that move.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Trainable {
    /// All.
    All,
    /// Those of the last layers; the others keep their bits.
    LastLayers(usize),
    /// A product of two matrices of this rank added to each matrix of weights (LoRA, Hu et al., arXiv 2106.09685), merged at
    /// the end; biases keep their bits.
    LowRank(usize),
}

/// One optimisation by Adam.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Recipe {
    /// Failures that are learned from.
    pub failures: Failures,
    /// Passes over each target failure in an epoch; other failures are seen once.
    pub emphasis: usize,
    /// Correct cases beside them.
    pub replay: Replay,
    /// What holds the weights back.
    pub anchor: Anchor,
    /// Share of the loss on correct cases that asks for the unrepaired model's probabilities instead of the label, 0..=1
    /// (learning without forgetting, Li and Hoiem, arXiv 1606.09282).
    pub distill: f64,
    /// Weights that move.
    pub trainable: Trainable,
    /// Whether images are flipped and turned at random.
    pub augment: bool,
    /// Step size of Adam.
    pub learning_rate: f64,
    /// Whether the step size rises over the first twentieth of the epochs and then falls to nearly zero along half a cosine (one cycle of
    /// Loshchilov and Hutter, arXiv 1608.03983); otherwise it stays.
    pub anneal: bool,
    /// Cases per step.
    pub batch_size: usize,
    /// Last epochs whose weights are averaged (stochastic weight averaging, Izmailov et al., arXiv 1803.05407); 1 takes the
    /// weights as they are.
    pub average: usize,
    /// Most epochs.
    pub epochs: usize,
    /// Epochs without a better validation score after which it stops.
    pub patience: usize,
}

impl Recipe {
    /// Fine-tuning of all weights on failures and correct cases, from which the methods depart.
    pub const PLAIN: Self = Self {
        failures: Failures::Target,
        emphasis: 1,
        replay: Replay::PerFailure(1.0),
        anchor: Anchor::None,
        distill: 0.0,
        trainable: Trainable::All,
        augment: false,
        learning_rate: 2e-5,
        anneal: false,
        batch_size: 8,
        average: 1,
        epochs: 20,
        patience: 8,
    };
}

/// Share of the epochs over which an annealed step size rises.
const RISE: f64 = 0.05;
/// Share of the step size that an annealed one ends with.
const END: f64 = 0.02;

impl Recipe {
    /// The step size when so much of all epochs (`0..=1`) lies behind.
    pub fn learning_rate_at(&self, done: f64) -> f64 {
        if !self.anneal {
            return self.learning_rate;
        }
        let fall = END + (1.0 - END) * 0.5 * (1.0 + (std::f64::consts::PI * done).cos());
        self.learning_rate * fall * (done / RISE).min(1.0)
    }
}

impl std::fmt::Display for Recipe {
    /// In words, the departures from the defaults only.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "learning rate {:e}", self.learning_rate)?;
        if self.anneal {
            write!(f, " that falls to zero over {} epochs", self.epochs)?;
        }
        write!(f, ", batch {}", self.batch_size)?;
        match self.failures {
            Failures::Target => write!(f, ", target failures")?,
            Failures::All => write!(f, ", all failures")?,
            Failures::OneByOne(epochs) => write!(f, ", one target after another, {epochs} epochs each")?,
            Failures::Causes(count) => write!(f, ", {count} training cases unlearned")?,
        }
        if self.emphasis > 1 {
            write!(f, ", those of the target {} times an epoch", self.emphasis)?;
        }
        match self.replay {
            Replay::None => write!(f, ", no correct cases")?,
            Replay::PerFailure(ratio) => write!(f, ", {ratio} correct cases for each")?,
            Replay::Boundary(ratio) => write!(f, ", {ratio} correct cases for each, half near the boundary")?,
            Replay::All => write!(f, ", all correct cases")?,
        }
        match self.anchor {
            Anchor::None => {}
            Anchor::Distance(strength) => write!(f, ", L2-SP {strength}")?,
            Anchor::Fisher { strength, .. } => write!(f, ", EWC {strength}")?,
        }
        if self.distill > 0.0 {
            write!(f, ", distillation {}", self.distill)?;
        }
        match self.trainable {
            Trainable::All => {}
            Trainable::LastLayers(layers) => write!(f, ", last {layers} layers")?,
            Trainable::LowRank(rank) => write!(f, ", rank {rank}")?,
        }
        if self.average > 1 {
            write!(f, ", weights averaged over {} epochs", self.average)?;
        }
        if self.augment { write!(f, ", flipped and turned") } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_annealed_step_size_rises_quickly_and_falls_to_nearly_zero() {
        let recipe = Recipe { learning_rate: 2.0, anneal: true, ..Recipe::PLAIN };
        let rates: Vec<f64> = (0..=20).map(|i| recipe.learning_rate_at(f64::from(i) / 20.0)).collect();
        assert!(rates[0] == 0.0 && rates[1] > 1.9, "{rates:?}");
        assert!(rates[1..].windows(2).all(|pair| pair[1] < pair[0]), "{rates:?}");
        assert!((rates[10] / 2.0 - 0.51).abs() < 1e-9 && (rates[20] / 2.0 - END).abs() < 1e-9, "{rates:?}");
        assert_eq!(Recipe { anneal: false, ..recipe }.learning_rate_at(0.7), 2.0);
    }
}
