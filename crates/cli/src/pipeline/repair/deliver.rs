//! The delivered model, and what the product checks of it.

use anyhow::{Context as _, Result};
use modelmend_data::split::Part;
use modelmend_failure::Judge;
use modelmend_failure::matrix::Layout;
use modelmend_failure::repair::audit::{Check, audit, survives_its_file};
use modelmend_failure::repair::knowledge::Knowledge;
use modelmend_failure::repair::search::{Setting as Found, repeat};
use modelmend_failure::repair::task::Share;
use modelmend_net::{Model, Parameters};
use modelmend_study::artifact::Artifact;
use modelmend_study::step::StepName;

use super::Work;
use crate::pipeline::context::{Listen, Title};

/// Cases on which the written model is run again.
const AUDITED: usize = 256;

impl Work<'_> {
    /// The setting that the folds agree on, followed on all cases, and what the product checks of it.
    pub(super) fn deliver(&self, chosen: &Found, targets: &[usize]) -> Result<(Model, Vec<Check>)> {
        let title = Title { name: StepName::Repair, label: "delivered", version: 2 };
        let labels = (&self.layout.subtype, &self.layout.failure, self.cases);
        let choices = (chosen, targets, self.aimed.excluded(), self.gate().margin_correct);
        let key = (choices, labels, self.context.seed);
        let problem = &self.problem;
        let start = problem.model();
        let step = self.context.step(title, key, &[self.setting.judged.hash], |scope| {
            let layout = Layout { part: vec![Part::Train; self.layout.part.len()], ..self.layout.clone() };
            let except = self.aimed.excluded();
            let task = self.task(&layout, targets, &except);
            let knowledge = Knowledge::of(&task, &[chosen.recipe], &Listen(scope))?;
            let weights = repeat(&task, chosen, &knowledge, &Listen(scope))?;
            let repaired = start.with_parameters(weights.clone())?;
            let mut checks = audit((start, &repaired), (&chosen.recipe, knowledge.fisher.as_ref()));
            let seen: Vec<usize> = (0..self.folds.len().min(AUDITED)).collect();
            checks.push(survives_its_file(&repaired, &problem.input(&seen)?)?);
            checks.push(self.own_cases(&weights, targets)?);
            Ok(Artifact::new(checks).with_f32("weights", &weights.flatten()))
        })?;
        let weights = start.parameters().with_scalars(&step.artifact.f32("weights")?);
        let model = start.with_parameters(weights.context("a stored model of another shape")?)?;
        Ok((model, step.artifact.value))
    }

    /// Whether the delivered weights do on the cases that they were trained on what the cross-fitted ones did on cases of
    /// their own. No evidence for the repair, but what fails here is none.
    fn own_cases(&self, weights: &Parameters<f32>, targets: &[usize]) -> Result<Check> {
        let cases: Vec<usize> = (0..self.folds.len()).collect();
        let (mut target, mut correct) = (Share::default(), Share::default());
        for (case, right) in self.problem.correct(weights, &cases)?.into_iter().enumerate() {
            match (self.layout.failure[case], self.layout.subtype[case]) {
                (false, _) => count(&mut correct, right),
                (true, Some(subtype)) if targets.contains(&subtype) => count(&mut target, right),
                _ => {}
            }
        }
        Ok(repairs_its_own(target, correct, self.gate().margin_correct))
    }
}

fn count(share: &mut Share, right: bool) {
    share.right += usize::from(right);
    share.of += 1;
}

/// Target cases are failures: any right one is a gain.
fn repairs_its_own(target: Share, correct: Share, margin: f64) -> Check {
    Check {
        what: "the delivered model repairs target cases that it was trained on, and keeps the correct ones"
            .to_owned(),
        passed: target.right > 0 && correct.value() >= 1.0 - margin,
        detail: format!(
            "{} of {} target cases right, {} of {} correct cases kept",
            target.right, target.of, correct.right, correct.of
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_that_repairs_nothing_or_loses_too_much_fails() {
        let passes = |target, correct| {
            repairs_its_own(Share { right: target, of: 10 }, Share { right: correct, of: 100 }, 0.03).passed
        };
        assert!(passes(1, 97) && !passes(0, 100) && !passes(10, 96));
    }
}
