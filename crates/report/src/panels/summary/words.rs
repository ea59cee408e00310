//! The sentences of the summary. Each says only what the input holds.

use std::collections::BTreeMap;

use super::super::{method_title, uncertainty};
use crate::fields::name_of;
use crate::format;
use crate::input::{Finding, RegionFacts, ReportInput, Subtype, Subtyping};

/// Both p-values below this: the kinds are called real.
const SIGNIFICANT: f64 = 0.05;
/// From this Learnability on, a kind is called repaired; from half of it on, repaired in part.
const REPAIRED: f64 = 0.7;
/// From this Independence on, a kind is called a kind of its own.
const INDEPENDENT: f64 = 0.3;

/// Which uncertainty marks the errors best.
fn what_marks(input: &ReportInput, model: &str) -> String {
    let items = format::count(input.facts.cases);
    let rows = input.uncertainty.iter().filter_map(|row| Some((row, row.pearson?)));
    match rows.reduce(|a, b| if b.1.value > a.1.value { b } else { a }) {
        None => format!("{model} on {items} test items; no method could be measured."),
        Some((row, pearson)) => format!(
            "{model} on {items} test items: its errors are marked best by the uncertainty of {}, whose correlation with |error| is {}.",
            uncertainty::title(&row.method),
            format::item_mean(Some(pearson), 3)
        ),
    }
}

/// How many cases fail.
pub(super) fn what_fails(input: &ReportInput) -> String {
    let facts = &input.facts;
    let model = if facts.model.is_empty() { "The network" } else { &facts.model };
    let regions = input.regions.as_ref().map(|regions| failing_regions(regions, facts.failures));
    if !input.uncertainty.is_empty() {
        let sentences = [Some(what_marks(input, model)), regions];
        return sentences.into_iter().flatten().collect::<Vec<_>>().join(" ");
    }
    if let Some(regions) = regions {
        return format!("{model}. {regions}");
    }
    let mut text = format!(
        "{model} gets {} of {} cases wrong",
        format::count(facts.failures),
        format::count(facts.cases)
    );
    if let Some(accuracy) = facts.accuracy {
        text += &format!("; its accuracy is {}", format::percent(accuracy.value, 1));
        if let Some((lo, hi)) = accuracy.lo.zip(accuracy.hi) {
            text += &format!(" (95 % interval {} to {})", format::percent(lo, 1), format::percent(hi, 1));
        }
    }
    text + "."
}

/// What the failures of a reconstruction network are.
fn failing_regions(facts: &RegionFacts, failures: u64) -> String {
    let (what, pictures) = match facts.signals {
        true => (
            format!("intervals of about {} samples", facts.edge),
            "the target in grey and the output in colour",
        ),
        false => (
            format!("regions of about {0} x {0} pixels", facts.edge),
            "target, output and |error| side by side, the error the brighter the larger",
        ),
    };
    format!(
        "Its {} failures are the worst of the {} {what} of {} items that it was not trained on: those whose root mean squared error is above {}. \
         At most that counts as right here, and after fine-tuning as repaired. Pictures show {pictures}.",
        format::count(failures),
        format::count(facts.regions),
        format::count(facts.items),
        format::significant(facts.threshold)
    )
}

/// Whether the kinds are real, in a few words, and the class of the box.
pub(super) fn verdict(subtyping: &Subtyping) -> (&'static str, &'static str) {
    match subtyping.p_learnability.zip(subtyping.p_independence) {
        None => ("Not tested.", "open"),
        Some((l, i)) if l < SIGNIFICANT && i < SIGNIFICANT => ("The evidence says yes.", "yes"),
        Some((l, i)) if l < SIGNIFICANT || i < SIGNIFICANT => ("In part.", "open"),
        Some(_) => ("No evidence for it.", "no"),
    }
}

/// The evidence behind the verdict.
pub(super) fn evidence(input: &ReportInput, subtyping: &Subtyping) -> Vec<String> {
    let random = input.subtypings.iter().find(|other| other.name == "random" && subtyping.name != "random");
    let beside = |value: Option<String>| value.map_or_else(String::new, |v| format!(" (random groups: {v})"));
    let mut sentences = Vec::new();
    if let Some(l) = subtyping.learnability {
        sentences.push(format!(
            "Grouped by {}: fine-tuned on one kind, the network gets on average {} of this kind's unseen cases right{}.",
            method_title(&subtyping.name),
            format::percent(l.mean, 0),
            beside(random.and_then(|r| r.learnability).map(|m| format::percent(m.mean, 0)))
        ));
    }
    if let Some(i) = subtyping.independence {
        let points = |mean: f64| format!("{} percentage points", format::number(mean * 100.0, 0));
        sentences.push(format!(
            "On its own kind it is better than on the other kinds by {}{}.",
            points(i.mean),
            beside(random.and_then(|r| r.independence).map(|m| points(m.mean)))
        ));
    }
    if let Some((l, i)) = subtyping.p_learnability.zip(subtyping.p_independence) {
        sentences.push(format!(
            "Random groups of the same sizes do as well by chance with {} (learnability) and {} (independence).",
            with_p(l),
            with_p(i)
        ));
    }
    if let Some(stability) = subtyping.stability {
        sentences.push(format!(
            "With other seeds the kinds are found again with an adjusted Rand index of {} (1 would be the same kinds).",
            format::number(stability.mean, 2)
        ));
    }
    if let Some(truth) = subtyping.truth {
        sentences.push(format!(
            "The true kinds are known here; the adjusted Rand index with them is {}.",
            format::number(truth.ari, 2)
        ));
    }
    sentences
}

