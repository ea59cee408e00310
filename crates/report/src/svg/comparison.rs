//! Numbers at two stages (before and after a repair, raw and calibrated), with their intervals, one row per thing measured.

use maud::{Markup, html};

use super::axes::{Scale, grid, rule, ticks};
use super::{FONT, Figure, category_fill, label, muted, px, text_width};
use crate::format;
use crate::input::Estimate;
use crate::palette::{category_class, light};

/// Width of the plot area, in pixels.
const PLOT: f64 = 300.0;
/// Height of a row, of which each stage has half.
const ROW: f64 = 40.0;
/// Width of a column of numbers.
const NUMBER: f64 = 56.0;
/// Room for the legend above the rows and for the axis below them.
const TOP: f64 = 30.0;
const BOTTOM: f64 = 40.0;
/// Longest label, in characters.
const LABEL_LIMIT: usize = 30;

/// A chart of numbers at two stages.
pub(crate) struct Comparison {
    pub title: String,
    /// Names of the stages.
    pub stages: [&'static str; 2],
    /// What the axis shows.
    pub axis: String,
    /// Its range; numbers outside stand at its ends.
    pub range: (f64, f64),
    /// A vertical line at this number.
    pub mark: Option<f64>,
    pub rows: Vec<Pair>,
}

/// A row of the chart.
pub(crate) struct Pair {
    pub label: String,
    pub before: Option<Estimate>,
    pub after: Option<Estimate>,
    /// True for the rows that matter most.
    pub strong: bool,
}

/// Colours of the two stages. The first is hollow, so that colour is not needed to tell them apart.
const COLOURS: [usize; 2] = [1, 0];

impl Comparison {
    /// Draws the chart.
    pub(crate) fn figure(&self) -> Figure {
        let widest = self.rows.iter().map(|row| text_width(&short(&row.label)) * 1.06).fold(60.0, f64::max);
        let left = widest + 18.0;
        let bottom = TOP + self.rows.len() as f64 * ROW;
        let scale = Scale { left, right: left + PLOT, top: TOP, bottom, x: self.range, y: (0.0, 1.0) };
        let body = html! {
            (self.legend(&scale))
            (self.axes(&scale))
            @if let Some(at) = self.mark.filter(|at| at.is_finite()).map(|at| scale.x(self.clamp(at))) {
                (rule(at, scale.top, at, scale.bottom))
            }
            @for (i, row) in self.rows.iter().enumerate() { (self.draw_row(&scale, TOP + i as f64 * ROW, row)) }
        };
        let width = scale.right + 2.0 * self.number_width() + 12.0;
        Figure { name: String::new(), title: self.title.clone(), width, height: bottom + BOTTOM, body }
    }

    fn clamp(&self, value: f64) -> f64 {
        value.max(self.range.0).min(self.range.1)
    }

    fn number_width(&self) -> f64 {
        self.stages.iter().map(|name| text_width(name) + 12.0).fold(NUMBER, f64::max)
    }

    fn legend(&self, scale: &Scale) -> Markup {
        html! {
            @for (i, (name, colour)) in self.stages.into_iter().zip(COLOURS).enumerate() {
                @let x = scale.left + i as f64 * 90.0;
                (point(x + 6.0, 14.0, colour, i == 0))
                (label(x + 17.0, 14.0 + FONT * 0.35, "start", name))
                (muted(scale.right + (i + 1) as f64 * self.number_width(), 14.0 + FONT * 0.35, "end", name))
            }
        }
    }

    fn axes(&self, scale: &Scale) -> Markup {
        html! {
            g class="axes" {
                @for (value, decimals) in ticks(scale.x, 5, false) {
                    (grid(scale.x(value), scale.top, scale.x(value), scale.bottom))
                    (muted(scale.x(value), scale.bottom + 16.0, "middle", &format::number(value, decimals)))
                }
                (muted(f64::midpoint(scale.left, scale.right), scale.bottom + 33.0, "middle", &self.axis))
            }
        }
    }

