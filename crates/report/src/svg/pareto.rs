//! Gain against cost of every setting that was tried, with the front of those that no other beats in both.

use maud::{Markup, html};

use super::axes::{Scale, grid, rule, ticks};
use super::{FONT, Figure, category_fill, label, muted, px, text_width};
use crate::format;
use crate::palette::{category_class, light};

/// Size of the plot area with its axes, in pixels.
const WIDTH: f64 = 550.0;
const HEIGHT: f64 = 330.0;
/// Half the side of a mark.
const MARK: f64 = 5.0;
/// Height of a line of the legend.
const LINE: f64 = 19.0;
/// Longest name in the legend, in characters.
const LABEL_LIMIT: usize = 42;
/// Name of the line at zero, on its right.
const ZERO: &str = "unchanged";

/// A plot of settings: `x` and `y` are better the larger they are.
pub(crate) struct Pareto {
    pub title: String,
    pub x_label: String,
    pub y_label: String,
    /// Names of the series, which points refer to.
    pub series: Vec<String>,
    pub points: Vec<Point>,
}

/// A setting in the plot.
pub(crate) struct Point {
    /// Index into the series.
    pub series: usize,
    /// Changes of accuracies, in [-1, 1].
    pub x: f64,
    pub y: f64,
    /// What the page shows on hover.
    pub tip: String,
    pub chosen: bool,
}

impl Pareto {
    /// Draws the plot. Points whose values are not finite are left out.
    pub(crate) fn figure(&self) -> Figure {
        let drawn: Vec<&Point> = self.points.iter().filter(|p| p.x.is_finite() && p.y.is_finite()).collect();
        let front = front(&drawn);
        let top = 16.0 + self.legend_rows() as f64 * LINE + 26.0;
        let scale = scale(&drawn, top);
        let body = html! {
            (self.legend())
            (muted(8.0, top - 12.0, "start", &self.y_label))
            (axes(&scale, &self.x_label))
            path class="front" d=(staircase(&front, &scale)) fill="none" stroke=(light("muted")) stroke-width="1.5" {}
            @for point in &drawn { (draw_point(&scale, point)) }
        };
        Figure { name: String::new(), title: self.title.clone(), width: WIDTH, height: top + HEIGHT, body }
    }

    /// Lines of a legend in two columns: the series, then the front and the chosen setting.
    fn legend_rows(&self) -> usize {
        (self.series.len() + 2).div_ceil(2)
    }

    fn legend(&self) -> Markup {
        let rows = self.legend_rows();
        let place = |i: usize| (14.0 + (i / rows) as f64 * WIDTH / 2.0, 12.0 + (i % rows) as f64 * LINE);
        let text = |i: usize, name: &str| {
            let (x, y) = place(i);
            label(x + 16.0, y + FONT * 0.35, "start", &format::shorten(name, LABEL_LIMIT))
        };
        let (front, chosen) = (self.series.len(), self.series.len() + 1);
        html! {
            @for (i, name) in self.series.iter().enumerate() { (mark(i, place(i))) (text(i, name)) }
            path class="front" d=(format!("M{} {}h16", px(place(front).0 - 7.0), px(place(front).1))) stroke=(light("muted"))
                stroke-width="1.5" {}
            (text(front, "front: no setting is better in both"))
            (ring(place(chosen)))
            (text(chosen, "chosen"))
        }
    }
}

/// The points that no other beats in both directions, from left to right.
fn front(points: &[&Point]) -> Vec<(f64, f64)> {
    let mut sorted: Vec<(f64, f64)> = points.iter().map(|p| (bounded(p.x), bounded(p.y))).collect();
    sorted.sort_by(|a, b| b.0.total_cmp(&a.0).then(b.1.total_cmp(&a.1)));
    let mut front: Vec<(f64, f64)> = Vec::new();
    for point in sorted {
        if front.last().is_none_or(|last| point.1 > last.1) {
            front.push(point);
        }
    }
    front.reverse();
    front
}

/// The boundary of what the front reaches: from the left edge over its points down to the lower edge.
fn staircase(front: &[(f64, f64)], scale: &Scale) -> String {
    let Some(&(_, highest)) = front.first() else { return String::new() };
    let steps: String =
        front.iter().map(|&(x, y)| format!("V{}H{}", px(scale.y(y)), px(scale.x(x)))).collect();
    format!("M{} {}{steps}V{}", px(scale.left), px(scale.y(highest)), px(scale.bottom))
}

/// Both axes hold zero, which is the unrepaired network.
fn scale(points: &[&Point], top: f64) -> Scale {
    let range = |values: &mut dyn Iterator<Item = f64>| {
        let (lo, hi) = values.map(bounded).fold((0.0_f64, 0.01_f64), |(lo, hi), v| (lo.min(v), hi.max(v)));
        let room = 0.08 * (hi - lo);
        (lo - room, hi + room)
    };
    let x = range(&mut points.iter().map(|p| p.x));
    let y = range(&mut points.iter().map(|p| p.y));
    Scale { left: 58.0, right: WIDTH - 8.0 - text_width(ZERO), top, bottom: top + HEIGHT - 44.0, x, y }
}

