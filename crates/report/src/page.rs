//! The document around the panels.

use base64::Engine;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use sha2::{Digest, Sha256};

use crate::panels::{self, Context};
use crate::{palette, payload};

const SCRIPT: &str = include_str!("../assets/report.js");
const STYLE: &str = include_str!("../assets/report.css");

/// The whole page.
pub(crate) fn document(context: &Context<'_>) -> Markup {
    let style = format!("{}{STYLE}", palette::css());
    let panels = panels::rendered(context);
    let study = if context.input.study.is_empty() { "Failure report" } else { &context.input.study };
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(policy(&style));
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (study) " – failure report" }
                style { (PreEscaped(&style)) }
            }
            body {
                (atlas(context))
                (header(context, study, &panels))
                (toolbar(context))
                main {
                    @for (panel, content) in &panels {
                        section id=(panel.id) class="panel" aria-labelledby=(format!("{}-title", panel.id)) {
                            h2 id=(format!("{}-title", panel.id)) { (panel.title) }
                            (content)
                        }
                    }
                    @if panels.is_empty() { p class="lead" { "This study has no results yet." } }
                }
                div id="tip" role="status" hidden {}
                script type="application/json" id="report-data" { (PreEscaped(payload::json(context))) }
                script { (PreEscaped(SCRIPT)) }
            }
        }
    }
}

/// Allows the one script and the one style sheet by their hashes, pictures inside the file, and nothing else.
fn policy(style: &str) -> String {
    let hash = |text: &str| base64::engine::general_purpose::STANDARD.encode(Sha256::digest(text));
    format!(
        "default-src 'none'; img-src data:; style-src 'sha256-{}'; script-src 'sha256-{}'; base-uri 'none'; form-action 'none'",
        hash(style),
        hash(SCRIPT)
    )
}

/// The picture that all thumbnails are windows of, and the window that the script copies.
fn atlas(context: &Context<'_>) -> Markup {
    let atlas = &context.atlas;
    html! {
        svg class="store" aria-hidden="true" width="0" height="0" {
            defs {
                @if atlas.width > 0 {
                    image id="atlas" width=(atlas.width) height=(atlas.height)
                        href=(format!("data:image/png;base64,{}", atlas.base64)) {}
                }
            }
        }
        template id="thumb" { svg class="thumb" role="img" { use href="#atlas" {} } }
    }
}

fn header(context: &Context<'_>, study: &str, panels: &[(&panels::Panel, Markup)]) -> Markup {
    html! {
        header class="top" {
            div class="title" {
                h1 { (study) }
                @if !context.input.facts.model.is_empty() {
                    p class="subtitle" { @if context.input.uncertainty.is_empty() { "Failure report for " } @else { "Uncertainty of " } strong { (context.input.facts.model) } }
                }
            }
            nav aria-label="Panels" {
                @for (panel, _) in panels { a href=(format!("#{}", panel.id)) { (panel.short) } }
            }
        }
    }
}

fn toolbar(context: &Context<'_>) -> Markup {
    let subtypings = &context.input.subtypings;
    html! {
        div class="toolbar" {
            @if !subtypings.is_empty() {
                label { span { "Failures grouped by" } " "
                    select data-state="subtyping" autocomplete="off" {
                        @for (i, subtyping) in subtypings.iter().enumerate() {
                            option value=(i) selected[i == context.chosen] { (panels::method_title(&subtyping.name)) }
                        }
                    }
                }
                span class="filter" aria-live="polite" {
                    span id="filter-text" { "All failures" }
                    button id="filter-clear" type="button" hidden { "Show all" }
                }
            }
            span class="space" {}
            button id="theme" type="button" { "Dark" }
        }
    }
}
