//! The panels of the page: a file each, and a line each in the table below. `items` and `measures` are what two of them share.

mod cases;
mod embedding;
mod finetuning;
mod items;
mod matrices;
mod measures;
mod metadata;
mod pictures;
mod provenance;
mod repair;
mod selection;
mod stress;
mod subtypings;
mod summary;
mod training;
mod uncertainty;

use std::collections::BTreeSet;

use maud::{Markup, html};

use crate::atlas::Atlas;
use crate::fields::{self, Field};
use crate::format;
use crate::input::{ReportInput, Subtyping};
use crate::svg::Figure;

/// A panel of the page.
pub(crate) struct Panel {
    /// Anchor in the page.
    pub id: &'static str,
    /// Headline.
    pub title: &'static str,
    /// Name in the list of panels.
    pub short: &'static str,
    /// The content; `None` where the study has nothing for it.
    render: fn(&Context<'_>) -> Option<Markup>,
    /// Its figures for files.
    figures: fn(&Context<'_>) -> Vec<Figure>,
}

/// All panels, in the order of the page.
const PANELS: &[Panel] = &[
    Panel { id: "summary", title: "In short", short: "Summary", render: summary::render, figures: none },
    Panel {
        id: "map",
        title: "Map of the failures",
        short: "Map",
        render: embedding::render,
        figures: embedding::figures,
    },
    Panel {
        id: "pictures",
        title: "Typical pictures",
        short: "Pictures",
        render: pictures::render,
        figures: none,
    },
    Panel { id: "cases", title: "Failing cases", short: "Cases", render: cases::render, figures: none },
    Panel {
        id: "matrices",
        title: "Fine-tuning matrices",
        short: "Matrices",
        render: matrices::render,
        figures: matrices::figures,
    },
    Panel {
        id: "subtypings",
        title: "Groupings compared",
        short: "Comparison",
        render: subtypings::render,
        figures: none,
    },
    Panel {
        id: "metadata",
        title: "Metadata of each kind",
        short: "Metadata",
        render: metadata::render,
        figures: metadata::figures,
    },
    Panel {
        id: "repair",
        title: "Repair",
        short: "Repair",
        render: repair::render,
        figures: repair::figures,
    },
    Panel {
        id: "finetuning",
        title: "Fine-tuning curves",
        short: "Curves",
        render: finetuning::render,
        figures: finetuning::figures,
    },
    Panel {
        id: "selection",
        title: "How many kinds",
        short: "Number",
        render: selection::render,
        figures: selection::figures,
    },
    Panel {
        id: "training",
        title: "Training of the network",
        short: "Training",
        render: training::render,
        figures: training::figures,
    },
    Panel {
        id: "uncertainty",
        title: "Which output to distrust",
        short: "Uncertainty",
        render: uncertainty::render,
        figures: uncertainty::figures,
    },
    Panel {
        id: "stress",
        title: "Stress tests",
        short: "Stress",
        render: stress::render,
        figures: stress::figures,
    },
    Panel {
        id: "provenance",
        title: "Where the numbers come from",
        short: "Provenance",
        render: provenance::render,
        figures: none,
    },
];

fn none(_: &Context<'_>) -> Vec<Figure> {
    Vec::new()
}

/// What all panels read.
pub(crate) struct Context<'a> {
    pub input: &'a ReportInput,
    pub atlas: Atlas,
    /// The pictures of each repair.
    pub repairs: Vec<Atlas>,
    pub fields: Vec<Field>,
    /// Index of the subtyping that the page opens with.
    pub chosen: usize,
}

impl<'a> Context<'a> {
    pub(crate) fn new(input: &'a ReportInput) -> Self {
        let named = |subtyping: &Subtyping| input.chosen.as_ref() == Some(&subtyping.name);
        let atlas = Atlas::of_cases(input);
        let pictures: Vec<_> = input.repairs.iter().map(repair::shown_pictures).collect();
        Self {
            input,
            repairs: atlas.of_repairs(&pictures),
            atlas,
            fields: fields::fields(input),
            chosen: input.subtypings.iter().position(named).unwrap_or(0),
        }
    }

