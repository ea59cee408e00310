//! What the gate says of the cross-fitted answers.

use anyhow::Result;
use modelmend_failure::problem::Prediction;
use modelmend_failure::repair::gate::{Evidence, Verdict, judge};

use super::Work;
use crate::pipeline::gate;

impl Work<'_> {
    pub(super) fn verdict(&self, crossed: &[Prediction], targeted: &[bool]) -> Result<Verdict> {
        let all: Vec<usize> = (0..crossed.len()).collect();
        let columns = self.setting.subject.columns(&all);
        let groups = self.setting.subject.group_numbers();
        let evidence = Evidence {
            before: &self.setting.judged.predictions,
            after: crossed,
            target: targeted,
            groups: groups.as_deref(),
            subgroups: &gate::judged_subgroups(columns),
        };
        Ok(judge(&evidence, &gate::settings(self.gate(), (self.bootstrap, self.context.seed)))?)
    }
}
