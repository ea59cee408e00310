//! The cases that a repair changed and the cases behind the failures, as pictures.

use maud::{Markup, html};

use crate::evidence::words;
use crate::fields::name_of;
use crate::format;
use crate::input::{CauseCase, Causes, Repair, RepairedCase, Thumbnail};
use crate::panels::{Context, kind_title};

/// Most pictures of each sort.
const SHOWN: usize = 24;

/// The pictures that the panel shows: fixed cases, then broken ones, then causes.
pub(crate) fn shown(repair: &Repair) -> Vec<Option<&Thumbnail>> {
    let changed = first(&repair.fixed).iter().chain(first(&repair.broken)).map(|case| case.picture.as_ref());
    let causes = repair.causes.as_ref().map(|causes| first(&causes.cases)).unwrap_or_default();
    changed.chain(causes.iter().map(|case| case.picture.as_ref())).collect()
}

/// The entries that the page has room for.
fn first<T>(entries: &[T]) -> &[T] {
    entries.get(..SHOWN).unwrap_or(entries)
}

/// Cases that became right and cases that became wrong.
pub(super) fn changed(context: &Context<'_>, index: usize, repair: &Repair) -> Markup {
    let Some(atlas) = context.repairs.get(index) else { return Markup::default() };
    let fixed = first(&repair.fixed).len();
    html! {
        @if atlas.width > 0 {
            svg class="store" aria-hidden="true" width="0" height="0" {
                defs {
                    image id=(atlas_id(index)) width=(atlas.width) height=(atlas.height)
                        href=(format!("data:image/png;base64,{}", atlas.base64)) {}
                }
            }
        }
        (gallery(context, (index, 0), "Wrong before, right now", &repair.fixed, repair.fixed_total))
        (gallery(context, (index, fixed), "Right before, wrong now", &repair.broken, repair.broken_total))
        @if atlas.left_out > 0 {
            p class="muted" { (format::count(atlas.left_out as u64)) " pictures are left out to keep the file small." }
        }
    }
}

fn gallery(
    context: &Context<'_>,
    (index, offset): (usize, usize),
    title: &str,
    cases: &[RepairedCase],
    total: u64,
) -> Markup {
    html! {
        @if !cases.is_empty() || total > 0 {
            div class="card" {
                h3 { (title) span class="muted" { " " (words::of_all(first(cases).len(), total)) } }
                @if !cases.is_empty() { p class="muted" { "Predicted class before → after." } }
                div class="case-list" {
                    @for (i, case) in first(cases).iter().enumerate() {
                        figure class="case plain" data-tip=(tip(context, case)) {
                            (picture(context, index, offset + i, &case.id))
                            figcaption { strong { (case.id) } (predictions(context, case)) }
                        }
                    }
                }
            }
        }
    }
}

/// The training cases behind the failures, the strongest first.
pub(super) fn causes(context: &Context<'_>, index: usize, repair: &Repair, causes: &Causes) -> Markup {
    let offset = first(&repair.fixed).len() + first(&repair.broken).len();
    let shown = first(&causes.cases);
    html! {
        @if !shown.is_empty() {
            p class="muted" { (words::of_all(shown.len(), causes.cases.len() as u64)) ", the strongest pull first" }
            div class="case-list" {
                @for (i, case) in shown.iter().enumerate() {
                    figure class="case plain" {
                        (picture(context, index, offset + i, &case.id))
                        figcaption { strong { (case.id) } (trained_as(context, case)) }
                    }
                }
            }
        }
    }
}

fn trained_as(context: &Context<'_>, case: &CauseCase) -> Markup {
    html! {
        @if let Some(label) = case.label { "trained as “" (name_of(&context.input.classes, label)) "”, " }
        "pull " (format::number(case.score, 2))
        @if let Some(subtype) = &case.toward { " toward " (kind_title(subtype)) }
    }
}

fn atlas_id(index: usize) -> String {
    format!("repair-atlas-{index}")
}

fn picture(context: &Context<'_>, index: usize, place: usize, id: &str) -> Markup {
    match context.repairs.get(index).and_then(|atlas| atlas.sprite(place)) {
        Some(sprite) => html! {
            svg class="thumb" role="img" aria-label=(id) viewBox=(sprite.view_box()) { use href=(format!("#{}", atlas_id(index))) {} }
        },
        None => html! { span class="thumb missing" { "no picture" } },
    }
}

/// Predicted class before and after.
fn predictions(context: &Context<'_>, case: &RepairedCase) -> String {
    let name = |class: Option<usize>| {
        class.map_or_else(|| format::MISSING.to_owned(), |class| name_of(&context.input.classes, class))
    };
    format!("{} → {}", name(case.before), name(case.after))
}

fn tip(context: &Context<'_>, case: &RepairedCase) -> String {
    let truth = case.truth.map(|class| format!("true class {}", name_of(&context.input.classes, class)));
    let subtype = case.subtype.as_ref().map(|name| format!("grouped as {}", kind_title(name)));
    let predicted = format!("predicted {}", predictions(context, case));
    [Some(case.id.clone()), truth, Some(predicted), subtype]
        .into_iter()
        .flatten()
        .collect::<Vec<_>>()
        .join("\n")
}
