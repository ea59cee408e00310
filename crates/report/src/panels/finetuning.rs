//! Fine-tuning curves, a small chart per row of the matrix.

use maud::{Markup, html};

use super::{Context, method_title, subtype_button};
use crate::format;
use crate::input::{CaseSet, FinetuningCurve, Part, Subtyping};
use crate::svg::Figure;
use crate::svg::lines::{Chart, Line};

pub(super) fn render(context: &Context<'_>) -> Option<Markup> {
    let content = context.per_subtyping(|subtyping| {
        (!subtyping.curves.is_empty()).then(|| {
            html! {
                (legend(&subtyping.curves))
                div class="chart-grid" {
                    @for curve in &subtyping.curves { (card(subtyping, curve)) }
                }
            }
        })
    })?;
    Some(html! {
        p class="lead" {
            "How accuracy changes while the network is fine-tuned on one kind. The epoch that was kept is the one that is best on the "
            "validation cases of the kind while enough of the formerly correct cases stay correct; epoch 0 is the unchanged network."
        }
        (content)
    })
}

fn card(subtyping: &Subtyping, curve: &FinetuningCurve) -> Markup {
    let subtype = subtyping.subtypes.iter().position(|subtype| subtype.name == curve.row);
    html! {
        article class="card chart" data-subtype=[subtype] {
            header {
                @match subtype {
                    Some(i) => (subtype_button(subtyping, i)),
                    None => strong { "Fine-tuned on " (curve.row) },
                }
            }
            (chart(subtyping, curve).figure(false).inline())
        }
    }
}

fn legend(curves: &[FinetuningCurve]) -> Markup {
    let lines = curves.iter().map(lines).max_by_key(Vec::len).unwrap_or_default();
    html! {
        ul class="line-legend" { @for line in &lines { li { (line.sample()) (line.name) } } }
    }
}

pub(super) fn figures(context: &Context<'_>) -> Vec<Figure> {
    let of_one = |subtyping: &Subtyping| -> Vec<Figure> {
        let named = |curve: &FinetuningCurve| {
            chart(subtyping, curve).figure(true).named(format!("finetuning-{}-{}", subtyping.name, curve.row))
        };
        subtyping.curves.iter().map(named).collect()
    };
    context.input.subtypings.iter().flat_map(of_one).collect()
}

fn chart(subtyping: &Subtyping, curve: &FinetuningCurve) -> Chart {
    let method = method_title(&subtyping.name);
    Chart {
        title: format!("Fine-tuned on {} of {method}", format::shorten(&curve.row, 30)),
        x_label: "epoch".to_owned(),
        y_label: "accuracy".to_owned(),
        y_range: Some((0.0, 1.0)),
        bands: Vec::new(),
        lines: lines(curve),
        mark: curve.chosen_epoch.map(|epoch| (epoch as f64, format!("kept: {epoch}"))),
        level: curve.constraint.map(|level| (level, format!("≥ {}", format::number(level, 2)))),
    }
}

fn lines(curve: &FinetuningCurve) -> Vec<Line> {
    let sets = [(CaseSet::Subtype, "kind", 1), (CaseSet::Correct, "correct", 0), (CaseSet::All, "all", 9)];
    let parts =
        [(Part::Validation, "validation", false), (Part::Train, "train", true), (Part::Test, "test", true)];
    let mut lines = Vec::new();
    for (set, set_name, colour) in sets {
        for (part, part_name, dashed) in parts {
            let of_both = curve.series.iter().filter(|series| series.set == set && series.part == part);
            lines.extend(of_both.map(|series| {
                Line::new(&format!("{set_name}, {part_name}"), colour, dashed, 0, &series.values)
            }));
        }
    }
    lines
}
