//! Fine-tuning matrices as heat maps: before and after, test and train side.

use maud::{Markup, html};

use super::{Context, choice, method_title};
use crate::format;
use crate::input::{Matrix, Side, Stage, Subtyping};
use crate::svg::Figure;
use crate::svg::heatmap::{HeatCell, HeatRow, Heatmap};

pub(super) fn render(context: &Context<'_>) -> Option<Markup> {
    let ordered = context.input.subtypings.iter().any(|subtyping| subtyping.order.is_some());
    let content = context.per_subtyping(|subtyping| {
        (!subtyping.matrices.is_empty()).then(|| {
            html! {
                @for stage in [Stage::After, Stage::Before] {
                    @for side in [Side::Test, Side::Train] { (block(subtyping, stage, side)) }
                }
            }
        })
    })?;
    Some(html! {
        p class="lead" {
            "Row by row, the network was fine-tuned on one kind of failure; each column is a set of cases on which the result was "
            "measured. A dark outlined field shows that fine-tuning on a kind repairs this kind, light fields beside it that the kind is "
            "a kind of its own. Point at a field for its confidence interval and the number of cases behind it."
        }
        div class="controls" {
            (choice("stage", "Stage", &[("after", "After fine-tuning"), ("before", "Before")]))
            (choice("side", "Side", &[("test", "Test cases"), ("train", "Training cases")]))
            @if ordered { (choice("order", "Order", &[("given", "As numbered"), ("found", "Similar ones together")])) }
        }
        (content)
    })
}

fn block(subtyping: &Subtyping, stage: Stage, side: Side) -> Markup {
    let found = subtyping.matrices.iter().find(|matrix| matrix.stage == stage && matrix.side == side);
    let hidden = (stage, side) != (Stage::After, Side::Test);
    html! {
        div class="card scroll map-card" data-when=(format!("stage={} side={}", stage_key(stage), side_key(side))) hidden[hidden] {
            @match found {
                Some(matrix) => (figure(subtyping, matrix).inline()),
                None => p class="empty" { "This matrix was not computed." },
            }
        }
    }
}

pub(super) fn figures(context: &Context<'_>) -> Vec<Figure> {
    let of_one = |subtyping: &Subtyping| -> Vec<Figure> {
        subtyping.matrices.iter().map(|matrix| figure(subtyping, matrix)).collect()
    };
    context.input.subtypings.iter().flat_map(of_one).collect()
}

fn stage_key(stage: Stage) -> &'static str {
    match stage {
        Stage::Before => "before",
        Stage::After => "after",
    }
}

fn side_key(side: Side) -> &'static str {
    match side {
        Side::Train => "train",
        Side::Test => "test",
    }
}

fn figure(subtyping: &Subtyping, matrix: &Matrix) -> Figure {
    let (stage, side) = (stage_key(matrix.stage), side_key(matrix.side));
    let order = subtyping.order.clone().unwrap_or_default();
    let map = Heatmap {
        title: format!("Accuracy {stage} fine-tuning, {side} cases, by {}", method_title(&subtyping.name)),
        rows: matrix.rows.iter().enumerate().map(|(r, label)| row(subtyping, matrix, r, label)).collect(),
        columns: matrix.columns.clone(),
        row_axis: "fine-tuned on".to_owned(),
        column_axis: "accuracy on".to_owned(),
        row_order: order.rows,
        column_order: order.columns,
    };
    map.figure().named(format!("matrix-{}-{side}-{stage}", subtyping.name))
}

fn row(subtyping: &Subtyping, matrix: &Matrix, r: usize, label: &str) -> HeatRow {
    let subtype = subtyping.subtypes.iter().position(|subtype| subtype.name == label);
    let columns = matrix.columns.iter().enumerate();
    HeatRow {
        label: label.to_owned(),
        subtype,
        cells: columns
            .map(|(c, column)| HeatCell {
                value: entry(&matrix.values, r, c),
                tip: tip(matrix, (r, label), (c, column)),
                own: subtype.is_some() && label == column,
            })
            .collect(),
    }
}

fn entry(table: &[Vec<Option<f64>>], r: usize, c: usize) -> Option<f64> {
    table.get(r).and_then(|row| row.get(c)).copied().flatten()
}

fn tip(matrix: &Matrix, (r, row): (usize, &str), (c, column): (usize, &str)) -> String {
    let accuracy = entry(&matrix.values, r, c)
        .map_or_else(|| "not computed".to_owned(), |value| format!("accuracy {}", format::number(value, 3)));
    let interval = format::interval(entry(&matrix.lo, r, c), entry(&matrix.hi, r, c));
    let count = matrix.counts.get(c).map(|&n| format!("{} cases", format::count(n)));
    let lines = [Some(format!("fine-tuned on {row}, measured on {column}")), Some(accuracy), interval, count];
    lines.into_iter().flatten().collect::<Vec<_>>().join("\n")
}
