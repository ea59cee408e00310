//! Plain fine-tuning on four choices of cases (Henn et al., table 3).

use super::super::recipe::{Failures, Recipe, Replay};
use super::super::task::Aim;
use super::{Given, Method, at_rates};

/// Fine-tuning of all weights.
pub(super) struct FineTune {
    name: &'static str,
    summary: &'static str,
    failures: Failures,
    replay: Replay,
}

pub(super) static SUBTYPE: FineTune = FineTune {
    name: "f_i",
    summary: "fine-tuning on the target failures",
    failures: Failures::Target,
    replay: Replay::None,
};

pub(super) static SUBTYPE_AND_CORRECT: FineTune = FineTune {
    name: "f_i+c",
    summary: "fine-tuning on the target failures and as many correct cases",
    failures: Failures::Target,
    replay: Replay::PerFailure(1.0),
};

pub(super) static FAILURES: FineTune = FineTune {
    name: "f",
    summary: "fine-tuning on all failures",
    failures: Failures::All,
    replay: Replay::None,
};

pub(super) static FAILURES_AND_CORRECT: FineTune = FineTune {
    name: "f+c",
    summary: "fine-tuning on all failures and all correct cases",
    failures: Failures::All,
    replay: Replay::All,
};

impl Method for FineTune {
    fn name(&self) -> &'static str {
        self.name
    }

    fn summary(&self) -> &'static str {
        self.summary
    }

    fn aim(&self, _: f64) -> Aim {
        Aim::Balanced
    }

    fn recipes(&self, _: Given) -> Vec<Recipe> {
        let plain = Recipe { failures: self.failures, replay: self.replay, ..Recipe::PLAIN };
        // With all correct cases an epoch is some ten times as long.
        match self.replay {
            Replay::All => at_rates(Recipe { batch_size: 16, epochs: 6, patience: 3, ..plain }),
            _ => at_rates(plain),
        }
    }
}
