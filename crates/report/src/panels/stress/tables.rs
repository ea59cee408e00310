//! The measures of the stress tests as numbers.

use maud::{Markup, html};

use crate::format;
use crate::input::{ItemMean, ReportInput, StressRow, StressTest, UncertaintyRow};
use crate::panels::measures::{self, cell, spread};
use crate::panels::uncertainty::title;

/// Longest name of a test in a headline, in characters.
const NAME_LIMIT: usize = 40;
/// Decimals of correlations, areas and shares.
const DECIMALS: usize = 3;

/// A column of the summary.
struct Column {
    name: String,
    decimals: usize,
    /// A value for each method.
    values: Vec<Option<ItemMean>>,
    /// Whether the largest is in bold.
    ranked: bool,
}

impl Column {
    fn is_measured(&self) -> bool {
        self.values.iter().any(Option::is_some)
    }

    /// Whether a value reads the same as the largest.
    fn is_best(&self, value: Option<ItemMean>) -> bool {
        let numbers = self.values.iter().flatten().map(|mean| mean.value).filter(|v| v.is_finite());
        let read = |value: f64| format::number(value, self.decimals);
        let largest = numbers.reduce(f64::max);
        self.ranked && largest.zip(value).is_some_and(|(largest, mean)| read(largest) == read(mean.value))
    }
}

/// A row for each method, a column for each test, and what the network pays for the method on clean items.
pub(super) fn summary(input: &ReportInput, tests: &[&StressTest]) -> Markup {
    let named = tests.iter().flat_map(|test| &test.rows).map(|row| row.method.as_str());
    let methods = measures::methods(&input.uncertainty, named);
    let clean = |name: &str, decimals: Option<usize>, of: fn(&UncertaintyRow) -> Option<ItemMean>| {
        let of_method = |method: &&str| of(input.uncertainty.iter().find(|row| row.method == **method)?);
        let values: Vec<Option<ItemMean>> = methods.iter().map(of_method).collect();
        let decimals =
            decimals.unwrap_or_else(|| measures::decimals(values.iter().flatten().map(|m| m.value)));
        Column { name: name.to_owned(), decimals, values, ranked: false }
    };
    let correlation = |test: &&StressTest| {
        let of_method = |method: &&str| row_of(test, method)?.pearson;
        let name = format::shorten(&test.name, NAME_LIMIT);
        Column { name, decimals: DECIMALS, values: methods.iter().map(of_method).collect(), ranked: true }
    };
    let mut columns: Vec<Column> = tests.iter().map(correlation).filter(Column::is_measured).collect();
    if columns.is_empty() {
        return Markup::default();
    }
    columns
        .extend([clean("PWCC", None, |row| row.pwcc), clean("Mean squared error", Some(5), |row| row.mse)]);
    columns.retain(Column::is_measured);
    let means = columns.iter().flat_map(|column| &column.values).flatten().copied();
    html! {
        div class="card scroll" {
            table {
                caption { "Correlation of u with what it should mark, in each test; the best in bold" }
                thead { tr { th { "Method" } @for column in &columns { th class="num" { (column.name) } } } }
                tbody { @for (i, method) in methods.iter().enumerate() { tr {
                    th scope="row" { (title(method)) }
                    @for column in &columns {
                        @let value = column.values.get(i).copied().flatten();
                        (cell(value, column.decimals, column.is_best(value)))
                    }
                } } }
            }
            p class="muted" {
                "Means over items, with " (spread(means)) ". "
                @if columns.iter().any(|column| !column.ranked) {
                    "PWCC and the mean squared error are of the clean test items: PWCC is the cosine of |error| and u, divided by the mean squared error. "
                    "It is large where u points at the errors and the errors are small."
                }
            }
        }
    }
}

/// A column of the table of a test.
struct Measure {
    name: &'static str,
    /// A second line of the headline.
    note: String,
    decimals: usize,
    of: fn(&StressRow) -> Option<ItemMean>,
    /// What it is, in plain words.
    words: &'static str,
}

