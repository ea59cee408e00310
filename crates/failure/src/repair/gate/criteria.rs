//! The criteria about targets, correct cases, all cases and calibration.

use modelmend_learn::metrics::adaptive_calibration_error;
use modelmend_learn::stats::{Units, mcnemar, normal_quantile, sign_flip};

use super::change::{Change, further_cases, resampled};
use super::{Criterion, CriterionName, Evidence, GateSettings};
use crate::error::Result;
use crate::problem::Prediction;

/// Most bins of the calibration error, and fewest cases for each.
const BINS: usize = 15;
const CASES_PER_BIN: usize = 50;

/// Coverage of an interval each end of which is a one-sided bound at `confidence`.
pub(super) fn one_sided(confidence: f64) -> f64 {
    2.0 * confidence - 1.0
}

/// Percentage points with their sign.
pub(super) fn points(change: f64) -> String {
    // Rounded first, and with a zero added, so that no minus stands before a zero.
    format!("{:+.1}", (1000.0 * change).round() / 10.0 + 0.0)
}

/// `p = 0.012`, or `p < 0.001`.
pub(super) fn p_value(p: f64) -> String {
    if p < 0.001 { "p < 0.001".to_owned() } else { format!("p = {p:.3}") }
}

/// A share as a percentage, without needless decimals.
fn percent(share: f64) -> String {
    format!("{} %", (share * 1000.0).round() / 10.0)
}

/// Which end of an interval has to lie on which side of which bound.
enum Rule {
    /// The low end above.
    Above(f64),
    /// The high end at most.
    AtMost(f64),
}

impl Rule {
    fn holds(&self, interval: (f64, f64)) -> bool {
        match *self {
            Rule::Above(bound) => interval.0 > bound,
            Rule::AtMost(bound) => interval.1 <= bound,
        }
    }

    /// Half-width over distance; not positive where the estimate is on the wrong side.
    fn short(&self, estimate: f64, interval: (f64, f64)) -> f64 {
        match *self {
            Rule::Above(bound) => (estimate - interval.0) / (estimate - bound),
            Rule::AtMost(bound) => (interval.1 - estimate) / (bound - estimate),
        }
    }
}

/// Puts a criterion together; `what` names the quantity and the cases, as in `accuracy on the target cases`.
fn decide(
    (name, margin, level): (CriterionName, f64, f64),
    (estimate, interval, cases): (Option<f64>, Option<(f64, f64)>, usize),
    rule: &Rule,
    what: &str,
) -> Criterion {
    let passed = interval.is_some_and(|interval| rule.holds(interval));
    let needed = match (estimate, interval) {
        (Some(estimate), Some(interval)) if !passed => {
            further_cases(cases, rule.short(estimate, interval), level)
        }
        _ => None,
    };
    let reason = match (estimate, interval) {
        (Some(estimate), Some((low, high))) => {
            let wanted = match *rule {
                Rule::Above(bound) => format!("the low end must be above {}", points(bound)),
                Rule::AtMost(bound) => format!("the high end must be at most {}", points(bound)),
            };
            format!(
                "{what} changes by {} points ({} interval {} to {}, {cases} cases); {wanted}",
                points(estimate),
                percent(level),
                points(low),
                points(high)
            )
        }
        (Some(estimate), None) => format!(
            "{what} changes by {} points ({cases} cases), but an interval takes at least two cases, or two groups where there are groups",
            points(estimate)
        ),
        _ => format!(
            "there are no cases for {what}; an interval takes at least two, in two groups where there are groups"
        ),
    };
    let question = name.question().to_owned();
    let reason = with_needed(reason, needed);
    Criterion { name, question, estimate, interval, level, margin, p: None, cases, passed, needed, reason }
}

fn with_needed(reason: String, needed: Option<usize>) -> String {
    match needed {
        Some(more) => format!("{reason}: about {more} more such cases would probably settle it"),
        None => reason,
    }
}

fn of_change(
    change: &Change,
    (name, margin, level): (CriterionName, f64, f64),
    settings: &GateSettings,
    what: &str,
) -> Result<Criterion> {
    let estimate = change.paired()?.map(|paired| paired.estimate());
    let interval = change.interval(level, settings)?;
    let rule = Rule::Above(0.0 - margin);
    let mut criterion = decide((name, margin, level), (estimate, interval, change.cases()), &rule, what);
    if let (Some(estimate), None, Some(paired)) = (estimate, interval, change.paired()?) {
        // Too few cases or groups to draw from: the interval of cases that are independent says what it takes at least.
        let short = rule.short(estimate, paired.interval(level, 1.0)?);
        criterion.needed = further_cases(change.cases(), short, level);
        criterion.reason = with_needed(criterion.reason, criterion.needed);
    }
    Ok(criterion)
}

