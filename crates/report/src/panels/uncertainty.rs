//! Uncertainty methods side by side: how well each marks the real errors, in pictures, figures and numbers.

mod charts;
mod examples;
mod groups;
mod intervals;
mod placement;
mod tables;

use maud::{Markup, html};

use super::Context;
use crate::svg::Figure;

pub(super) fn render(context: &Context<'_>) -> Option<Markup> {
    let rows = &context.input.uncertainty;
    (!rows.is_empty()).then(|| {
        html! {
            p class="lead" {
                "Each method gives every pixel an uncertainty u. A good u is large where the output is wrong: its correlation with "
                "|error| is high, and removing the most uncertain pixels removes the error (a small sparsification area)."
            }
            (tables::reconstructions(&context.input.reconstructions))
            (tables::measures(rows))
            (intervals::render(context.input))
            (tables::direction(rows))
            (tables::noise(rows))
            (tables::rejection(rows))
            (groups::render(context.input))
            (examples::render(&context.input.examples))
            (charts::render(context))
            (placement::render(rows))
        }
    })
}

pub(super) fn figures(context: &Context<'_>) -> Vec<Figure> {
    if context.input.uncertainty.is_empty() {
        return Vec::new();
    }
    [
        examples::figures(&context.input.examples),
        charts::figures(context),
        placement::figures(&context.input.uncertainty),
    ]
    .concat()
}

/// A method as a reader calls it.
pub(super) fn title(method: &str) -> &str {
    match method {
        "ensemble" => "deep ensemble",
        "error" => "learned error",
        "gradient" => "input gradient",
        "inn" => "interval network",
        "mcdropout" => "Monte Carlo dropout",
        "probout" => "predicted variance",
        "tta" => "test-time augmentation",
        other => other,
    }
}
