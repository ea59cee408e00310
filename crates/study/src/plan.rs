//! Which steps a study has, and which of them to run.

use crate::nearest;
use crate::schema::{ClassificationStudy, ReconstructionStudy, Study};
use crate::step::StepName;

/// The steps of one study in the order in which they run, and the user's choice among them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    steps: Vec<StepName>,
    until: Option<StepName>,
    force: Vec<StepName>,
}

/// A step name on the command line that the study does not have.
#[derive(Debug, thiserror::Error)]
#[error("--{option} {given}: this study has no such step; {}", suggestion(.nearest.as_deref(), .steps))]
pub struct UnknownStep {
    /// `until` or `force`.
    pub option: &'static str,
    /// What was given.
    pub given: String,
    /// The step that looks most like it.
    pub nearest: Option<String>,
    /// The steps of the study.
    pub steps: Vec<StepName>,
}

fn suggestion(nearest: Option<&str>, steps: &[StepName]) -> String {
    match nearest {
        Some(nearest) => format!("did you mean `{nearest}`?"),
        None => format!("it has {}", steps.iter().map(|step| step.as_str()).collect::<Vec<_>>().join(", ")),
    }
}

impl Plan {
    /// All steps of `study`.
    pub fn of(study: &Study) -> Self {
        let steps = match study {
            Study::Classification(study) => classification(study),
            Study::Reconstruction(study) => reconstruction(study),
        };
        Self { steps, until: None, force: Vec::new() }
    }

    /// Ends after the step `name`, and computes the steps in `force` even if the cache has them.
    ///
    /// # Errors
    /// [`UnknownStep`] if the study has no step of such a name.
    pub fn choose(mut self, until: Option<&str>, force: &[String]) -> Result<Self, UnknownStep> {
        self.until = until.map(|name| self.find("until", name)).transpose()?;
        self.force = force.iter().map(|name| self.find("force", name)).collect::<Result<_, _>>()?;
        Ok(self)
    }

    /// The steps in order, up to the one named by `--until`.
    pub fn steps(&self) -> impl Iterator<Item = StepName> {
        self.steps.iter().copied().filter(|step| self.until.is_none_or(|last| *step <= last))
    }

    /// Whether the step belongs to what the user asked for.
    pub fn includes(&self, name: StepName) -> bool {
        self.steps().any(|step| step == name)
    }

    /// Whether the step is computed even if the cache has it.
    pub fn forces(&self, name: StepName) -> bool {
        self.force.contains(&name)
    }

    fn find(&self, option: &'static str, given: &str) -> Result<StepName, UnknownStep> {
        self.steps.iter().copied().find(|step| step.as_str() == given).ok_or_else(|| UnknownStep {
            option,
            given: given.to_owned(),
            nearest: nearest(given, self.steps.iter().map(|step| step.as_str())).map(str::to_owned),
            steps: self.steps.clone(),
        })
    }
}

fn classification(study: &ClassificationStudy) -> Vec<StepName> {
    let optional = [
        (StepName::Train, study.train.is_some()),
        (StepName::Predict, true),
        (StepName::Represent, true),
        (StepName::Embed, true),
        (StepName::Subtype, true),
        (StepName::Finetune, study.finetune.is_some()),
        (StepName::Statistics, true),
        (StepName::Repair, study.repair.is_some()),
        (StepName::Report, true),
    ];
    present(&optional)
}

fn reconstruction(study: &ReconstructionStudy) -> Vec<StepName> {
    let failures = study.failures.as_ref();
    let tuned = failures.is_some_and(|failures| failures.finetune.is_some());
    let optional = [
        (StepName::Train, study.train.is_some()),
        (StepName::Predict, true),
        (StepName::Uncertainty, !study.uncertainty.is_empty() || failures.is_some()),
        (StepName::Conformal, study.conformal.is_some()),
        (StepName::Stress, !study.stress.is_empty()),
        (StepName::Represent, failures.is_some()),
        (StepName::Embed, failures.is_some()),
        (StepName::Subtype, failures.is_some()),
        (StepName::Finetune, tuned),
        (StepName::Statistics, tuned),
        (StepName::Report, true),
    ];
    present(&optional)
}

fn present(steps: &[(StepName, bool)]) -> Vec<StepName> {
    steps.iter().filter(|(_, present)| *present).map(|(step, _)| *step).collect()
}