/// A p-value as part of a sentence, kept on one line.
fn with_p(p: f64) -> String {
    let value = format::p_value(Some(p));
    if value.starts_with('<') { format!("p\u{a0}{value}") } else { format!("p\u{a0}=\u{a0}{value}") }
}

/// The most frequent confusion of a kind.
pub(super) fn confusion(input: &ReportInput, subtyping: &Subtyping, index: usize) -> Option<String> {
    let mut counts: BTreeMap<(usize, usize), usize> = BTreeMap::new();
    let own = input.cases.iter().zip(&subtyping.labels).filter(|(_, label)| **label == Some(index));
    for pair in own.filter_map(|(case, _)| case.truth.zip(case.prediction)) {
        *counts.entry(pair).or_default() += 1;
    }
    let total: usize = counts.values().sum();
    let (&(truth, prediction), &n) = counts.iter().max_by_key(|&(pair, n)| (n, std::cmp::Reverse(pair)))?;
    let (truth, prediction) = (name_of(&input.classes, truth), name_of(&input.classes, prediction));
    let how_often = if n == total { "All are".to_owned() } else { format!("{n} of {total} are") };
    Some(format!("{how_often} “{truth}” taken for “{prediction}”."))
}

/// A metadata value that explains a kind.
pub(super) fn explanation(finding: &Finding) -> String {
    let than =
        finding.lift.map_or_else(String::new, |lift| format!(", {} times as often", format::number(lift, 1)));
    format!(
        "{} is “{}” in {} of this kind, in {} of the other failures{than}.",
        capitalised(&finding.column),
        finding.value,
        format::percent(finding.share_in, 0),
        format::percent(finding.share_elsewhere, 0),
    )
}

fn capitalised(text: &str) -> String {
    let mut characters = text.chars();
    characters.next().map_or_else(String::new, |first| first.to_uppercase().chain(characters).collect())
}

/// What fine-tuning says about a kind.
pub(super) fn judgement(subtype: &Subtype) -> String {
    if subtype.label_noise {
        return "Label noise suspected: look at the labels before any repair.".to_owned();
    }
    let (Some(l), Some(i)) = (subtype.learnability, subtype.independence) else {
        return "Not examined by fine-tuning.".to_owned();
    };
    let repaired = match l.value {
        v if v >= REPAIRED => "Fine-tuning repairs it",
        v if v >= REPAIRED / 2.0 => "Fine-tuning repairs part of it",
        _ => "Fine-tuning hardly repairs it",
    };
    let own =
        if i.value >= INDEPENDENT { "a kind of its own" } else { "not clearly apart from the other kinds" };
    format!("{repaired}; {own}.")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::{Case, Estimate, Facts, UncertaintyRow};

    fn subtype(l: f64, i: f64) -> Subtype {
        let estimate = |value| Some(Estimate { value, lo: None, hi: None });
        Subtype { learnability: estimate(l), independence: estimate(i), ..Subtype::default() }
    }

    #[test]
    fn failing_regions_are_told_whatever_else_was_asked() {
        let regions =
            Some(RegionFacts { items: 8, regions: 200, edge: 32, signals: false, threshold: 0.051 });
        let facts = Facts { model: "unet.onnx".to_owned(), cases: 5, failures: 40, ..Facts::default() };
        let mut input = ReportInput { facts, regions, ..ReportInput::default() };
        let alone = what_fails(&input);
        assert!(alone.starts_with(
            "unet.onnx. Its 40 failures are the worst of the 200 regions of about 32 x 32 pixels of 8 items"
        ));
        assert!(alone.contains("above 0.051") && !alone.contains("wrong"), "{alone}");
        input.uncertainty = vec![UncertaintyRow::default()];
        assert!(what_fails(&input).starts_with("unet.onnx on 5 test items"));
        assert!(what_fails(&input).ends_with(alone.trim_start_matches("unet.onnx. ")));
    }

    #[test]
    fn judgements_follow_the_scores() {
        assert_eq!(judgement(&subtype(0.9, 0.6)), "Fine-tuning repairs it; a kind of its own.");
        assert_eq!(
            judgement(&subtype(0.4, 0.1)),
            "Fine-tuning repairs part of it; not clearly apart from the other kinds."
        );
        assert!(judgement(&Subtype { label_noise: true, ..subtype(0.9, 0.6) }).contains("Label noise"));
        assert_eq!(judgement(&Subtype::default()), "Not examined by fine-tuning.");
    }

    #[test]
    fn real_needs_both_p_values() {
        let of =
            |l, i| verdict(&Subtyping { p_learnability: l, p_independence: i, ..Subtyping::default() }).1;
        assert_eq!(of(Some(0.01), Some(0.01)), "yes");
        assert_eq!(of(Some(0.01), Some(0.2)), "open");
        assert_eq!(of(Some(0.3), Some(0.2)), "no");
        assert_eq!(of(None, Some(0.001)), "open");
    }

    #[test]
    fn the_most_frequent_confusion_is_named() {
        let case =
            |truth, prediction| Case { truth: Some(truth), prediction: Some(prediction), ..Case::default() };
        let input = ReportInput {
            classes: vec!["benign".to_owned(), "malignant".to_owned()],
            cases: vec![case(1, 0), case(1, 0), case(0, 1), case(0, 1)],
            ..ReportInput::default()
        };
        let subtyping = Subtyping { labels: vec![Some(0), Some(0), Some(0), None], ..Subtyping::default() };
        let text = confusion(&input, &subtyping, 0).unwrap();
        assert_eq!(text, "2 of 3 are “malignant” taken for “benign”.");
        assert_eq!(confusion(&input, &subtyping, 1), None);
    }
}
