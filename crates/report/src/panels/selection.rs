//! The choice of the number of subtypes: each criterion over k.

use maud::{Markup, html};

use super::{Context, method_title};
use crate::input::{Selection, Subtyping};
use crate::svg::Figure;
use crate::svg::lines::{Chart, Line};

pub(super) fn render(context: &Context<'_>) -> Option<Markup> {
    let content = context.per_subtyping(|subtyping| {
        (!subtyping.selection.is_empty()).then(|| {
            html! {
                div class="chart-grid" {
                    @for selection in &subtyping.selection {
                        article class="card chart" {
                            header { strong { (selection.criterion) } }
                            (chart(subtyping, selection).figure(false).inline())
                        }
                    }
                }
            }
        })
    })?;
    Some(html! {
        p class="lead" { "How well different numbers of kinds describe the failures; higher is better." }
        (content)
    })
}

pub(super) fn figures(context: &Context<'_>) -> Vec<Figure> {
    let of_one = |subtyping: &Subtyping| -> Vec<Figure> {
        let named = |selection: &Selection| {
            let name = format!("selection-{}-{}", subtyping.name, selection.criterion);
            chart(subtyping, selection).figure(false).named(name)
        };
        subtyping.selection.iter().map(named).collect()
    };
    context.input.subtypings.iter().flat_map(of_one).collect()
}

fn chart(subtyping: &Subtyping, selection: &Selection) -> Chart {
    let finite = selection.points.iter().filter(|point| point.1.is_finite());
    let points = finite.map(|&(k, value)| (k as f64, value)).collect();
    let line = Line { name: selection.criterion.clone(), colour: 0, dashed: false, points };
    Chart {
        title: format!("Number of kinds by {}: {}", method_title(&subtyping.name), selection.criterion),
        x_label: "number of kinds".to_owned(),
        y_label: "criterion".to_owned(),
        lines: vec![line],
        mark: selection.best.map(|k| (k as f64, format!("best: {k}"))),
        ..Chart::default()
    }
}
