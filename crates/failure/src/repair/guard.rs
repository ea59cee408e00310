//! A guard on subtypes that a repair has already dealt with.

use modelmend_data::split::Part;
use modelmend_net::Parameters;

use super::recipe::{Failures, Recipe};
use super::task::{Share, Task};
use crate::error::Result;

/// Watches the validation failures of the target subtypes that were learned in earlier stages of a recipe.
#[derive(Debug)]
pub(super) struct Guard<'a> {
    task: &'a Task<'a>,
    /// Epochs of a stage; `None` where all subtypes are learned together and nothing has to be watched.
    stage: Option<usize>,
    /// What each finished stage had repaired of its own subtype.
    repaired: Vec<Share>,
}

impl<'a> Guard<'a> {
    pub(super) fn new(task: &'a Task<'a>, recipe: &Recipe) -> Self {
        let stage = match recipe.failures {
            Failures::OneByOne(epochs) => Some(epochs.max(1)),
            _ => None,
        };
        Self { task, stage, repaired: Vec::new() }
    }

    /// Whether every subtype of an earlier stage is, within the margin, as well repaired as it was at the end of its stage.
    pub(super) fn holds(&self, parameters: &Parameters<f32>) -> Result<bool> {
        for (&subtype, repaired) in self.task.targets.iter().zip(&self.repaired) {
            if self.share(subtype, parameters)?.value() < repaired.value() - self.task.margin {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Remembers what has been repaired where `epoch` ends a stage.
    pub(super) fn after(&mut self, epoch: usize, parameters: &Parameters<f32>) -> Result<()> {
        let Some(stage) = self.stage.filter(|stage| epoch.is_multiple_of(*stage)) else { return Ok(()) };
        let Some(&subtype) = self.task.targets.get(epoch / stage - 1) else { return Ok(()) };
        self.repaired.push(self.share(subtype, parameters)?);
        Ok(())
    }

    fn share(&self, subtype: usize, parameters: &Parameters<f32>) -> Result<Share> {
        Task { targets: &[subtype], ..*self.task }.target_share(parameters, Part::Validation)
    }
}
