//! The list of failing cases, filled and filtered by the script.

use maud::{Markup, html};

use super::Context;
use crate::format;

pub(super) fn render(context: &Context<'_>) -> Option<Markup> {
    if context.input.cases.is_empty() {
        return None;
    }
    let left_out = context.atlas.left_out;
    Some(html! {
        div class="controls" {
            label { span { "Order" } " "
                select id="case-order" autocomplete="off" {
                    option value="" { "as in the data" }
                    @for (i, field) in context.fields.iter().enumerate() { option value=(i) { (field.name) } }
                }
            }
            label { span { "Find" } " " input id="case-search" type="search" placeholder="name of a case" autocomplete="off"; }
            span id="case-count" class="muted" aria-live="polite" { (format::count(context.input.cases.len() as u64)) " cases" }
        }
        div id="case-list" class="case-list" {}
        button id="case-more" type="button" hidden { "Show more" }
        @if left_out > 0 {
            p class="muted" { "The pictures of " (format::count(left_out as u64)) " cases are left out to keep the file small." }
        }
    })
}
