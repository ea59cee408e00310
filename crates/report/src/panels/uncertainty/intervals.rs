//! Intervals of every method beside what is promised of them.

use maud::{Markup, html};

use super::title;
use crate::format;
use crate::input::{Calibration, ItemMean, Promise, ReportInput, UncertaintyRow};
use crate::panels::measures::{cell, spread};

/// One kind of interval of a method.
struct Kind {
    name: String,
    promise: String,
    coverage: Option<ItemMean>,
    width: Option<ItemMean>,
}

pub(super) fn render(input: &ReportInput) -> Markup {
    let of_row = |row| (row, kinds(input, row));
    let rows: Vec<(&UncertaintyRow, Vec<Kind>)> =
        input.uncertainty.iter().map(of_row).filter(|(_, kinds)| !kinds.is_empty()).collect();
    let means = rows.iter().flat_map(|(_, kinds)| kinds).filter_map(|kind| kind.coverage);
    let caption =
        format!("Intervals and what is promised of them: means over test items, with {}", spread(means));
    html! {
        @if !rows.is_empty() {
            div class="card scroll" {
                table class="promises" {
                    caption { (caption) }
                    thead { tr { th { "Method" } th { "Intervals" } th { "Promise" } th class="num" { "Coverage" } th class="num" { "Width" } } }
                    tbody { @for (row, kinds) in &rows { @for (at, kind) in kinds.iter().enumerate() { tr {
                        @if at == 0 { th scope="rowgroup" rowspan=(kinds.len()) { (title(&row.method)) } }
                        td { (kind.name) } td { (kind.promise) } (cell(kind.coverage, 3, false)) (cell(kind.width, 3, false))
                    } } } }
                }
                p class="muted" {
                    "A target at or below its lower end is not covered. Calibrated intervals are u, or the two sides of an interval, times one factor for all pixels."
                }
            }
        }
    }
}

fn kinds(input: &ReportInput, row: &UncertaintyRow) -> Vec<Kind> {
    let own = Kind {
        name: "its own".to_owned(),
        promise: "none".to_owned(),
        coverage: row.coverage,
        width: row.width,
    };
    let widened = row.markov.iter().map(|found| Kind {
        name: format!("widened by {} β", format::number(found.t, 0)),
        promise: format!(
            "{} on average over what it was trained on, where training has converged (Markov)",
            format::percent(1.0 - 1.0 / found.t, 0)
        ),
        coverage: found.coverage,
        width: found.width,
    });
    let calibrated = Kind {
        name: "calibrated".to_owned(),
        promise: row.calibration.map_or_else(String::new, |found| words(input, found)),
        coverage: row.calibrated_coverage,
        width: row.calibrated_width,
    };
    let all = std::iter::once(own).chain(widened).chain(std::iter::once(calibrated));
    all.filter(|kind| kind.coverage.is_some()).collect()
}

/// What a calibration promises, in words.
fn words(input: &ReportInput, Calibration { promise, units }: Calibration) -> String {
    let what = if input.groups.is_empty() { "item" } else { "group" };
    let level =
        input.coverage_level.map_or_else(|| "the level".to_owned(), |level| format::percent(level, 0));
    let fitted = format!("fitted on {} {what}s", format::count(units));
    match promise {
        Promise::Nothing => {
            format!("nothing for other {what}s: {} {what}s are too few for {level}", format::count(units))
        }
        Promise::Mean => {
            format!("{level} in expectation for a new {what} (conformal risk control); {fitted}")
        }
        Promise::Confident => {
            let chance = input.coverage_delta.unwrap_or_default();
            format!(
                "{level} on average over new {what}s, except for a chance of {} (RCPS); {fitted}",
                format::percent(chance, 0)
            )
        }
    }
}
