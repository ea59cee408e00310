//! Numbers and names as a reader sees them.

use crate::input::{Estimate, ItemMean, Measure};

/// Stands for a number that was not computed.
pub(crate) const MISSING: &str = "–";

/// A number with a fixed number of decimals and a true minus sign.
pub(crate) fn number(value: f64, decimals: usize) -> String {
    if !value.is_finite() {
        return MISSING.to_owned();
    }
    let text = format!("{:.decimals$}", value.abs());
    let zero = text.chars().all(|c| matches!(c, '0' | '.'));
    if value < 0.0 && !zero { format!("−{text}") } else { text }
}

/// A change: a number with its sign, plus as well as minus.
pub(crate) fn change(value: f64, decimals: usize) -> String {
    let text = number(value, decimals);
    let zero = !text.chars().any(|c| matches!(c, '1'..='9'));
    if value > 0.0 && !zero { format!("+{text}") } else { text }
}

/// A score with two decimals, or the sign for a missing one.
pub(crate) fn score(value: Option<f64>) -> String {
    value.map_or_else(|| MISSING.to_owned(), |v| number(v, 2))
}

/// A share in [0, 1] as percent.
pub(crate) fn percent(share: f64, decimals: usize) -> String {
    if share.is_finite() {
        format!("{}\u{202f}%", number(share * 100.0, decimals))
    } else {
        MISSING.to_owned()
    }
}

/// A count with thin spaces between thousands.
pub(crate) fn count(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}

/// A p-value, never more exact than a reader can use.
pub(crate) fn p_value(p: Option<f64>) -> String {
    match p {
        None => MISSING.to_owned(),
        Some(p) if !p.is_finite() => MISSING.to_owned(),
        Some(p) if p < 0.001 => "<\u{a0}0.001".to_owned(),
        Some(p) if p < 0.1 => number(p, 3),
        Some(p) => number(p, 2),
    }
}

/// The confidence interval in words, or nothing where it was not computed.
pub(crate) fn interval(lo: Option<f64>, hi: Option<f64>) -> Option<String> {
    Some(format!("95 % interval {} to {}", number(lo?, 2), number(hi?, 2)))
}

/// An estimate and its interval on one line.
pub(crate) fn with_interval(estimate: Option<Estimate>, decimals: usize) -> String {
    let Some(estimate) = estimate.filter(|e| e.value.is_finite()) else { return MISSING.to_owned() };
    let value = number(estimate.value, decimals);
    match estimate.lo.zip(estimate.hi) {
        Some((lo, hi)) => format!("{value} ({} to {})", number(lo, decimals), number(hi, decimals)),
        None => value,
    }
}

/// A number with two significant digits.
pub(crate) fn significant(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return number(value, 0);
    }
    // Rounded first: 0.0996 is 0.10.
    let digits = |value: f64| (1.0 - value.abs().log10().floor()).clamp(0.0, 12.0) as i32;
    let power = 10f64.powi(digits(value));
    let rounded = (value * power).round() / power;
    number(value, usize::try_from(digits(rounded)).unwrap_or(0))
}

/// A mean over items with its interval, and its spread over runs where there are several.
pub(crate) fn item_mean(mean: Option<ItemMean>, decimals: usize) -> String {
    let Some(mean) = mean else { return MISSING.to_owned() };
    let text = with_interval(Some(Estimate { value: mean.value, lo: mean.lo, hi: mean.hi }), decimals);
    match mean.std.filter(|std| std.is_finite() && mean.value.is_finite()) {
        Some(std) => format!("{text} ± {}", number(std, decimals)),
        None => text,
    }
}

/// An estimate with its interval, for a tooltip.
pub(crate) fn estimate_tip(estimate: Option<Estimate>) -> String {
    let Some(estimate) = estimate else { return "not computed".to_owned() };
    let interval = interval(estimate.lo, estimate.hi).map(|text| format!("\n{text}")).unwrap_or_default();
    format!("{}{interval}", number(estimate.value, 3))
}

