//! The sentences about a repair. Each says only what the input holds.

use std::collections::BTreeSet;

use crate::format;
use crate::input::{
    Causes, Criterion, Estimate, Measure, PlantedCause, Repair, RepairAccuracy, RepairSubgroup, Tradeoff,
};
use crate::panels::kind_title;

/// The decision in a word.
pub(crate) fn verdict(repair: &Repair) -> &'static str {
    decision(repair.accepted)
}

/// The decision about one run in a word.
pub(crate) fn decision(accepted: Option<bool>) -> &'static str {
    match accepted {
        Some(true) => "Accepted",
        Some(false) => "Refused",
        None => "Not judged",
    }
}

/// The outcome of a check, which is readable without its colour.
pub(crate) fn outcome(passed: bool) -> &'static str {
    if passed { "✓ passed" } else { "✗ not passed" }
}

/// The name of a repair, which a study may leave out.
pub(crate) fn name(repair: &Repair) -> String {
    let targets = targets(repair);
    match (repair.name.is_empty(), targets.is_empty()) {
        (false, _) => repair.name.clone(),
        (true, false) => format!("Repair of {targets}"),
        (true, true) => "Repair".to_owned(),
    }
}

/// The target subtypes, as a list.
pub(crate) fn targets(repair: &Repair) -> String {
    kinds(&repair.target)
}

/// Subtypes as a list.
pub(crate) fn kinds(names: &[String]) -> String {
    names.iter().map(|name| kind_title(name)).collect::<Vec<_>>().join(", ")
}

/// A method of the study file as a reader calls it.
pub(crate) fn method(name: &str) -> String {
    let words = match name {
        "none" => "unrepaired network",
        "f_i" => "fine-tuning on the target",
        "f_i+c" => "fine-tuning on target and correct cases",
        "f" => "fine-tuning on all failures",
        "f+c" => "fine-tuning on failures and correct cases",
        "ewc" => "elastic weight consolidation (EWC)",
        "l2sp" => "staying near the old weights (L2-SP)",
        "replay" => "replay of correct cases",
        "distill" => "distillation from the unrepaired network",
        "last-layers" => "last layers only",
        "lora" => "low-rank adapters (LoRA)",
        "wise-ft" => "weights between old and new (WiSE-FT)",
        "sequential" => "one subtype after another",
        "unlearn" => "unlearning of training cases",
        other => other,
    };
    words.to_owned()
}

/// What the repair gained and what it cost.
pub(crate) fn changed(repair: &Repair) -> Vec<String> {
    [target_cases(repair), correct_cases(repair), all_cases(repair)].into_iter().flatten().collect()
}

/// The same in one sentence.
pub(crate) fn gain_and_cost(repair: &Repair) -> String {
    let (gain, cost) = (target_cases(repair), correct_cases(repair));
    let (gain, cost) = (gain.unwrap_or_default(), cost.unwrap_or_default());
    if gain.is_empty() || cost.is_empty() {
        return gain + &cost;
    }
    format!("{}; {}", gain.trim_end_matches('.'), cost.replacen("Keeps", "keeps", 1))
}

fn target_cases(repair: &Repair) -> Option<String> {
    let names = targets(repair);
    let which = if names.is_empty() { String::new() } else { format!(" ({names})") };
    match repair.counts.target_repaired.zip(repair.counts.target) {
        Some((repaired, of)) => Some(format!(
            "Repaired {} of {} target cases{which}.",
            format::count(repaired),
            format::count(of)
        )),
        None => Some(format!("Repaired {} of the target cases{which}.", percent(repair.after.target?))),
    }
}

fn correct_cases(repair: &Repair) -> Option<String> {
    match repair.counts.correct_kept.zip(repair.counts.correct) {
        Some((kept, of)) => {
            Some(format!("Keeps {} of {} formerly correct cases.", format::count(kept), format::count(of)))
        }
        None => Some(format!("Keeps {} of the formerly correct cases.", percent(repair.after.correct?))),
    }
}

fn all_cases(repair: &Repair) -> Option<String> {
    let (before, after) = repair.before.all.zip(repair.after.all)?;
    Some(format!("Over all cases, accuracy goes from {} to {}.", percent(before), percent(after)))
}

/// How many cases changed sides; nothing where none did.
pub(crate) fn flips(repair: &Repair) -> Option<String> {
    (repair.fixed_total > 0 || repair.broken_total > 0).then(|| {
        format!(
            "Cases that were wrong and are now right: {}; cases that were right and are now wrong: {}.",
            format::count(repair.fixed_total),
            format::count(repair.broken_total)
        )
    })
}

fn percent(estimate: Estimate) -> String {
    format::percent(estimate.value, 1)
}

/// How the numbers were measured.
pub(crate) fn measured(repair: &Repair) -> Option<String> {
    (repair.folds > 0).then(|| {
        format!(
            "Measured by a cross-fit in {} folds: each case is judged by a network whose repair did not learn from it.",
            format::count(repair.folds)
        )
    })
}

