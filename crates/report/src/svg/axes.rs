//! What plots with two axes share: scales, round ticks, grid lines.

use maud::{Markup, html};

use super::px;
use crate::palette;

/// The plot area and its scales.
pub(crate) struct Scale {
    pub left: f64,
    pub right: f64,
    pub top: f64,
    pub bottom: f64,
    pub x: (f64, f64),
    pub y: (f64, f64),
}

impl Scale {
    /// Pixels from the left.
    pub(crate) fn x(&self, value: f64) -> f64 {
        self.left + (self.right - self.left) * (value - self.x.0) / (self.x.1 - self.x.0)
    }

    /// Pixels from the top; values outside the range stand at its ends.
    pub(crate) fn y(&self, value: f64) -> f64 {
        let share = (value - self.y.0) / (self.y.1 - self.y.0);
        self.bottom - (self.bottom - self.top) * share.clamp(0.0, 1.0)
    }
}

/// A line in the background.
pub(crate) fn grid(x1: f64, y1: f64, x2: f64, y2: f64) -> Markup {
    html! { line class="grid" x1=(px(x1)) y1=(px(y1)) x2=(px(x2)) y2=(px(y2)) stroke=(palette::light("line")) {} }
}

/// A dashed line that marks a value.
pub(crate) fn rule(x1: f64, y1: f64, x2: f64, y2: f64) -> Markup {
    html! {
        line class="rule" x1=(px(x1)) y1=(px(y1)) x2=(px(x2)) y2=(px(y2)) stroke=(palette::light("muted"))
            stroke-dasharray="4 3" {}
    }
}

/// Range of values, never empty.
pub(crate) fn widened(values: impl Iterator<Item = f64>) -> (f64, f64) {
    let (lo, hi) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(lo, hi), v| (lo.min(v), hi.max(v)));
    if lo > hi {
        (0.0, 1.0)
    } else if hi - lo < 1e-12 {
        (lo, lo + 1.0)
    } else {
        (lo, hi)
    }
}

/// Round values inside a range with their decimals, about `wanted` of them.
pub(crate) fn ticks((lo, hi): (f64, f64), wanted: usize, whole: bool) -> Vec<(f64, usize)> {
    let rough = (hi - lo) / wanted as f64;
    let power = 10f64.powf(rough.log10().floor());
    let step =
        [1.0, 2.0, 5.0, 10.0].iter().map(|f| f * power).find(|step| *step >= rough * 0.999).unwrap_or(rough);
    let step = if whole { step.max(1.0).round() } else { step };
    if !(step.is_finite() && step > 0.0) {
        return Vec::new();
    }
    let decimals = if step >= 1.0 { 0 } else { (-step.log10()).ceil().clamp(0.0, 6.0) as usize };
    let first = (lo / step - 1e-9).ceil();
    (0..=2 * wanted)
        .map(|i| (first + i as f64) * step)
        .filter(|v| *v <= hi + step * 1e-6)
        .map(|v| (v, decimals))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_inside() {
        let values = |range, whole| ticks(range, 4, whole).into_iter().map(|t| t.0).collect::<Vec<_>>();
        assert_eq!(values((3.0, 10.0), true), [4.0, 6.0, 8.0, 10.0]);
        assert_eq!(values((0.0, 1.0), false).len(), 3);
        assert_eq!(values((0.0, 2.0), true), [0.0, 1.0, 2.0]);
        assert!(values((f64::NAN, 1.0), false).is_empty());
    }
}
