//! Counts of every metadata value per subtype, normalised by row, and the values that stand out.

use maud::{Markup, html};

use super::{Context, method_title, subtype_button};
use crate::fields::Field;
use crate::format;
use crate::input::{Finding, Subtyping};
use crate::svg::Figure;
use crate::svg::heatmap::{HeatCell, HeatRow, Heatmap};

pub(super) fn render(context: &Context<'_>) -> Option<Markup> {
    if context.fields.is_empty() {
        return None;
    }
    let findings = context.per_subtyping(|subtyping| Some(findings(subtyping)))?;
    let maps = context.per_subtyping(|subtyping| {
        Some(html! {
            @for (i, field) in context.fields.iter().enumerate() {
                div class="card scroll map-card" data-when=(format!("column={i}")) hidden[i != 0] { (figure(subtyping, field).inline()) }
            }
        })
    })?;
    Some(html! {
        p class="lead" {
            "What the cases of a kind have in common. In the table below each row adds up to 1; point at a field for the number of "
            "cases. Numbers are cut at their quartiles."
        }
        (findings)
        div class="controls" {
            label { span { "Column" } " "
                select data-state="column" autocomplete="off" {
                    @for (i, field) in context.fields.iter().enumerate() { option value=(i) { (field.name) } }
                }
            }
        }
        (maps)
    })
}

pub(super) fn figures(context: &Context<'_>) -> Vec<Figure> {
    let of_one = |subtyping: &Subtyping| -> Vec<Figure> {
        let named = |field: &Field| {
            figure(subtyping, field).named(format!("metadata-{}-{}", subtyping.name, field.name))
        };
        context.fields.iter().map(named).collect()
    };
    context.input.subtypings.iter().flat_map(of_one).collect()
}

fn findings(subtyping: &Subtyping) -> Markup {
    html! {
        @if !subtyping.findings.is_empty() {
            div class="card scroll" {
                table {
                    caption { "Values that stand out" }
                    thead { tr {
                        th { "Kind" } th { "Column" } th { "Value" } th class="num" { "In the kind" }
                        th class="num" { "In other failures" } th class="num" { "Lift" } th class="num" { "p" }
                    } }
                    tbody { @for finding in &subtyping.findings { (finding_row(subtyping, finding)) } }
                }
            }
        }
    }
}

fn finding_row(subtyping: &Subtyping, finding: &Finding) -> Markup {
    html! {
        tr data-subtype=(finding.subtype) {
            td { (subtype_button(subtyping, finding.subtype)) }
            td { (finding.column) }
            td { (finding.value) }
            td class="num" { (format::percent(finding.share_in, 0)) }
            td class="num" { (format::percent(finding.share_elsewhere, 0)) }
            td class="num" { (finding.lift.map_or_else(|| "only here".to_owned(), |lift| format!("{}×", format::number(lift, 1)))) }
            td class="num" { (format::p_value(finding.p)) }
        }
    }
}

fn figure(subtyping: &Subtyping, field: &Field) -> Figure {
    let (columns, of) = field.grouped();
    let mut counts = vec![vec![0_u64; columns.len()]; subtyping.subtypes.len()];
    for (label, value) in subtyping.labels.iter().zip(&of) {
        if let Some(count) =
            label.zip(*value).and_then(|(label, value)| counts.get_mut(label)?.get_mut(value))
        {
            *count += 1;
        }
    }
    let rows = subtyping.subtypes.iter().zip(&counts).enumerate().map(|(i, (subtype, counts))| HeatRow {
        label: subtype.name.clone(),
        subtype: Some(i),
        cells: cells(&subtype.name, &columns, counts),
    });
    let map = Heatmap {
        title: format!("{} by {}", field.name, method_title(&subtyping.name)),
        rows: rows.collect(),
        column_axis: field.name.clone(),
        row_axis: "kind".to_owned(),
        columns,
        row_order: Vec::new(),
        column_order: Vec::new(),
    };
    map.figure()
}

fn cells(subtype: &str, columns: &[String], counts: &[u64]) -> Vec<HeatCell> {
    let total: u64 = counts.iter().sum();
    let cell = |(column, &count): (&String, &u64)| HeatCell {
        value: (total > 0).then(|| count as f64 / total as f64),
        tip: format!("kind {subtype}, {column}\n{} of {} cases", format::count(count), format::count(total)),
        own: false,
    };
    columns.iter().zip(counts).map(cell).collect()
}
