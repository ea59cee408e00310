//! What tables of uncertainty methods share: cells, decimals, the order of the methods.

use maud::{Markup, html};

use crate::format;
use crate::input::{ItemMean, UncertaintyRow};

/// Digits of the largest number of a column that has no decimals of its own.
const DIGITS: i32 = 3;

/// The mean, and below it what few items and few runs do to it.
pub(super) fn cell(mean: Option<ItemMean>, decimals: usize, best: bool) -> Markup {
    let text = format::item_mean(mean, decimals);
    let (value, rest) = text.split_once(' ').unwrap_or((&text, ""));
    let (interval, spread) = rest.split_at(rest.find('±').unwrap_or(rest.len()));
    html! {
        td class="num" {
            @if best { strong { (value) } } @else { (value) }
            @for part in [interval, spread] {
                @if !part.is_empty() { span class="below muted" { (part.trim()) } }
            }
        }
    }
}

/// What the numbers of a table are, below their means.
pub(super) fn spread(means: impl Iterator<Item = ItemMean>) -> &'static str {
    if means.into_iter().any(|mean| mean.std.is_some()) {
        "95 % intervals of a bootstrap over items; ± is the standard deviation over runs"
    } else {
        "95 % intervals of a bootstrap over items"
    }
}

/// Decimals that leave three digits of the largest number.
pub(super) fn decimals(values: impl Iterator<Item = f64>) -> usize {
    let largest = values.filter(|v| v.is_finite()).fold(0.0, |largest, v| v.abs().max(largest));
    let digits = if largest > 0.0 { largest.log10().floor() as i32 + 1 } else { 1 };
    usize::try_from((DIGITS - digits).clamp(0, 6)).unwrap_or(0)
}

/// Every method once: those of the study's rows, in their order, then the others.
pub(super) fn methods<'a>(rows: &'a [UncertaintyRow], others: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut methods: Vec<&str> = Vec::new();
    for method in rows.iter().map(|row| row.method.as_str()).chain(others) {
        if !methods.contains(&method) {
            methods.push(method);
        }
    }
    methods
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_digits_of_the_largest_are_left() {
        let of = |values: &[f64]| decimals(values.iter().copied());
        assert_eq!([of(&[2211.0, 3.0]), of(&[-25.3]), of(&[0.0123, f64::NAN]), of(&[])], [0, 1, 4, 2]);
        assert_eq!([of(&[1e-30]), of(&[1e300])], [6, 0]);
    }
}
