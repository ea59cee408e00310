//! The results in words and figures first: what fails, which kinds, whether they are real, what explains each.

mod words;

use maud::{Markup, html};

use super::{Context, method_title, notes, subtype_button};
use crate::evidence::words as evidence;
use crate::format;
use crate::input::{Repair, Subtype, Subtyping};
use crate::svg::interval;

/// Pictures per kind.
const PICTURES: usize = 6;
/// Explanations per kind.
const EXPLANATIONS: usize = 3;

pub(super) fn render(context: &Context<'_>) -> Option<Markup> {
    let input = context.input;
    if input.facts.cases == 0 && input.cases.is_empty() && input.subtypings.is_empty() {
        return None;
    }
    let kinds = context.per_subtyping(|subtyping| Some(of_subtyping(context, subtyping)));
    Some(html! {
        p class="lead" { (words::what_fails(input)) }
        (notes(&input.notes))
        @for repair in &input.repairs { (repaired(repair)) }
        @if let Some(kinds) = kinds { (kinds) }
        @if !input.subtypings.is_empty() { (glossary()) }
    })
}

/// A repair in two sentences: the decision, and what it changed.
fn repaired(repair: &Repair) -> Markup {
    html! {
        p class="repaired" {
            strong { (evidence::name(repair)) ": " (evidence::verdict(repair).to_lowercase()) "." } " "
            @if let Some(runs) = evidence::runs(repair) { (runs) " " }
            (evidence::gain_and_cost(repair)) " "
            a href="#repair" { "The evidence" }
        }
    }
}

fn of_subtyping(context: &Context<'_>, subtyping: &Subtyping) -> Markup {
    let (real, class) = words::verdict(subtyping);
    html! {
        (tiles(context, subtyping))
        div class={ "verdict " (class) } {
            h3 { "Are these kinds real? " span { (real) } }
            @for sentence in words::evidence(context.input, subtyping) { p { (sentence) } }
        }
        (notes(&subtyping.notes))
        div class="kinds" {
            @for (i, subtype) in subtyping.subtypes.iter().enumerate() { (kind(context, subtyping, i, subtype)) }
        }
    }
}

fn tiles(context: &Context<'_>, subtyping: &Subtyping) -> Markup {
    let facts = &context.input.facts;
    let accuracy = facts.accuracy.map(|a| (format::percent(a.value, 1), format::estimate_tip(Some(a))));
    let measure =
        |m| (format::score(Option::map(m, |m: crate::input::Measure| m.mean)), format::measure_tip(m));
    let learnability = measure(subtyping.learnability);
    let independence = measure(subtyping.independence);
    html! {
        dl class="tiles" {
            @if let Some((value, tip)) = accuracy { (tile("Accuracy", &value, &tip)) }
            (tile("Failures", &format::count(facts.failures), "cases that the network gets wrong"))
            (tile("Kinds", &subtyping.subtypes.len().to_string(), &format!("by {}", method_title(&subtyping.name))))
            (tile("Learnability L", &learnability.0, &learnability.1))
            (tile("Independence I", &independence.0, &independence.1))
            (tile("p of I", &format::p_value(subtyping.p_independence), "chance that random groups do as well"))
        }
    }
}

fn tile(name: &str, value: &str, tip: &str) -> Markup {
    html! { div data-tip=(tip) { dt { (name) } dd { (value) } } }
}

fn kind(context: &Context<'_>, subtyping: &Subtyping, index: usize, subtype: &Subtype) -> Markup {
    let total: u64 = subtyping.subtypes.iter().map(|s| s.size).sum();
    let pictures = subtype.nearest.iter().filter(|&&case| case < context.input.cases.len()).take(PICTURES);
    let explanations =
        subtyping.findings.iter().filter(|finding| finding.subtype == index).take(EXPLANATIONS);
    html! {
        article class="card summary-kind" data-subtype=(index) {
            header {
                (subtype_button(subtyping, index))
                span class="muted" { (format::count(subtype.size)) " cases"
                    @if total > 0 { ", " (format::percent(subtype.size as f64 / total as f64, 0)) " of the failures" } }
            }
            div class="thumbs" { @for &case in pictures { (context.thumbnail(case)) } }
            @if let Some(text) = words::confusion(context.input, subtyping, index) { p { (text) } }
            @for finding in explanations { p { (words::explanation(finding)) } }
            p class="judgement" { (words::judgement(subtype)) }
            dl class="scores" {
                dt { abbr title="Learnability" { "L" } } dd { (interval::bar(subtype.learnability, 0.0)) }
                dt { abbr title="Independence" { "I" } } dd { (interval::bar(subtype.independence, -0.5)) }
            }
            (notes(&subtype.notes))
        }
    }
}

fn glossary() -> Markup {
    let entries = [
        (
            "Learnability (L)",
            "The network is fine-tuned on one kind of failure; L is the share of this kind's other cases, which it has not seen, that it then \
             gets right. 1: the kind is repaired; 0: not at all.",
        ),
        (
            "Independence (I)",
            "How much better the fine-tuned network does on its own kind than, on average, on the other kinds. Near 0: any other kind is repaired \
             just as well, so that the kinds are not different things; near 1: a kind of its own.",
        ),
        (
            "p",
            "How likely it is that groups drawn at random, of the same sizes, do as well. Small (below 0.05, better 0.01): the kinds are unlikely \
             to be an accident.",
        ),
        (
            "95 % interval",
            "Where the number would lie in 95 of 100 repetitions with other cases of the same sort. Wide: too few cases to be sure.",
        ),
        (
            "Compatibility",
            "The share of the formerly correct cases that are still correct after fine-tuning.",
        ),
        (
            "Generalisability",
            "How much of what fine-tuning reaches on the cases it learns from holds for cases that it has not seen.",
        ),
        ("Silhouette", "How clearly the kinds lie apart from each other, from −1 to 1."),
        (
            "Adjusted Rand index (ARI)",
            "Agreement of two groupings: 1 the same, 0 as by chance. Between seeds it tells whether the kinds are found again.",
        ),
    ];
    html! {
        details class="card glossary" {
            summary { "What the words mean" }
            dl { @for (word, meaning) in entries { dt { (word) } dd { (meaning) } } }
        }
    }
}
