//! Shares of what lies below, inside (in equal bins) and above a range.

use maud::{Markup, html};

use super::axes::{Scale, grid, ticks};
use super::{FONT, Figure, category_fill, label, muted, px, text_width};
use crate::format;
use crate::palette::category_class;

/// Size in pixels; three stand side by side.
const WIDTH: f64 = 340.0;
const HEIGHT: f64 = 224.0;
/// Width of a bar outside and its distance from the others, of the inside.
const OUTSIDE: f64 = 0.1;
const GAP: f64 = 0.04;

/// A histogram; several series lie over each other.
pub(crate) struct Histogram {
    pub title: String,
    pub y_label: String,
    pub series: Vec<Series>,
}

/// Shares below, in each bin inside, and above.
pub(crate) struct Series {
    pub name: String,
    /// Categorical colour.
    pub colour: usize,
    /// At least three, finite and not negative.
    pub shares: Vec<f64>,
}

/// Place of a bar: from and to, 0 to 1 inside.
type Bar = (f64, f64, f64);

impl Series {
    fn bars(&self) -> Vec<Bar> {
        let bins = self.shares.len().saturating_sub(2);
        let place = |(at, &share): (usize, &f64)| match at {
            0 => (-GAP - OUTSIDE, -GAP, share),
            at if at > bins => (1.0 + GAP, 1.0 + GAP + OUTSIDE, share),
            at => ((at - 1) as f64 / bins as f64, at as f64 / bins as f64, share),
        };
        self.shares.iter().enumerate().map(place).collect()
    }

    /// Filled bars, or lines around them.
    fn draw(&self, scale: &Scale, filled: bool) -> Markup {
        let class = category_class(Some(self.colour));
        let colour = category_fill(Some(self.colour));
        html! {
            @for (from, to, share) in self.bars() {
                @let (x, y) = (scale.x(from), scale.y(share));
                rect class={ (if filled { "area " } else { "curve " }) (class) } x=(px(x)) y=(px(y)) width=(px(scale.x(to) - x)) height=(px(scale.bottom - y))
                    fill=(if filled { colour } else { "none" }) fill-opacity=[filled.then_some("0.35")] stroke=[(!filled).then_some(colour)] stroke-width=[(!filled).then_some("1.5")] {}
            }
        }
    }
}

impl Histogram {
    /// Draws the histogram; `None` without anything to draw.
    pub(crate) fn figure(&self) -> Option<Figure> {
        let highest = self.series.iter().flat_map(|series| &series.shares).copied().fold(0.0, f64::max);
        if highest <= 0.0 {
            return None;
        }
        let outer = OUTSIDE + 2.0 * GAP;
        let scale = Scale {
            left: 44.0,
            right: WIDTH - 12.0,
            top: 40.0,
            bottom: HEIGHT - 34.0,
            x: (-outer, 1.0 + outer),
            y: (0.0, 1.05 * highest),
        };
        let several = self.series.len() > 1;
        let body = html! {
            (self.legend())
            (muted(8.0, 32.0, "start", &self.y_label))
            (axes(&scale))
            @for (at, series) in self.series.iter().enumerate() { (series.draw(&scale, at == 0 || !several)) }
        };
        Some(Figure { name: String::new(), title: self.title.clone(), width: WIDTH, height: HEIGHT, body })
    }

    fn legend(&self) -> Markup {
        let mut x = 8.0;
        let place = |series: &Series| {
            let at = x;
            x += text_width(&series.name) + 34.0;
            at
        };
        let places: Vec<f64> = self.series.iter().map(place).collect();
        html! {
            @for (at, (series, x)) in self.series.iter().zip(places).enumerate() {
                @let colour = category_fill(Some(series.colour));
                rect class={ (if at == 0 { "area " } else { "curve " }) (category_class(Some(series.colour))) } x=(px(x)) y="4" width="14" height="10"
                    fill=(if at == 0 { colour } else { "none" }) fill-opacity=[(at == 0).then_some("0.35")] stroke=[(at > 0).then_some(colour)] {}
                (label(x + 19.0, 13.0, "start", &series.name))
            }
        }
    }
}

fn axes(scale: &Scale) -> Markup {
    let below = scale.x(-GAP - OUTSIDE / 2.0);
    let above = scale.x(1.0 + GAP + OUTSIDE / 2.0);
    html! {
        g class="axes" {
            @for (value, decimals) in ticks(scale.y, 4, false) {
                (grid(scale.left, scale.y(value), scale.right, scale.y(value)))
                (muted(scale.left - 6.0, scale.y(value) + FONT * 0.35, "end", &format::number(value, decimals)))
            }
            @for (x, name) in [(below, "below"), (scale.x(0.5), "from lower to upper end"), (above, "above")] {
                (muted(x, scale.bottom + 16.0, "middle", name))
            }
        }
    }
}
