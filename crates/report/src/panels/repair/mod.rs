//! What a repair changed, whether it may be used, and the evidence for both.

mod charts;
mod pictures;
mod tables;

use maud::{Markup, html};

use super::Context;
use crate::evidence::words;
use crate::input::{Causes, Repair};
use crate::svg::Figure;

pub(crate) use pictures::shown as shown_pictures;

pub(super) fn render(context: &Context<'_>) -> Option<Markup> {
    let repairs = &context.input.repairs;
    (!repairs.is_empty()).then(|| {
        html! {
            p class="lead" {
                "A repair changes the weights of the network so that it gets chosen kinds of failure right. It is accepted only if it passes "
                "every criterion; the criteria and their margins are fixed before the repair begins. A repair that gains much but may cost "
                "too much, or that too few cases speak for, is refused."
            }
            @for (index, repair) in repairs.iter().enumerate() { (one(context, index, repair)) }
        }
    })
}

pub(super) fn figures(context: &Context<'_>) -> Vec<Figure> {
    context.input.repairs.iter().flat_map(charts::figures).collect()
}

fn one(context: &Context<'_>, index: usize, repair: &Repair) -> Markup {
    html! {
        article class="repair" {
            (decision(repair))
            (tables::runs(&repair.runs))
            (charts::render(repair))
            (tables::criteria(&repair.criteria))
            (tables::subgroups(&repair.subgroups))
            (tables::methods(repair))
            (tables::settings(&repair.tradeoffs))
            (pictures::changed(context, index, repair))
            @if let Some(causes) = &repair.causes { (cause_card(context, index, repair, causes)) }
            (tables::risks(&repair.protocol))
            (tables::audit(&repair.audit))
            (tables::protocol(&repair.protocol))
            (tables::hashes(&repair.hashes))
        }
    }
}

/// The decision and what changed, in words.
fn decision(repair: &Repair) -> Markup {
    let class = match repair.accepted {
        Some(true) => "yes",
        Some(false) => "no",
        None => "open",
    };
    html! {
        div class={ "verdict " (class) } {
            h3 { (words::name(repair)) ": " span { (words::verdict(repair)) "." } }
            @if !repair.reason.is_empty() { p { (repair.reason) } }
            p { strong { (words::changed(repair).join(" ")) } }
            @for sentence in [words::runs(repair), words::flips(repair), words::measured(repair), words::how(repair)].into_iter().flatten() {
                p { (sentence) }
            }
            @match &repair.model {
                Some(path) => p { "The repaired network in the output folder: " code { (path) } },
                None => p { "No repaired network was written." },
            }
        }
    }
}

fn cause_card(context: &Context<'_>, index: usize, repair: &Repair, causes: &Causes) -> Markup {
    html! {
        div class="card" {
            h3 { "Training cases that pulled the network toward these failures" }
            @if !causes.summary.is_empty() { p { (causes.summary) } }
            @if let Some(sentence) = words::causes_found(causes) { p { (sentence) } }
            (pictures::causes(context, index, repair, causes))
        }
    }
}