/// The target cases improve.
pub(super) fn target(evidence: &Evidence<'_>, settings: &GateSettings) -> Result<Criterion> {
    let change = Change::on(evidence, |case| evidence.target.get(case) == Some(&true));
    let title = (CriterionName::Target, 0.0, settings.confidence);
    of_change(&change, title, settings, "accuracy on the target cases")
}

/// Cases that were correct stay correct, within the margin.
pub(super) fn correct(evidence: &Evidence<'_>, settings: &GateSettings) -> Result<Criterion> {
    let change = Change::on(evidence, |case| evidence.before.get(case).is_some_and(|p| p.correct));
    let title = (CriterionName::Correct, settings.margin_correct, one_sided(settings.confidence));
    of_change(&change, title, settings, "accuracy on the cases that were right")
}

/// Accuracy over all cases rises: interval and paired test.
pub(super) fn all(evidence: &Evidence<'_>, settings: &GateSettings) -> Result<Criterion> {
    let change = Change::on(evidence, |_| true);
    let title = (CriterionName::All, 0.0, settings.confidence);
    let mut criterion = of_change(&change, title, settings, "accuracy over all cases")?;
    let p = paired_p(&change, settings)?;
    let risk = 1.0 - settings.confidence;
    let (shown, certain) = (criterion.passed, p <= risk);
    criterion.p = Some(p);
    criterion.passed = shown && certain;
    if !certain && criterion.estimate.is_some_and(|estimate| estimate > 0.0) {
        // The ratio of the quantiles says how far the test is from its level.
        let short = normal_quantile(1.0 - risk / 2.0) / normal_quantile(1.0 - p / 2.0);
        criterion.needed = criterion.needed.max(further_cases(change.cases(), short, criterion.level));
    }
    let (gained, lost) = change.counts();
    let test = if evidence.groups.is_some() { "sign-flip test of groups" } else { "McNemar's exact test" };
    let numbers = format!(
        "accuracy over all cases changes by {} points ({gained} repaired, {lost} broken of {} cases; {} interval {}; {test} {}, at most {risk:.3} wanted)",
        criterion.estimate.map_or_else(String::new, points),
        change.cases(),
        percent(criterion.level),
        criterion.interval.map_or_else(
            || "not defined".to_owned(),
            |(low, high)| format!("{} to {}, which must exclude 0", points(low), points(high))
        ),
        p_value(p),
    );
    criterion.reason = with_needed(numbers, criterion.needed);
    Ok(criterion)
}

/// Two-sided p-value of no change: McNemar's exact test, or the sign-flip test over groups.
fn paired_p(change: &Change, settings: &GateSettings) -> Result<f64> {
    let Some(sums) = change.group_sums() else {
        let (gained, lost) = change.counts();
        return Ok(mcnemar(gained, lost)?);
    };
    let opposite: Vec<f64> = sums.iter().map(|sum| -sum).collect();
    let up = sign_flip(&sums, settings.replicates, settings.seed)?;
    let down = sign_flip(&opposite, settings.replicates, settings.seed)?;
    Ok((2.0 * up.min(down)).min(1.0))
}

/// The calibration error does not grow by more than the margin.
pub(super) fn calibration(evidence: &Evidence<'_>, settings: &GateSettings) -> Result<Criterion> {
    let count = evidence.before.len();
    let bins = (count / CASES_PER_BIN).clamp(1, BINS);
    let worsening =
        |drawn: &[usize]| Some(error(evidence.after, drawn, bins)? - error(evidence.before, drawn, bins)?);
    let level = one_sided(settings.confidence);
    let units = evidence.groups.map_or(Units::Cases(count), Units::Groups);
    let interval = resampled(units, worsening, level, settings)?;
    let estimate = worsening(&(0..count).collect::<Vec<_>>());
    let margin = settings.margin_calibration;
    let title = (CriterionName::Calibration, margin, level);
    Ok(decide(title, (estimate, interval, count), &Rule::AtMost(margin), "calibration error over all cases"))
}

/// Calibration error of the cases drawn.
fn error(predictions: &[Prediction], drawn: &[usize], bins: usize) -> Option<f64> {
    let own = || drawn.iter().filter_map(|&case| predictions.get(case));
    let correct: Vec<bool> = own().map(|p| p.correct).collect();
    let confidence: Vec<f64> = own().map(|p| f64::from(p.confidence)).collect();
    adaptive_calibration_error(&correct, &confidence, bins).ok().flatten()
}