/// A mean with its spread and interval, for a tooltip.
pub(crate) fn measure_tip(measure: Option<Measure>) -> String {
    let Some(measure) = measure else { return "not computed".to_owned() };
    let interval = interval(measure.lo, measure.hi).map(|text| format!("\n{text}")).unwrap_or_default();
    format!("{} ± {} over subtypes{interval}", number(measure.mean, 3), number(measure.std, 3))
}

/// A mean with its spread.
pub(crate) fn measure(measure: Option<Measure>) -> String {
    measure.map_or_else(|| MISSING.to_owned(), |m| format!("{} ± {}", number(m.mean, 2), number(m.std, 2)))
}

/// Cuts a text to at most `limit` characters; the cut is marked.
pub(crate) fn shorten(text: &str, limit: usize) -> String {
    if text.chars().count() <= limit {
        return text.to_owned();
    }
    let mut short: String = text.chars().take(limit.saturating_sub(1)).collect();
    short.push('…');
    short
}

/// A name made of letters, digits, `_` and `-` only, fit for a file name on any system.
pub(crate) fn slug(text: &str) -> String {
    let slug: String = text
        .chars()
        .take(60)
        .map(|c| if c.is_ascii_alphanumeric() || c == '_' { c.to_ascii_lowercase() } else { '-' })
        .collect();
    let slug = slug.trim_matches('-');
    if slug.is_empty() { "unnamed".to_owned() } else { slug.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!(number(-0.061, 2), "−0.06");
        assert_eq!(number(-0.001, 2), "0.00");
        assert_eq!(number(f64::NAN, 2), MISSING);
        assert_eq!(count(1_234_567), "1\u{202f}234\u{202f}567");
        assert_eq!(count(123), "123");
        assert_eq!(percent(0.958, 1), "95.8\u{202f}%");
        assert_eq!(p_value(Some(0.0004)), "<\u{a0}0.001");
        assert_eq!(p_value(Some(0.0312)), "0.031");
        assert_eq!(change(0.0123, 3), "+0.012");
        assert_eq!(change(-0.0123, 3), "−0.012");
        assert_eq!(change(0.0004, 2), "0.00");
        assert_eq!(change(f64::INFINITY, 2), MISSING);
    }

    #[test]
    fn an_interval_needs_both_ends() {
        let estimate = |lo, hi| Some(Estimate { value: 0.5, lo, hi });
        assert_eq!(with_interval(estimate(Some(0.4), Some(0.6)), 2), "0.50 (0.40 to 0.60)");
        assert_eq!(with_interval(estimate(Some(0.4), None), 2), "0.50");
        assert_eq!(with_interval(None, 2), MISSING);
    }

    #[test]
    fn two_digits_are_kept() {
        assert_eq!(
            [0.0314, 0.0996, 1.26, 31.4, 314.0, 0.0].map(significant),
            ["0.031", "0.10", "1.3", "31", "314", "0"]
        );
    }

    #[test]
    fn a_spread_over_runs_stands_beside_the_interval() {
        let mean = |std| Some(ItemMean { value: 0.5, lo: Some(0.4), hi: Some(0.6), std });
        assert_eq!(item_mean(mean(Some(0.02)), 2), "0.50 (0.40 to 0.60) ± 0.02");
        assert_eq!(item_mean(mean(None), 2), "0.50 (0.40 to 0.60)");
        assert_eq!(item_mean(None, 2), MISSING);
    }

    #[test]
    fn slugs_never_leave_the_folder() {
        assert_eq!(slug("../../etc/passwd"), "etc-passwd");
        assert_eq!(slug("…"), "unnamed");
        assert_eq!(slug("CON fusion"), "con-fusion");
    }

    #[test]
    fn shortening_counts_characters() {
        assert_eq!(shorten("Zellkörper", 5), "Zell…");
        assert_eq!(shorten("Zell", 4), "Zell");
    }
}
