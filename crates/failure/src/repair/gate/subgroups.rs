//! Metadata subgroups: which there are, and whether one of them is broken.

use std::collections::{BTreeMap, BTreeSet};

use modelmend_learn::stats::{PairedChange, holm};

use super::change::Change;
use super::criteria::{one_sided, p_value, points};
use super::{Criterion, CriterionName, Evidence, GateSettings, MIN_SUBGROUP, Subgroup, SubgroupFinding};
use crate::error::Result;

/// The values of each column that at least [`MIN_SUBGROUP`] cases share, in order. Left out are a value that all cases
/// share, which is no subgroup, and one that holds for the very cases of an earlier one, which would only be tested twice.
pub fn subgroups(columns: &BTreeMap<String, Vec<Option<String>>>) -> Vec<Subgroup> {
    let mut found = Vec::new();
    let mut known = BTreeSet::new();
    for (column, values) in columns {
        let mut cases = BTreeMap::<&String, Vec<usize>>::new();
        for (case, value) in values.iter().enumerate() {
            if let Some(value) = value {
                cases.entry(value).or_default().push(case);
            }
        }
        for (value, cases) in cases {
            let fits = cases.len() >= MIN_SUBGROUP && cases.len() < values.len();
            if fits && known.insert(cases.clone()) {
                found.push(Subgroup { column: column.clone(), value: value.clone(), cases });
            }
        }
    }
    found
}

/// A subgroup before the correction for their number.
struct Tested {
    paired: PairedChange,
    design_effect: f64,
    p: f64,
}

/// The criterion, and what happened to each subgroup of at least [`MIN_SUBGROUP`] cases.
pub(super) fn judge(
    evidence: &Evidence<'_>,
    settings: &GateSettings,
) -> Result<(Criterion, Vec<SubgroupFinding>)> {
    let mut tested = Vec::new();
    let mut findings = Vec::new();
    for subgroup in evidence.subgroups {
        let members: BTreeSet<usize> = subgroup.cases.iter().copied().collect();
        let change = Change::on(evidence, |case| members.contains(&case));
        let (Some(paired), Some(before)) = (change.paired()?, change.before()) else { continue };
        if members.len() < MIN_SUBGROUP {
            continue;
        }
        let design_effect = change.design_effect()?;
        let p = paired.p_below(-settings.margin_subgroup, design_effect);
        tested.push(Tested { paired, design_effect, p });
        findings.push(SubgroupFinding {
            column: subgroup.column.clone(),
            value: subgroup.value.clone(),
            cases: members.len(),
            before,
            after: before + paired.estimate(),
            change: paired.estimate(),
            p,
            passed: true,
        });
    }
    let corrected = holm(&tested.iter().map(|t| t.p).collect::<Vec<_>>());
    for (finding, p) in findings.iter_mut().zip(corrected) {
        finding.p = p;
        finding.passed = p > 1.0 - settings.confidence;
    }
    let worst = (0..tested.len()).min_by(|&i, &j| tested[i].p.total_cmp(&tested[j].p));
    let worst = worst.and_then(|i| Some((tested.get(i)?, findings.get(i)?)));
    Ok((criterion(worst, &findings, settings)?, findings))
}

fn criterion(
    worst: Option<(&Tested, &SubgroupFinding)>,
    findings: &[SubgroupFinding],
    settings: &GateSettings,
) -> Result<Criterion> {
    let name = CriterionName::Subgroups;
    let level = one_sided(settings.confidence);
    let interval = match worst {
        Some((tested, _)) => Some(tested.paired.interval(level, tested.design_effect)?),
        None => None,
    };
    let broken = findings.iter().filter(|finding| !finding.passed).count();
    Ok(Criterion {
        name,
        question: name.question().to_owned(),
        estimate: worst.map(|(_, finding)| finding.change),
        interval,
        level,
        margin: settings.margin_subgroup,
        p: worst.map(|(_, finding)| finding.p),
        cases: worst.map_or(0, |(_, finding)| finding.cases),
        passed: broken == 0,
        // Harm has to be shown here: where this does not hold, the evidence was enough.
        needed: None,
        reason: reason(worst.map(|(_, finding)| finding), (broken, findings.len()), settings),
    })
}

fn reason(
    worst: Option<&SubgroupFinding>,
    (broken, count): (usize, usize),
    settings: &GateSettings,
) -> String {
    let Some(worst) = worst else {
        return format!(
            "no metadata value has {MIN_SUBGROUP} cases or more, so that there is no subgroup to compare"
        );
    };
    let margin = 100.0 * settings.margin_subgroup;
    let verdict = match broken {
        0 => format!("none of {count} subgroups is shown to fall by more than {margin:.1} points"),
        _ => format!("{broken} of {count} subgroups fall by more than {margin:.1} points"),
    };
    format!(
        "{verdict}; worst: {} = {}, {:.1} to {:.1} %, {} points ({} cases, {} after Holm)",
        worst.column,
        worst.value,
        100.0 * worst.before,
        100.0 * worst.after,
        points(worst.change),
        worst.cases,
        p_value(worst.p)
    )
}
