//! What the methods come to on each group of test items.

use maud::{Markup, html};

use super::title;
use crate::format;
use crate::input::{GroupRow, MethodInGroup, ReportInput};
use crate::panels::measures;

/// Most rows.
const ROWS: usize = 40;
/// Longest name of a group, in characters.
const NAME_LIMIT: usize = 40;

/// Headline, decimals and value of a column of each method.
type Column = (&'static str, usize, fn(&MethodInGroup) -> Option<f64>);

pub(super) fn render(input: &ReportInput) -> Markup {
    let all = &input.groups;
    let shown = all.get(..ROWS).unwrap_or(all);
    let named = all.iter().flat_map(|row| &row.methods).map(|m| m.method.as_str());
    let methods = measures::methods(&input.uncertainty, named);
    let columns: Vec<(&str, Vec<Column>)> = methods.into_iter().map(|m| (m, columns(shown, m))).collect();
    let measured = || columns.iter().filter(|(_, columns)| !columns.is_empty());
    html! {
        @if !shown.is_empty() {
            div class="card scroll" {
                table class="methods" {
                    caption { "By group: means over the test items of each, and over all runs" }
                    thead {
                        tr {
                            th rowspan="2" { "Group" } th rowspan="2" class="num" { "Items" } th rowspan="2" class="num" { "Mean squared error" }
                            @for (method, columns) in measured() { th class="num" scope="colgroup" colspan=(columns.len()) { (title(method)) } }
                        }
                        tr { @for (name, ..) in measured().flat_map(|(_, columns)| columns) { th class="num" { (name) } } }
                    }
                    tbody { @for group in shown { tr {
                        th scope="row" { (format::shorten(&group.name, NAME_LIMIT)) }
                        td class="num" { (format::count(group.items)) }
                        (cell(group.mse, 5))
                        @for (method, columns) in measured() { @for (_, decimals, of) in columns { (cell(of_method(group, method).and_then(of), *decimals)) } }
                    } } }
                }
                @if all.len() > shown.len() {
                    p class="muted" { (format::count((all.len() - shown.len()) as u64)) " more groups are not shown." }
                }
                p class="muted" {
                    "Items of a group have something in common, such as the patient. Correlation is that of |error| and u. Covered is the share of the "
                    "pixels inside their calibrated interval; the calibration promises it over all items, not for each group."
                }
            }
        }
    }
}

fn of_method<'a>(group: &'a GroupRow, method: &str) -> Option<&'a MethodInGroup> {
    group.methods.iter().find(|m| m.method == method)
}

/// The columns of a method for which any group has a value.
fn columns(groups: &[GroupRow], method: &str) -> Vec<Column> {
    let values = |of: fn(&MethodInGroup) -> Option<f64>| {
        groups.iter().filter_map(move |group| of(of_method(group, method)?))
    };
    let columns: [Column; 3] = [
        ("Correlation", 3, |m| m.pearson),
        ("Mean u", measures::decimals(values(|m| m.u)), |m| m.u),
        ("Covered", 3, |m| m.coverage),
    ];
    columns.into_iter().filter(|(.., of)| values(*of).next().is_some()).collect()
}

fn cell(value: Option<f64>, decimals: usize) -> Markup {
    html! { td class="num" { (value.map_or_else(|| format::MISSING.to_owned(), |v| format::number(v, decimals))) } }
}
