//! What the gate says of the cross-fitted answers.

use anyhow::Result;
use modelmend_failure::problem::Prediction;
use modelmend_failure::repair::audit::Check;
use modelmend_failure::repair::gate::{Evidence, Verdict, judge};

use super::{Repaired, Work};
use crate::pipeline::gate;

impl Repaired {
    /// Why the repair is refused; empty where it is accepted.
    pub(crate) fn refusals(&self) -> Vec<String> {
        refusals(&self.mislabelled, &self.verdict, &self.audit)
    }
}

/// What speaks against a repair: targets that must not be learned, criteria of the gate that do not hold, and checks of the
/// product's own work that fail.
fn refusals(mislabelled: &[String], verdict: &Verdict, audit: &[Check]) -> Vec<String> {
    let gate = verdict.refusals().map(|c| format!("{}: {}.", c.name.as_str(), c.reason));
    let failed = audit.iter().filter(|check| !check.passed);
    let failed =
        failed.map(|check| format!("self-audit: it does not hold that {} ({}).", check.what, check.detail));
    mislabelled.iter().cloned().chain(gate).chain(failed).collect()
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_check_of_the_own_work_refuses_what_the_gate_accepts() {
        let verdict = Verdict { criteria: Vec::new(), subgroups: Vec::new(), accepted: true };
        let check = |passed| Check { what: "it holds".to_owned(), passed, detail: "1 of 2".to_owned() };
        assert!(refusals(&[], &verdict, &[check(true)]).is_empty());
        let refused = refusals(&[], &verdict, &[check(true), check(false)]);
        assert_eq!(refused, ["self-audit: it does not hold that it holds (1 of 2)."]);
        assert_eq!(refusals(&["target 1: noise.".to_owned()], &verdict, &[]), ["target 1: noise."]);
    }
}
