//! The measures of every method as numbers.

use maud::{Markup, html};

use super::title;
use crate::format;
use crate::input::{ItemMean, Reconstruction, UncertaintyRow};
use crate::panels::measures::{cell, spread};

/// Headline, decimals and value of each column.
type Column = (&'static str, usize, fn(&UncertaintyRow) -> Option<ItemMean>);

const MEASURES: [Column; 7] = [
    ("Correlation with |error|", 3, |row| row.pearson),
    ("Sparsification area", 3, |row| row.ause),
    ("Mean squared error", 5, |row| row.mse),
    ("Coverage", 3, |row| row.coverage),
    ("Width", 3, |row| row.width),
    ("Coverage, calibrated", 3, |row| row.calibrated_coverage),
    ("Width, calibrated", 3, |row| row.calibrated_width),
];

const REJECTION: [Column; 4] = [
    ("AURC", 5, |row| Some(row.rejection?.aurc)),
    ("of the oracle", 5, |row| Some(row.rejection?.aurc_optimal)),
    ("AUGRC", 5, |row| Some(row.rejection?.augrc)),
    ("of the oracle", 5, |row| Some(row.rejection?.augrc_optimal)),
];

/// The measures on pixels.
pub(super) fn measures(rows: &[UncertaintyRow]) -> Markup {
    let means = rows.iter().flat_map(|row| MEASURES.map(|column| column.2(row))).flatten();
    let caption = format!("Means over test items, with {}", spread(means));
    let seconds = |row: &UncertaintyRow| {
        row.seconds.map_or_else(|| format::MISSING.to_owned(), |seconds| format::number(seconds, 3))
    };
    table(rows, &caption, &MEASURES, Some(("Seconds per item", &seconds)))
}

/// How near reconstructions come to the truth.
pub(super) fn reconstructions(rows: &[Reconstruction]) -> Markup {
    if rows.is_empty() {
        return Markup::default();
    }
    let spread = spread(rows.iter().filter_map(|row| row.psnr));
    html! {
        div class="card scroll" {
            table {
                caption { (format!("How near the reconstructions come to the truth: means over test items, with {spread}")) }
                thead { tr { th { "Reconstruction" } th class="num" { "Peak signal-to-noise ratio, dB" } } }
                tbody {
                    @for row in rows { tr { th scope="row" { (row.name) } (cell(row.psnr, 1, false)) } }
                }
            }
        }
    }
}

/// What is gained by rejecting whole items.
pub(super) fn rejection(rows: &[UncertaintyRow]) -> Markup {
    if rows.iter().all(|row| row.rejection.is_none()) {
        return Markup::default();
    }
    let caption = "Rejecting the items of the highest mean u: areas under the (generalised) risk-coverage curve, in root mean squared \
                   error; lower is better, the oracle rejects by the error itself";
    table(rows, caption, &REJECTION, None)
}

type LastColumn<'a> = (&'a str, &'a dyn Fn(&UncertaintyRow) -> String);

fn table(rows: &[UncertaintyRow], caption: &str, columns: &[Column], last: Option<LastColumn<'_>>) -> Markup {
    html! {
        div class="card scroll" {
            table {
                caption { (caption) }
                thead { tr {
                    th { "Method" }
                    @for (name, ..) in columns { th class="num" { (name) } }
                    @if let Some((name, _)) = last { th class="num" { (name) } }
                } }
                tbody {
                    @for row in rows {
                        tr {
                            th scope="row" { (title(&row.method)) }
                            @for (_, decimals, value) in columns { (cell(value(row), *decimals, false)) }
                            @if let Some((_, value)) = last { td class="num" { (value(row)) } }
                        }
                    }
                }
            }
        }
    }
}
