//! The subtypings side by side, and the subtypes of each.

use maud::{Markup, html};

use super::{Context, method_title, notes, subtype_button};
use crate::format;
use crate::input::{Estimate, Measure, Subtype, Subtyping};
use crate::svg::interval;

/// Left end of the scale for Independence, which can be negative.
const LEAST_INDEPENDENCE: f64 = -0.5;

pub(super) fn render(context: &Context<'_>) -> Option<Markup> {
    let subtypings = &context.input.subtypings;
    let details = context.per_subtyping(|subtyping| Some(detail(subtyping)))?;
    let truth = subtypings.iter().any(|subtyping| subtyping.truth.is_some());
    Some(html! {
        p class="lead" {
            "Every way of grouping the failures, judged by the same fine-tuning: high L and I with a small p speak for kinds that are real. "
            "L and I are means ± standard deviation over the kinds."
        }
        div class="card scroll" {
            table class="compare" {
                thead { tr {
                    th { "Grouped by" } th class="num" { "Kinds" } th class="num" { "L" } th class="num" { "p (L)" }
                    th class="num" { "I" } th class="num" { "p (I)" } th class="num" { "Generalisability" }
                    th class="num" { "Compatibility" } th class="num" { "Silhouette" } th class="num" { "Stability (ARI)" }
                    @if truth { th class="num" { "True kinds (ARI)" } th class="num" { "(NMI)" } }
                } }
                tbody { @for (i, subtyping) in subtypings.iter().enumerate() { (method_row(context, i, subtyping, truth)) } }
            }
        }
        (details)
    })
}

fn method_row(context: &Context<'_>, index: usize, subtyping: &Subtyping, truth: bool) -> Markup {
    let pressed = if index == context.chosen { "true" } else { "false" };
    html! {
        tr {
            th scope="row" {
                button type="button" class="link" data-set=(format!("subtyping={index}")) aria-pressed=(pressed) { (method_title(&subtyping.name)) }
            }
            td class="num" { (subtyping.subtypes.len()) }
            (measure(subtyping.learnability))
            td class="num" { (format::p_value(subtyping.p_learnability)) }
            (measure(subtyping.independence))
            td class="num" { (format::p_value(subtyping.p_independence)) }
            (measure(subtyping.generalisability))
            (measure(subtyping.compatibility))
            td class="num" { (format::score(subtyping.silhouette)) }
            (measure(subtyping.stability))
            @if truth {
                td class="num" { (format::score(subtyping.truth.map(|truth| truth.ari))) }
                td class="num" { (format::score(subtyping.truth.map(|truth| truth.nmi))) }
            }
        }
    }
}

fn measure(measure: Option<Measure>) -> Markup {
    html! { td class="num" data-tip=(format::measure_tip(measure)) { (format::measure(measure)) } }
}

fn detail(subtyping: &Subtyping) -> Markup {
    html! {
        div class="card scroll" {
            table {
                caption { "Kinds by " (method_title(&subtyping.name)) }
                thead { tr {
                    th { "Kind" } th class="num" { "Cases" } th { "L: repaired when trained on" } th { "I: advantage over other kinds" }
                    th { "Generalisability" } th { "Compatibility" }
                } }
                tbody { @for (i, subtype) in subtyping.subtypes.iter().enumerate() { (subtype_row(subtyping, i, subtype)) } }
            }
            @if !subtyping.description.is_empty() { p class="muted" { (subtyping.description) } }
            @if !subtyping.test.is_empty() { p class="muted" { "p-values: " (subtyping.test) } }
            (notes(&subtyping.notes))
        }
    }
}

fn subtype_row(subtyping: &Subtyping, index: usize, subtype: &Subtype) -> Markup {
    let bar = |estimate: Option<Estimate>, least| html! { td { (interval::bar(estimate, least)) } };
    html! {
        tr data-subtype=(index) {
            td { (subtype_button(subtyping, index)) }
            td class="num" { (format::count(subtype.size)) }
            (bar(subtype.learnability, 0.0))
            (bar(subtype.independence, LEAST_INDEPENDENCE))
            (bar(subtype.generalisability, 0.0))
            (bar(subtype.compatibility, 0.0))
        }
    }
}