/// The measures that any method has.
fn measured(test: &StressTest) -> Vec<Measure> {
    let measure =
        |name, note: &str, of, words| Measure { name, note: note.to_owned(), decimals: DECIMALS, of, words };
    let chance = aimed(test).map(|share| format!("chance {}", format::number(share, DECIMALS)));
    let hits = "How many of the pixels of the highest u were aimed at, over all places to draw the line. A guess gets the share of the pixels aimed at.";
    let ranking =
        "The chance that a pixel that was aimed at has a higher u than one that was not; a guess gets 0.5.";
    let alarm = "The chance that a stressed item has a higher u than a clean one; a guess gets 0.5.";
    let rate = "The share of the stressed items that raise an alarm, where at most one clean item in twenty raises a false one.";
    let mean_u = |row: &StressRow| row.mean_u;
    let measures = [
        measure("Correlation", "", |row| row.pearson, "Of u with what it should mark, pixel by pixel."),
        measure("Pixel AUROC", "", |row| row.auroc, ranking),
        measure("Average precision", &chance.unwrap_or_default(), |row| row.average_precision, hits),
        measure("Item AUROC", "by mean u", |row| row.by_mean.map(|by| by.auroc), alarm),
        measure("Item AUROC", "by peak u", |row| row.by_peak.map(|by| by.auroc), alarm),
        measure("Alarm rate", "by mean u", |row| row.by_mean.map(|by| by.rate), rate),
        measure("Alarm rate", "by peak u", |row| row.by_peak.map(|by| by.rate), rate),
        Measure {
            decimals: measures::decimals(test.rows.iter().filter_map(mean_u).map(|mean| mean.value)),
            ..measure("Mean u", "", mean_u, "Of all pixels of the stressed items.")
        },
    ];
    measures.into_iter().filter(|m| test.rows.iter().any(|row| (m.of)(row).is_some())).collect()
}

/// Share of the pixels that a test aimed at.
fn aimed(test: &StressTest) -> Option<f64> {
    test.aimed.filter(|aimed| aimed.is_finite())
}

/// What a test did, and what each method says about it.
pub(super) fn test(input: &ReportInput, test: &StressTest) -> Markup {
    let columns = measured(test);
    let methods = measures::methods(&input.uncertainty, test.rows.iter().map(|row| row.method.as_str()));
    let rows = methods.iter().filter_map(|method| row_of(test, method));
    html! {
        div class="card scroll" {
            h3 { (format::shorten(&test.name, 2 * NAME_LIMIT)) }
            p { (test.about) @if let Some(share) = aimed(test) { " Share of the pixels aimed at: " (format::percent(share, 1)) "." } }
            @if columns.is_empty() {
                p class="empty" { "No method could be measured." }
            } @else {
                table class="methods" {
                    thead { tr { th { "Method" } @for column in &columns { (head(column)) } } }
                    tbody { @for row in rows { tr {
                        th scope="row" { (title(&row.method)) }
                        @for column in &columns { (cell((column.of)(row), column.decimals, false)) }
                    } } }
                }
                @let means = columns.iter().flat_map(|column| test.rows.iter().filter_map(column.of));
                p class="muted" { "Means over the stressed items, with " (spread(means)) "." }
            }
        }
    }
}

fn head(column: &Measure) -> Markup {
    html! { th class="num" { (column.name) @if !column.note.is_empty() { span class="below" { (column.note) } } } }
}

fn row_of<'a>(test: &'a StressTest, method: &str) -> Option<&'a StressRow> {
    test.rows.iter().find(|row| row.method == method)
}

/// What the numbers of the tests are, in plain words.
pub(super) fn glossary(tests: &[&StressTest]) -> Markup {
    let mut entries: Vec<(&str, &str)> = Vec::new();
    for measure in tests.iter().flat_map(|test| measured(test)) {
        if !entries.iter().any(|(name, _)| *name == measure.name) {
            entries.push((measure.name, measure.words));
        }
    }
    if tests.iter().flat_map(|test| &test.rows).any(|row| row.by_peak.is_some()) {
        entries.push(("Peak u", "The mean of the highest hundredth of the u of an item."));
    }
    html! {
        @if !entries.is_empty() {
            details class="card glossary" open {
                summary { "What the columns of the tests mean" }
                dl { @for (name, words) in entries { dt { (name) } dd { (words) } } }
            }
        }
    }
}
