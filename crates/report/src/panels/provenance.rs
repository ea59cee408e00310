//! Where the numbers come from.

use maud::{Markup, html};

use super::Context;
use crate::format;
use crate::input::Provenance;

pub(super) fn render(context: &Context<'_>) -> Option<Markup> {
    let provenance = &context.input.provenance;
    if *provenance == Provenance::default() {
        return None;
    }
    Some(html! {
        div class="provenance" {
            div class="card scroll" { (facts(context.input.facts.seed, provenance)) }
            @if !provenance.steps.is_empty() { div class="card scroll" { (steps(provenance)) } }
        }
        @if !provenance.study_yaml.is_empty() {
            details class="card" { summary { "Study file as read" } pre { (provenance.study_yaml) } }
        }
    })
}

fn facts(seed: u64, provenance: &Provenance) -> Markup {
    let seeds: Vec<String> = provenance.seeds.iter().map(u64::to_string).collect();
    html! {
        table class="facts" {
            tbody {
                @if !provenance.program_version.is_empty() { tr { th scope="row" { "Program" } td { (provenance.program_version) } } }
                tr { th scope="row" { "Seed of the study" } td { (seed) } }
                @if !seeds.is_empty() { tr { th scope="row" { "Seeds of the runs" } td { (seeds.join(", ")) } } }
                @for (name, value) in &provenance.machine { tr { th scope="row" { (name) } td { (value) } } }
                @for file in &provenance.inputs { tr { th scope="row" { (file.path) } td class="hash" { (file.hash) } } }
            }
        }
    }
}

fn steps(provenance: &Provenance) -> Markup {
    html! {
        table {
            thead { tr { th { "Step" } th class="num" { "Seconds" } th { "Result" } th { "Key" } } }
            tbody {
                @for step in &provenance.steps {
                    tr {
                        th scope="row" { (step.name) }
                        td class="num" { (format::number(step.seconds, 1)) }
                        td { (if step.cached { "from the cache" } else { "computed" }) }
                        td class="hash" data-tip=(step.key) { (format::shorten(&step.key, 14)) }
                    }
                }
            }
        }
    }
}
