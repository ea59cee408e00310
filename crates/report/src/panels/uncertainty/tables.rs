//! The measures of every method as numbers.

use maud::{Markup, html};

use super::title;
use crate::format;
use crate::input::{DirectionAccuracy, ItemMean, Reconstruction, UncertaintyRow};
use crate::panels::measures::{cell, decimals, spread};

/// Headline, decimals (by the largest number where there are none) and value of each column.
type Column = (&'static str, Option<usize>, fn(&UncertaintyRow) -> Option<ItemMean>);

const MEASURES: [Column; 9] = [
    ("Correlation with |error|", Some(3), |row| row.pearson),
    ("Cosine", Some(3), |row| row.cosine),
    ("PWCC", None, |row| row.pwcc),
    ("Sparsification area", Some(3), |row| row.ause),
    ("Mean squared error", Some(5), |row| row.mse),
    ("Coverage", Some(3), |row| row.coverage),
    ("Width", Some(3), |row| row.width),
    ("Direction accuracy", Some(3), |row| row.direction.first()?.accuracy),
    ("its share of pixels", Some(3), |row| row.direction.first()?.participating),
];

const REJECTION: [Column; 4] = [
    ("AURC", Some(5), |row| Some(row.rejection?.aurc)),
    ("of the oracle", Some(5), |row| Some(row.rejection?.aurc_optimal)),
    ("AUGRC", Some(5), |row| Some(row.rejection?.augrc)),
    ("of the oracle", Some(5), |row| Some(row.rejection?.augrc_optimal)),
];

/// The measures on pixels.
pub(super) fn measures(rows: &[UncertaintyRow]) -> Markup {
    let means = rows.iter().flat_map(|row| MEASURES.map(|column| column.2(row))).flatten();
    let caption = format!(
        "Means over test items, with {}. PWCC is the cosine of |error| and u, divided by the mean squared error",
        spread(means)
    );
    let seconds = |row: &UncertaintyRow| {
        row.seconds.map_or_else(|| format::MISSING.to_owned(), |seconds| format::number(seconds, 3))
    };
    table(rows, &caption, &MEASURES, Some(("Seconds per item", &seconds)))
}

/// Direction accuracy at every ratio, with the share of the pixels.
pub(super) fn direction(rows: &[UncertaintyRow]) -> Markup {
    let with: Vec<&UncertaintyRow> = rows.iter().filter(|row| !row.direction.is_empty()).collect();
    let ratios: Vec<f64> =
        with.first().map_or(&[][..], |row| &row.direction).iter().map(|d| d.ratio).collect();
    let at = |row: &UncertaintyRow, ratio: f64| -> DirectionAccuracy {
        row.direction.iter().find(|d| d.ratio.total_cmp(&ratio).is_eq()).copied().unwrap_or_default()
    };
    html! {
        @if !ratios.is_empty() {
            div class="card scroll" {
                table {
                    caption { "Direction of the error: how often the truth lies on the side of the longer half of the interval (a guess gets 0.5), and the share of the pixels that take part: \
                               those whose halves differ at least by this factor. Below: 95 % intervals, ± over runs" }
                    thead {
                        tr { th rowspan="2" { "Method" } @for ratio in &ratios { th class="num" scope="colgroup" colspan="2" { "from " (format::number(*ratio, 2)) } } }
                        tr { @for _ in &ratios { th class="num" { "Accuracy" } th class="num" { "Share" } } }
                    }
                    tbody { @for row in &with { tr {
                        th scope="row" { (title(&row.method)) }
                        @for ratio in &ratios { (cell(at(row, *ratio).accuracy, 3, false)) (cell(at(row, *ratio).participating, 3, false)) }
                    } } }
                }
            }
        }
    }
}

/// Whether u grows with the noise.
pub(super) fn noise(rows: &[UncertaintyRow]) -> Markup {
    if rows.iter().all(|row| row.noise_spearman.is_none()) {
        return Markup::default();
    }
    const SPEARMAN: [Column; 1] = [("Spearman correlation", Some(2), |row| row.noise_spearman)];
    let caption = "Mean u of the test items against the level of their noise, means over runs: 1 where u grows from each level to the next. Below: 95 % intervals, ± over runs";
    table(rows, caption, &SPEARMAN, None)
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
                   error; lower is better, the oracle rejects by the error itself. Below: 95 % intervals of a bootstrap over items, ± over runs";
    table(rows, caption, &REJECTION, None)
}

type LastColumn<'a> = (&'a str, &'a dyn Fn(&UncertaintyRow) -> String);

fn table(rows: &[UncertaintyRow], caption: &str, columns: &[Column], last: Option<LastColumn<'_>>) -> Markup {
    let of = |(_, given, value): &Column| {
        given.unwrap_or_else(|| decimals(rows.iter().filter_map(value).map(|mean| mean.value)))
    };
    let digits: Vec<usize> = columns.iter().map(of).collect();
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
                            @for ((_, _, value), decimals) in columns.iter().zip(&digits) { (cell(value(row), *decimals, false)) }
                            @if let Some((_, value)) = last { td class="num" { (value(row)) } }
                        }
                    }
                }
            }
        }
    }
}