    fn draw_row(&self, scale: &Scale, top: f64, row: &Pair) -> Markup {
        let middle = top + ROW / 2.0;
        let [before, after] = self.stages;
        let tip = format!(
            "{}\n{before} {}\n{after} {}",
            row.label,
            format::with_interval(row.before, 3),
            format::with_interval(row.after, 3)
        );
        let numbers = self.number_width();
        html! {
            g data-tip=(tip) {
                rect x="0" y=(px(top)) width=(px(scale.right + 2.0 * numbers)) height=(px(ROW)) fill="none" pointer-events="all" {}
                text x=(px(scale.left - 12.0)) y=(px(middle + FONT * 0.35)) text-anchor="end" font-weight=[row.strong.then_some("700")] {
                    (short(&row.label))
                }
                @for (i, (estimate, colour)) in [row.before, row.after].into_iter().zip(COLOURS).enumerate() {
                    (self.stage(scale, middle + if i == 0 { -8.0 } else { 8.0 }, estimate, (i == 0, colour)))
                    (label(scale.right + (i + 1) as f64 * numbers, middle + FONT * 0.35, "end", &value(estimate)))
                }
            }
        }
    }

    /// A number and its interval; nothing where it was not computed.
    fn stage(
        &self,
        scale: &Scale,
        y: f64,
        estimate: Option<Estimate>,
        (hollow, colour): (bool, usize),
    ) -> Markup {
        let finite = |value: &f64| value.is_finite();
        let at = |value: f64| scale.x(self.clamp(value));
        let value = estimate.map(|e| e.value).filter(finite);
        let ends = estimate.and_then(|e| e.lo.filter(finite).zip(e.hi.filter(finite)));
        html! {
            @if let Some((lo, hi)) = ends {
                path class={ "curve " (category_class(Some(colour))) } d=(format!("M{} {}H{}", px(at(lo)), px(y), px(at(hi))))
                    stroke=(category_fill(Some(colour))) stroke-width="3" stroke-opacity="0.5" stroke-linecap="round" {}
            }
            @if let Some(value) = value { (point(at(value), y, colour, hollow)) }
        }
    }
}

fn short(text: &str) -> String {
    format::shorten(text, LABEL_LIMIT)
}

fn value(estimate: Option<Estimate>) -> String {
    estimate.map_or_else(|| format::MISSING.to_owned(), |e| format::number(e.value, 3))
}

fn point(x: f64, y: f64, colour: usize, hollow: bool) -> Markup {
    let mark = category_fill(Some(colour));
    let (class, fill) = if hollow { ("dot hollow ", light("card")) } else { ("dot ", mark) };
    html! {
        circle class={ (class) (category_class(Some(colour))) } cx=(px(x)) cy=(px(y)) r="4.5" fill=(fill) stroke=(mark)
            stroke-width="1.8" {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draw(before: Option<Estimate>, after: Option<Estimate>) -> String {
        let row = Pair { label: "all".to_owned(), before, after, strong: false };
        let chart = Comparison {
            title: String::new(),
            stages: ["before", "after"],
            axis: "accuracy".to_owned(),
            range: (0.0, 1.0),
            mark: None,
            rows: vec![row],
        };
        chart.figure().standalone()
    }

    fn estimate(value: f64) -> Option<Estimate> {
        Some(Estimate { value, lo: Some(value - 0.1), hi: Some(value + 0.1) })
    }

    #[test]
    fn an_accuracy_that_was_not_computed_has_no_mark() {
        // The legend has one mark of each kind.
        let circles = |svg: &str| svg.matches("<circle").count();
        assert_eq!(circles(&draw(estimate(0.2), estimate(0.8))), 4);
        assert_eq!(circles(&draw(None, estimate(0.8))), 3);
        let svg = draw(estimate(f64::NAN), None);
        assert_eq!(circles(&svg), 2);
        assert_eq!(svg.matches(&format!(">{}<", format::MISSING)).count(), 2);
        assert!(!svg.contains("NaN"), "{svg}");
    }

    #[test]
    fn better_lies_farther_right() {
        let svg = draw(estimate(0.2), estimate(0.8));
        let places: Vec<f64> = svg
            .split("<circle")
            .skip(3)
            .map(|circle| circle.split("cx=\"").nth(1).unwrap().split('"').next().unwrap().parse().unwrap())
            .collect();
        assert!((places[1] - places[0] - 0.6 * PLOT).abs() < 0.11, "{places:?}");
    }
}