/// A change of an accuracy is never larger than 1.
fn bounded(value: f64) -> f64 {
    value.clamp(-1.0, 1.0)
}

fn axes(scale: &Scale, x_label: &str) -> Markup {
    html! {
        g class="axes" {
            @for (value, decimals) in ticks(scale.y, 5, false) {
                (grid(scale.left, scale.y(value), scale.right, scale.y(value)))
                (muted(scale.left - 8.0, scale.y(value) + FONT * 0.35, "end", &format::change(value, decimals)))
            }
            @for (value, decimals) in ticks(scale.x, 6, false) {
                (grid(scale.x(value), scale.top, scale.x(value), scale.bottom))
                (muted(scale.x(value), scale.bottom + 17.0, "middle", &format::change(value, decimals)))
            }
            (rule(scale.left, scale.y(0.0), scale.right, scale.y(0.0)))
            (rule(scale.x(0.0), scale.top, scale.x(0.0), scale.bottom))
            (muted(scale.right + 5.0, scale.y(0.0) + FONT * 0.35, "start", ZERO))
            (muted(f64::midpoint(scale.left, scale.right), scale.bottom + 36.0, "middle", x_label))
        }
    }
}

fn draw_point(scale: &Scale, point: &Point) -> Markup {
    let place = (scale.x(bounded(point.x)), scale.y(bounded(point.y)));
    html! {
        g data-tip=(point.tip) {
            @if point.chosen { (ring(place)) }
            (mark(point.series, place))
        }
    }
}

fn ring((x, y): (f64, f64)) -> Markup {
    html! {
        circle class="chosen" cx=(px(x)) cy=(px(y)) r=(px(MARK + 4.0)) fill="none" stroke=(light("ink")) stroke-width="2" {}
    }
}

/// The mark of a series: a colour and a shape, so that colour is not needed to tell series apart.
fn mark(series: usize, (x, y): (f64, f64)) -> Markup {
    let d = MARK;
    let (x, y, side) = (px(x), px(y), px(1.8 * d));
    let shape = match series % 5 {
        0 => {
            format!("M{x} {y}m{} 0a{d} {d} 0 1 0 {} 0a{d} {d} 0 1 0 {} 0z", px(-d), px(2.0 * d), px(-2.0 * d))
        }
        1 => format!("M{x} {y}m{0} {0}h{side}v{side}h-{side}z", px(-0.9 * d)),
        2 => format!("M{x} {y}m0 {}l{} {}h{}z", px(-1.2 * d), px(1.2 * d), px(2.1 * d), px(-2.4 * d)),
        3 => format!("M{x} {y}m0 {a}l{b} {b}l{a} {b}l{a} {a}z", a = px(-1.3 * d), b = px(1.3 * d)),
        _ => format!("M{x} {y}m0 {}l{} {}h{}z", px(1.2 * d), px(-1.2 * d), px(-2.1 * d), px(2.4 * d)),
    };
    html! {
        path class={ "dot " (category_class(Some(series))) } d=(shape) fill=(category_fill(Some(series)))
            stroke=(category_fill(Some(series))) {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(x: f64, y: f64) -> Point {
        Point { series: 0, x, y, tip: String::new(), chosen: false }
    }

    #[test]
    fn the_front_holds_what_nothing_beats() {
        let points = [(0.0, 0.0), (0.5, 0.02), (0.4, 0.01), (0.6, -0.01), (0.5, 0.015), (0.7, -0.05)]
            .map(|(x, y)| point(x, y));
        let front = front(&points.iter().collect::<Vec<_>>());
        assert_eq!(front, [(0.5, 0.02), (0.6, -0.01), (0.7, -0.05)]);
    }

    #[test]
    fn the_boundary_runs_over_the_front_from_edge_to_edge() {
        let scale = Scale { left: 0.0, right: 100.0, top: 0.0, bottom: 100.0, x: (0.0, 1.0), y: (0.0, 1.0) };
        assert_eq!(staircase(&[(0.2, 0.9), (0.8, 0.3)], &scale), "M0 10V10H20V70H80V100");
        assert_eq!(staircase(&[], &scale), "");
    }

    #[test]
    fn what_is_not_a_number_is_left_out() {
        let points =
            vec![point(0.5, 0.01), point(f64::NAN, 0.0), point(0.2, f64::INFINITY), point(1e300, -4.0)];
        let plot = Pareto {
            title: String::new(),
            x_label: String::new(),
            y_label: String::new(),
            series: vec!["a".to_owned()],
            points,
        };
        let svg = plot.figure().standalone();
        assert_eq!(svg.matches("class=\"dot").count(), 3, "one in the legend");
        assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
    }
}
