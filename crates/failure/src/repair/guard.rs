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

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use modelmend_data::{Cases, Images, Pixels};
    use modelmend_net::architecture::{Classifier, ClassifierKind, classifier};

    use super::*;
    use crate::judge::Judge;
    use crate::matrix::Layout;
    use crate::problem::Problem;

    const SIDE: usize = 8;
    const COUNT: usize = 12;

    /// Weights that say `class` whatever the image.
    fn always(problem: &Problem, class: usize) -> Parameters<f32> {
        let mut weights = problem.parameters().clone();
        let bias = weights.iter_mut().last().unwrap();
        assert_eq!(bias.shape(), [2]);
        bias.data_mut().iter_mut().enumerate().for_each(|(c, b)| *b = if c == class { 1e3 } else { -1e3 });
        weights
    }

    #[test]
    fn what_was_repaired_before_may_not_fall_by_more_than_the_margin() {
        let pixels = Pixels::U8(vec![90; COUNT * SIDE * SIDE * 3]);
        let images = Images::new("images", &[COUNT, SIDE, SIDE, 3], pixels).unwrap();
        let kind = ClassifierKind::VggSmall;
        let spec =
            Classifier { kind, channels: 3, height: SIDE, width: SIDE, classes: 2, base: Some(2), seed: 3 };
        let cases = Cases::new("all", images, vec![0; COUNT]).unwrap();
        let problem = Problem::new(classifier(&spec).unwrap(), &cases, vec![0; COUNT]).unwrap();
        let labels: Vec<_> = (0..COUNT).map(|i| Some(i % 2)).collect();
        let layout = Layout::new(&labels, 2, &[true; COUNT], &[Part::Validation; COUNT]);
        let task = |margin| Task {
            problem: &problem,
            layout: &layout,
            analysed: COUNT,
            targets: &[0, 1],
            except: &[],
            margin,
            seed: 1,
        };
        let [repaired, broken] = [0, 1].map(|class| always(&problem, class));
        let staged = Recipe { failures: Failures::OneByOne(2), ..Recipe::PLAIN };
        let holds = |task: &Task<'_>, recipe: &Recipe, epochs: usize| {
            let mut guard = Guard::new(task, recipe);
            (1..=epochs).for_each(|epoch| guard.after(epoch, &repaired).unwrap());
            [&repaired, &broken].map(|weights| guard.holds(weights).unwrap())
        };
        assert_eq!(holds(&task(0.1), &staged, 2), [true, false]);
        assert_eq!(holds(&task(0.1), &staged, 1), [true, true], "the first stage is not over");
        assert_eq!(holds(&task(1.0), &staged, 2), [true, true], "within the margin");
        assert_eq!(holds(&task(0.1), &Recipe::PLAIN, 2), [true, true], "no stages");
    }
}
