//! The delivered model, and what the product checks of it.

use anyhow::{Context as _, Result};
use modelmend_data::split::Part;
use modelmend_failure::Judge;
use modelmend_failure::matrix::Layout;
use modelmend_failure::repair::audit::{Check, audit, survives_its_file};
use modelmend_failure::repair::knowledge::Knowledge;
use modelmend_failure::repair::search::{Setting as Found, repeat};
use modelmend_net::Model;
use modelmend_study::artifact::Artifact;
use modelmend_study::step::StepName;

use super::Work;
use crate::pipeline::context::{Listen, Title};

/// Cases on which the written model is run again.
const AUDITED: usize = 256;

impl Work<'_> {
    /// The setting that the folds agree on, followed on all cases, and what the product checks of it.
    pub(super) fn deliver(&self, chosen: &Found, targets: &[usize]) -> Result<(Model, Vec<Check>)> {
        let title = Title { name: StepName::Repair, label: "delivered", version: 1 };
        let labels = (&self.layout.subtype, &self.layout.failure, self.cases);
        let key = (chosen, targets, self.aimed.excluded(), labels, self.context.seed);
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
            Ok(Artifact::new(checks).with_f32("weights", &weights.flatten()))
        })?;
        let weights = start.parameters().with_scalars(&step.artifact.f32("weights")?);
        let model = start.with_parameters(weights.context("a stored model of another shape")?)?;
        Ok((model, step.artifact.value))
    }
}
