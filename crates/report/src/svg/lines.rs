//! Line charts: fine-tuning curves, training curves, the choice of the number of subtypes.

use maud::{Markup, html};

use super::axes::{Scale, grid, rule, ticks, widened};
use super::{FONT, Figure, category_fill, label, muted, px, text_width};
use crate::palette;

/// Size of a chart without its legend, in pixels; three stand side by side.
const WIDTH: f64 = 340.0;
const HEIGHT: f64 = 210.0;

/// A line chart.
#[derive(Debug, Clone, Default)]
pub(crate) struct Chart {
    pub title: String,
    pub x_label: String,
    pub y_label: String,
    /// Range of the y axis; from the values where absent.
    pub y_range: Option<(f64, f64)>,
    /// Areas behind the lines.
    pub bands: Vec<Band>,
    /// Lines without a name are not in the legend.
    pub lines: Vec<Line>,
    /// A vertical line at this x, with its name.
    pub mark: Option<(f64, String)>,
    /// A horizontal line at this y, with its name on the right.
    pub level: Option<(f64, String)>,
}

/// One line.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    pub name: String,
    /// Categorical colour.
    pub colour: usize,
    pub dashed: bool,
    pub points: Vec<(f64, f64)>,
}

/// An area between two lines.
#[derive(Debug, Clone)]
pub(crate) struct Band {
    /// Categorical colour.
    pub colour: usize,
    /// Place, lower and upper end.
    pub points: Vec<(f64, f64, f64)>,
}

impl Band {
    fn draw(&self, scale: &Scale) -> Markup {
        let at = |x: f64, y: f64| format!("{} {}", px(scale.x(x)), px(scale.y(y)));
        let above = self.points.iter().map(|&(x, _, hi)| at(x, hi));
        let below = self.points.iter().rev().map(|&(x, lo, _)| at(x, lo));
        let path = above.chain(below).collect::<Vec<_>>().join("L");
        html! {
            @if !path.is_empty() {
                path class={ "area " (palette::category_class(Some(self.colour % palette::CATEGORIES))) } d=(format!("M{path}z"))
                    fill=(category_fill(Some(self.colour))) fill-opacity="0.28" {}
            }
        }
    }
}

impl Line {
    /// A line through the values that were computed, the first at x = `first`.
    pub(crate) fn new(name: &str, colour: usize, dashed: bool, first: usize, values: &[Option<f64>]) -> Self {
        let points = values
            .iter()
            .enumerate()
            .filter_map(|(i, value)| Some(((i + first) as f64, value.filter(|v| v.is_finite())?)))
            .collect();
        Self { name: name.to_owned(), colour, dashed, points }
    }

    /// A short piece of the line, for a legend.
    pub(crate) fn sample(&self) -> Markup {
        html! {
            svg class="sample" aria-hidden="true" width="26" height="10" viewBox="0 0 26 10" {
                (stroke(self, "M1 5H25"))
            }
        }
    }
}

fn stroke(line: &Line, path: &str) -> Markup {
    html! {
        path class={ "curve " (palette::category_class(Some(line.colour % palette::CATEGORIES))) } d=(path) fill="none"
            stroke=(category_fill(Some(line.colour))) stroke-width="2" stroke-linejoin="round"
            stroke-dasharray=[line.dashed.then_some("2 4")] stroke-linecap="round" {}
    }
}

impl Chart {
    /// Draws the chart, with its legend inside if asked.
    pub(crate) fn figure(&self, legend: bool) -> Figure {
        let rows = if legend { self.legend_rows() } else { Vec::new() };
        let top = 22.0 + legend_height(&rows);
        let scale = self.scale(top);
        let body = html! {
            @for (i, row) in rows.iter().enumerate() { (draw_legend_row(row, 12.0 + i as f64 * 18.0, self.entry_width())) }
            (muted(8.0, top - 10.0, "start", &self.y_label))
            (self.axes(&scale))
            @if let Some((level, name)) = &self.level {
                (rule(scale.left, scale.y(*level), scale.right, scale.y(*level)))
                (muted(scale.right + 5.0, scale.y(*level) + FONT * 0.35, "start", name))
            }
            @if let Some((x, name)) = &self.mark {
                @let at = scale.x(*x);
                (rule(at, scale.top, at, scale.bottom))
                (muted(self.mark_label_x(at, name), scale.top - 10.0, "middle", name))
            }
            @for band in &self.bands { (band.draw(&scale)) }
            @for line in &self.lines { (stroke(line, &path(line, &scale))) }
            @for line in self.lines.iter().filter(|line| line.points.len() == 1) {
                @for &(x, y) in &line.points {
                    circle class={ "dot " (palette::category_class(Some(line.colour))) } cx=(px(scale.x(x))) cy=(px(scale.y(y))) r="3"
                        fill=(category_fill(Some(line.colour))) {}
                }
            }
        };
        Figure {
            name: String::new(),
            title: self.title.clone(),
            width: WIDTH,
            height: HEIGHT + legend_height(&rows),
            body,
        }
    }

