//! The 2-D embedding as a scatter plot.

use maud::{Markup, html};

use super::{Context, method_title};
use crate::svg::Figure;
use crate::svg::scatter::{self, Places};

pub(super) fn render(context: &Context<'_>) -> Option<Markup> {
    let places = places(context)?;
    let subtypings = &context.input.subtypings;
    let labels = subtypings.get(context.chosen).map(|s| s.labels.as_slice()).unwrap_or_default();
    Some(html! {
        p class="lead" {
            "Each dot is a failing case; cases that the network gets wrong in a similar way lie close together. "
            "Point at a dot to see its picture; click a kind to show only that kind on the whole page."
        }
        div class="map card" {
            div class="plot" {
                svg id="scatter" class="scatter" tabindex="0" role="application" viewBox=(scatter::view_box(&places))
                    aria-label="Map of the failing cases. Arrow keys go from case to case, Escape leaves." {
                    (scatter::dots(&places, labels))
                    @for (i, subtyping) in subtypings.iter().enumerate() {
                        g data-when=(format!("subtyping={i} colour=subtype")) hidden[i != context.chosen] {
                            (scatter::names(&places, subtyping))
                        }
                    }
                    circle id="cursor" r="9" fill="none" hidden {}
                }
            }
            div class="side" {
                label { span { "Colour" } " "
                    select id="colour" data-state="colour" autocomplete="off" {
                        @if !subtypings.is_empty() { option value="subtype" selected { "kind of failure" } }
                        @for (i, field) in context.fields.iter().enumerate() { option value=(i) { (field.name) } }
                    }
                }
                div id="legend" class="legend" role="group" aria-label="Legend: filters the page" {}
            }
        }
    })
}

pub(super) fn figures(context: &Context<'_>) -> Vec<Figure> {
    let Some(places) = places(context) else { return Vec::new() };
    let subtypings = context.input.subtypings.iter();
    subtypings
        .map(|subtyping| {
            let title = format!("Map of the failures by {}", method_title(&subtyping.name));
            scatter::figure(&places, subtyping, &title).named(format!("embedding-{}", subtyping.name))
        })
        .collect()
}

/// Places of the cases; `None` where no case has one.
fn places(context: &Context<'_>) -> Option<Places> {
    let places = Places::fit(context.input.cases.iter().map(|case| (case.x, case.y)));
    places.of.iter().any(Option::is_some).then_some(places)
}