    /// The content for each subtyping, of which the page shows one at a time.
    fn per_subtyping(&self, content: impl Fn(&'a Subtyping) -> Option<Markup>) -> Option<Markup> {
        let blocks: Vec<Option<Markup>> = self.input.subtypings.iter().map(content).collect();
        blocks.iter().any(Option::is_some).then(|| {
            html! {
                @for (i, block) in blocks.into_iter().enumerate() {
                    div data-when=(format!("subtyping={i}")) hidden[i != self.chosen] {
                        @match block {
                            Some(block) => (block),
                            None => p class="empty" { "Not computed for this grouping." },
                        }
                    }
                }
            }
        })
    }

    /// A window on the picture of a case; an empty frame where it has none.
    fn thumbnail(&self, case: usize) -> Markup {
        let id = self.input.cases.get(case).map_or("", |case| case.id.as_str());
        match self.atlas.sprite(case) {
            Some(sprite) => html! {
                svg class="thumb" role="img" tabindex="0" aria-label=(id) data-case=(case)
                    viewBox=(sprite.view_box()) { use href="#atlas" {} }
            },
            None => {
                html! { span class="thumb missing" tabindex="0" data-case=(case) { (format::shorten(id, 12)) } }
            }
        }
    }
}

/// The panels that have something to show.
pub(crate) fn rendered(context: &Context<'_>) -> Vec<(&'static Panel, Markup)> {
    PANELS.iter().filter_map(|panel| Some((panel, (panel.render)(context)?))).collect()
}

/// The figures of all panels under unique file names.
pub(crate) fn figures(context: &Context<'_>) -> Vec<(String, String)> {
    let mut taken = BTreeSet::new();
    let mut files = Vec::new();
    for figure in PANELS.iter().flat_map(|panel| (panel.figures)(context)) {
        let stem = format::slug(&figure.name);
        let numbered = (2..).map(|i| format!("{stem}-{i}"));
        let free = std::iter::once(stem.clone()).chain(numbered).find(|name| !taken.contains(name));
        let name = free.unwrap_or(stem);
        files.push((format!("{name}.svg"), figure.standalone()));
        taken.insert(name);
    }
    files
}

/// A method as a reader calls it.
pub(crate) fn method_title(name: &str) -> String {
    match name {
        "random" => "random groups (baseline)".to_owned(),
        "fpfn" => "predicted class (FP/FN)".to_owned(),
        "gradients" => "gradients of the network".to_owned(),
        "features" => "features of the network".to_owned(),
        other => other.to_owned(),
    }
}

/// A subtype as a reader calls it: a number needs a word before it.
pub(crate) fn kind_title(name: &str) -> String {
    let is_number = name.chars().all(|c| c.is_ascii_digit());
    if is_number { format!("Kind {name}") } else { name.to_owned() }
}

/// A button with the colour and name of a subtype, which filters the page by it.
fn subtype_button(subtyping: &Subtyping, index: usize) -> Markup {
    let name = subtyping.subtypes.get(index).map_or("", |subtype| subtype.name.as_str());
    html! {
        button class="kind" type="button" data-pick=(index) aria-pressed="false" {
            span class={ "swatch " (crate::palette::category_class(Some(index))) } {}
            span { (kind_title(&format::shorten(name, 40))) }
        }
    }
}

/// Buttons of which one is pressed: `key` is what they set, `options` value and name.
fn choice(key: &str, label: &str, options: &[(&str, &str)]) -> Markup {
    html! {
        span class="choice" role="group" aria-label=(label) {
            @for (i, (value, name)) in options.iter().enumerate() {
                button type="button" data-set=(format!("{key}={value}")) aria-pressed=(if i == 0 { "true" } else { "false" }) { (name) }
            }
        }
    }
}

/// Warnings.
fn notes(notes: &[String]) -> Markup {
    html! {
        @if !notes.is_empty() { ul class="notes" { @for note in notes { li { (note) } } } }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_panel_renders_an_empty_input() {
        let input = ReportInput::default();
        let context = Context::new(&input);
        for panel in PANELS {
            let content = (panel.render)(&context).map(Markup::into_string).unwrap_or_default();
            assert!(!content.contains("NaN"), "{}: {content}", panel.id);
            assert!((panel.figures)(&context).is_empty(), "{}", panel.id);
        }
    }

    #[test]
    fn anchors_are_unique() {
        let anchors: BTreeSet<&str> = PANELS.iter().map(|panel| panel.id).collect();
        assert_eq!(anchors.len(), PANELS.len());
    }
}