/// How it was done; nothing where the method is unknown.
pub(crate) fn how(repair: &Repair) -> Option<String> {
    let settings = if repair.settings.is_empty() { String::new() } else { format!(", {}", repair.settings) };
    (!repair.method.is_empty()).then(|| format!("Method: {}{settings}.", method(&repair.method)))
}

/// What was measured, with its interval and the coverage of that.
pub(crate) fn estimate(criterion: &Criterion) -> String {
    let text = format::with_interval(criterion.estimate, 3);
    match (text.strip_suffix(')'), criterion.level) {
        (Some(open), Some(level)) => format!("{open}, {})", coverage(level)),
        _ => text,
    }
}

/// The coverage of intervals as a percentage without needless decimals.
pub(crate) fn coverage(level: f64) -> String {
    format::percent(level, if (1000.0 * level).round() % 10.0 == 0.0 { 0 } else { 1 })
}

/// The cases of a criterion, and how many more it would take to decide.
pub(crate) fn cases(criterion: &Criterion) -> String {
    let cases = format::count(criterion.cases);
    match criterion.needed {
        Some(more) => format!("{cases}; about {} more needed", format::count(more)),
        None => cases,
    }
}

/// How many subgroups there are and how many are shown to lose more than they may.
pub(crate) fn subgroups(subgroups: &[RepairSubgroup]) -> String {
    let failed = subgroups.iter().filter(|subgroup| !subgroup.passed).count() as u64;
    let all = format::count(subgroups.len() as u64);
    match failed {
        0 => format!("None of {all} subgroups is shown to fall by more than the margin."),
        1 => format!("1 of {all} subgroups is shown to fall by more than the margin."),
        _ => {
            format!("{} of {all} subgroups are shown to fall by more than the margin.", format::count(failed))
        }
    }
}

/// How many runs were accepted, where there are several.
pub(crate) fn runs(repair: &Repair) -> Option<String> {
    let accepted = repair.runs.iter().filter(|run| run.accepted == Some(true)).count();
    (!repair.runs.is_empty()).then(|| {
        format!(
            "Accepted in {accepted} of {} runs, each with a seed and subtypes of its own; what follows is the first.",
            repair.runs.len()
        )
    })
}

/// Which settings no other beats in both target and all cases.
pub(crate) fn front(tradeoffs: &[Tradeoff]) -> Vec<bool> {
    let beats = |a: &Tradeoff, b: &Tradeoff| {
        a.target >= b.target && a.all >= b.all && (a.target > b.target || a.all > b.all)
    };
    let on_front = |t: &Tradeoff| {
        t.target.is_finite() && t.all.is_finite() && !tradeoffs.iter().any(|other| beats(other, t))
    };
    tradeoffs.iter().map(on_front).collect()
}

/// How well the planted causes are found, where they are known.
pub(crate) fn causes_found(causes: &Causes) -> Option<String> {
    let one = |found: &PlantedCause| {
        format!(
            "“{}” {} ({} cases, by chance {})",
            found.kind,
            format::number(found.average_precision, 2),
            format::count(found.cases),
            format::number(found.cases as f64 / found.of.max(1) as f64, 3)
        )
    };
    let found: Vec<String> = causes.found.iter().map(one).collect();
    (!found.is_empty()).then(|| {
        format!("Planted here, and found by this ranking with an average precision of: {}.", found.join(", "))
    })
}

/// How many cases there are, and how many of them are shown where it is not all.
pub(crate) fn of_all(shown: usize, total: u64) -> String {
    let shown = shown as u64;
    let cases = if total.max(shown) == 1 { "case" } else { "cases" };
    match shown {
        _ if shown >= total => format!("{} {cases}", format::count(shown)),
        0 => format!("{} {cases}, none shown", format::count(total)),
        _ => format!("{} {cases}, {} shown", format::count(total), format::count(shown)),
    }
}

/// A mean with its spread over seeds.
pub(crate) fn measure(measure: Option<Measure>) -> String {
    let Some(m) = measure.filter(|m| m.mean.is_finite()) else { return format::MISSING.to_owned() };
    // A single run has no spread to show.
    match m.std > 0.0 {
        true => format!("{} ± {}", format::number(m.mean, 3), format::number(m.std, 3)),
        false => format::number(m.mean, 3),
    }
}

/// Seconds of a repair.
pub(crate) fn seconds(seconds: Option<f64>) -> String {
    seconds.map_or_else(|| format::MISSING.to_owned(), |s| format::number(s, if s < 10.0 { 1 } else { 0 }))
}

/// Every subtype that one of the sides names, with its accuracy before and after.
pub(crate) fn subtype_accuracies(repair: &Repair) -> Vec<(&str, Option<Estimate>, Option<Estimate>)> {
    let find = |accuracy: &RepairAccuracy, name: &str| {
        accuracy.per_subtype.iter().find(|(other, _)| other == name).and_then(|(_, estimate)| *estimate)
    };
    let mut seen = BTreeSet::new();
    let names =
        repair.before.per_subtype.iter().chain(&repair.after.per_subtype).map(|(name, _)| name.as_str());
    let names = names.filter(|name| seen.insert(*name));
    names.map(|name| (name, find(&repair.before, name), find(&repair.after, name))).collect()
}