    /// Where the name of the mark stands above it: neither on the name of the y axis nor outside.
    fn mark_label_x(&self, at: f64, name: &str) -> f64 {
        let half = text_width(name) / 2.0;
        at.max(text_width(&self.y_label) + 16.0 + half).min(WIDTH - half)
    }

    fn scale(&self, top: f64) -> Scale {
        let points = || self.lines.iter().flat_map(|line| &line.points);
        let x = widened(points().map(|p| p.0));
        let y = self.y_range.unwrap_or_else(|| {
            let ends = self.bands.iter().flat_map(|band| &band.points).flat_map(|p| [p.1, p.2]);
            let (lo, hi) = widened(points().map(|p| p.1).chain(ends));
            (lo - 0.05 * (hi - lo), hi + 0.05 * (hi - lo))
        });
        let bottom = top + HEIGHT - 22.0 - 38.0;
        let beside = self.level.as_ref().map_or(0.0, |(_, name)| text_width(name));
        Scale { left: 44.0, right: WIDTH - 12.0 - beside, top, bottom, x, y }
    }

    fn axes(&self, scale: &Scale) -> Markup {
        let y_ticks = ticks(scale.y, 4, false);
        let whole = self.lines.iter().flat_map(|line| &line.points).all(|p| p.0.fract() == 0.0);
        let x_ticks = ticks(scale.x, 6, whole);
        html! {
            g class="axes" {
                @for &(value, decimals) in &y_ticks {
                    (grid(scale.left, scale.y(value), scale.right, scale.y(value)))
                    (muted(scale.left - 6.0, scale.y(value) + FONT * 0.35, "end", &crate::format::number(value, decimals)))
                }
                @for &(value, decimals) in &x_ticks {
                    (muted(scale.x(value), scale.bottom + 16.0, "middle", &crate::format::number(value, decimals)))
                }
                (muted(f64::midpoint(scale.left, scale.right), scale.bottom + 32.0, "middle", &self.x_label))
            }
        }
    }

    /// Entries in columns of the same width, as many as fit.
    fn legend_rows(&self) -> Vec<Vec<&Line>> {
        let named: Vec<&Line> = self.lines.iter().filter(|line| !line.name.is_empty()).collect();
        let columns = ((WIDTH - 16.0) / self.entry_width()).floor().max(1.0) as usize;
        named.chunks(columns).map(<[&Line]>::to_vec).collect()
    }

    fn entry_width(&self) -> f64 {
        self.lines.iter().map(|line| text_width(&line.name)).fold(0.0, f64::max) + 36.0
    }
}

fn legend_height(rows: &[Vec<&Line>]) -> f64 {
    if rows.is_empty() { 0.0 } else { rows.len() as f64 * 18.0 + 8.0 }
}

fn draw_legend_row(row: &[&Line], y: f64, entry_width: f64) -> Markup {
    html! {
        @for (i, line) in row.iter().enumerate() {
            @let x = 8.0 + i as f64 * entry_width;
            (stroke(line, &format!("M{} {}h22", px(x), px(y))))
            (label(x + 28.0, y + FONT * 0.35, "start", &line.name))
        }
    }
}

fn path(line: &Line, scale: &Scale) -> String {
    let mut path = String::new();
    for (i, &(x, y)) in line.points.iter().enumerate() {
        path += &format!("{}{} {}", if i == 0 { "M" } else { "L" }, px(scale.x(x)), px(scale.y(y)));
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_values_leave_a_gap_in_the_points() {
        let line = Line::new("loss", 0, false, 1, &[Some(1.0), None, Some(f64::NAN), Some(3.0)]);
        assert_eq!(line.points, [(1.0, 1.0), (4.0, 3.0)]);
    }
}
