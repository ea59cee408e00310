//! Counts of pixels over two logarithmic axes.

use maud::{Markup, html};

use super::axes::{Scale, grid, rule};
use super::{FONT, Figure, category_fill, muted, px};
use crate::format;
use crate::input::DensityCell;
use crate::palette::{self, category_class};

const WIDTH: f64 = 340.0;
const HEIGHT: f64 = 300.0;
/// Steps of colour.
const TONES: u32 = 8;
/// Share of the pixels at each end of an axis that may stay outside of it.
const TAIL: f64 = 0.005;
/// Category of the curve.
const CURVE: usize = 1;

/// A 2-D histogram with a curve over it and the line on which both axes are the same.
pub(crate) struct Density<'a> {
    pub title: String,
    pub x_label: String,
    pub y_label: String,
    pub cells: &'a [DensityCell],
    pub curve: Vec<(f64, f64)>,
}

impl Density<'_> {
    /// Draws the histogram; nothing where no pixel has a place.
    pub(crate) fn figure(&self) -> Option<Figure> {
        let proper =
            |[lo, hi]: [f64; 2]| lo.is_finite() && hi.is_finite() && lo > 0.0 && hi > lo && hi / lo < 1e3;
        let cells: Vec<&DensityCell> =
            self.cells.iter().filter(|c| c.pixels > 0 && proper(c.u) && proper(c.error)).collect();
        let x = range(&cells, |cell| cell.u)?;
        let y = range(&cells, |cell| cell.error)?;
        let scale = Scale { left: 52.0, right: WIDTH - 12.0, top: 22.0, bottom: HEIGHT - 62.0, x, y };
        let most = cells.iter().map(|cell| cell.pixels).max()?;
        let body = html! {
            (muted(8.0, 12.0, "start", &self.y_label))
            (axes(&scale))
            g class="tones" { @for tone in 1..=TONES { (tones(&cells, &scale, (tone, most))) } }
            (same(&scale))
            (curve(&self.curve, &scale))
            (muted(f64::midpoint(scale.left, scale.right), scale.bottom + 32.0, "middle", &self.x_label))
            (legend(&scale, most))
        };
        Some(Figure { name: String::new(), title: self.title.clone(), width: WIDTH, height: HEIGHT, body })
    }
}

/// The axis as logarithms to the base 10, without thin tails.
fn range(cells: &[&DensityCell], of: fn(&DensityCell) -> [f64; 2]) -> Option<(f64, f64)> {
    let mut along: Vec<([f64; 2], u64)> = cells.iter().map(|cell| (of(cell), cell.pixels)).collect();
    along.sort_by(|a, b| a.0[0].total_cmp(&b.0[0]));
    let total = along.iter().fold(0u64, |total, (_, pixels)| total.saturating_add(*pixels));
    let tail = total as f64 * TAIL;
    let (first, last) = (reach(along.iter(), tail)?, reach(along.iter().rev(), tail)?);
    Some((first[0].log10(), last[1].log10()))
}

/// The first edges behind a tail.
fn reach<'a>(mut cells: impl Iterator<Item = &'a ([f64; 2], u64)>, tail: f64) -> Option<[f64; 2]> {
    let mut passed = 0.0;
    cells.find_map(|(edges, pixels)| {
        passed += *pixels as f64;
        (passed > tail).then_some(*edges)
    })
}

fn inside(value: f64, (lo, hi): (f64, f64)) -> bool {
    value >= lo - 1e-9 && value <= hi + 1e-9
}

/// Colour of a count, from 1 to [`TONES`], by its logarithm.
fn tone(pixels: u64, most: u64) -> u32 {
    let share = (pixels as f64).ln() / (most.max(2) as f64).ln();
    1 + (share * f64::from(TONES - 1)).round().clamp(0.0, f64::from(TONES - 1)) as u32
}

fn opacity(tone: u32) -> String {
    format!("{:.2}", 0.04 + 0.96 * f64::from(tone) / f64::from(TONES))
}

/// All cells of one colour as one path.
fn tones(cells: &[&DensityCell], scale: &Scale, (wanted, most): (u32, u64)) -> Markup {
    let mut path = String::new();
    for cell in cells.iter().filter(|cell| tone(cell.pixels, most) == wanted) {
        let ([x0, x1], [y0, y1]) = (cell.u.map(f64::log10), cell.error.map(f64::log10));
        if [x0, x1].iter().all(|&x| inside(x, scale.x)) && [y0, y1].iter().all(|&y| inside(y, scale.y)) {
            let (left, right) = (px(scale.x(x0)), px(scale.x(x1)));
            path += &format!("M{left} {}H{right}V{}H{left}z", px(scale.y(y0)), px(scale.y(y1)));
        }
    }
    html! {
        @if !path.is_empty() { path d=(path) fill=(palette::light("heat")) fill-opacity=(opacity(wanted)) {} }
    }
}

/// Powers of ten and, on short axes, numbers between them.
fn log_ticks((lo, hi): (f64, f64)) -> Vec<(f64, String)> {
    let between: &[f64] = if hi - lo < 1.7 { &[1.0, 2.0, 5.0] } else { &[1.0] };
    let powers = (lo.floor() as i32)..=(hi.ceil() as i32);
    let values = powers.flat_map(|power| between.iter().map(move |m| (m * 10f64.powi(power), power)));
    values
        .filter(|(value, _)| inside(value.log10(), (lo, hi)))
        .map(|(value, power)| (value.log10(), format::number(value, usize::try_from(-power).unwrap_or(0))))
        .collect()
}

fn axes(scale: &Scale) -> Markup {
    html! {
        g class="axes" {
            @for (at, name) in log_ticks(scale.y) {
                (grid(scale.left, scale.y(at), scale.right, scale.y(at)))
                (muted(scale.left - 6.0, scale.y(at) + FONT * 0.35, "end", &name))
            }
            @for (at, name) in log_ticks(scale.x) {
                (grid(scale.x(at), scale.top, scale.x(at), scale.bottom))
                (muted(scale.x(at), scale.bottom + 16.0, "middle", &name))
            }
        }
    }
}

/// The line |error| = u, where it crosses the plot.
fn same(scale: &Scale) -> Markup {
    let (lo, hi) = (scale.x.0.max(scale.y.0), scale.x.1.min(scale.y.1));
    html! { @if lo < hi { (rule(scale.x(lo), scale.y(lo), scale.x(hi), scale.y(hi))) } }
}

fn curve(points: &[(f64, f64)], scale: &Scale) -> Markup {
    let logs = points.iter().map(|&(x, y)| (x.log10(), y.log10()));
    let shown: Vec<(f64, f64)> = logs.filter(|&(x, y)| inside(x, scale.x) && inside(y, scale.y)).collect();
    let path: Vec<String> =
        shown.iter().map(|&(x, y)| format!("{} {}", px(scale.x(x)), px(scale.y(y)))).collect();
    html! {
        @if !path.is_empty() {
            path class={ "curve " (category_class(Some(CURVE))) } d=(format!("M{}", path.join("L"))) fill="none"
                stroke=(category_fill(Some(CURVE))) stroke-width="2" stroke-linejoin="round" {}
        }
        @for &(x, y) in &shown {
            circle class={ "dot " (category_class(Some(CURVE))) } cx=(px(scale.x(x))) cy=(px(scale.y(y))) r="3"
                fill=(category_fill(Some(CURVE))) {}
        }
    }
}

fn legend(scale: &Scale, most: u64) -> Markup {
    let (y, side) = (scale.bottom + 44.0, 11.0);
    html! {
        (muted(scale.left, y + 10.0, "start", "pixels: 1"))
        g class="tones" {
            @for tone in 1..=TONES {
                path d=(format!("M{} {}h{side}v{side}h-{side}z", px(scale.left + 56.0 + f64::from(tone - 1) * side), px(y)))
                    fill=(palette::light("heat")) fill-opacity=(opacity(tone)) {}
            }
        }
        (muted(scale.left + 64.0 + f64::from(TONES) * side, y + 10.0, "start", &format::count(most)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draw(cells: &[DensityCell], curve: Vec<(f64, f64)>) -> Option<String> {
        let (title, x_label, y_label) = (String::new(), "u".to_owned(), "|error|".to_owned());
        Density { title, x_label, y_label, cells, curve }.figure().map(|figure| figure.standalone())
    }

    fn cell(u: f64, error: f64, pixels: u64) -> DensityCell {
        DensityCell { u: [u, u * 1.25], error: [error, error * 1.25], pixels }
    }

    #[test]
    fn darker_where_there_are_more() {
        assert_eq!((tone(1, 1000), tone(1000, 1000)), (1, TONES));
        assert!(tone(30, 1000) > 3 && tone(30, 1000) < 6);
        assert_eq!(tone(1, 1), 1);
    }

    #[test]
    fn thin_tails_are_left_out() {
        let mut cells: Vec<DensityCell> = (0..10).map(|i| cell(0.01 * 1.25f64.powi(i), 0.1, 1000)).collect();
        cells.push(cell(1e-7, 0.1, 1));
        let (lo, hi) = range(&cells.iter().collect::<Vec<_>>(), |c| c.u).unwrap();
        assert!((lo + 2.0).abs() < 1e-9 && (hi - (0.01f64 * 1.25f64.powi(10)).log10()).abs() < 1e-9);
    }

    #[test]
    fn what_is_no_number_draws_nothing() {
        assert!(draw(&[], Vec::new()).is_none());
        let broken =
            [cell(f64::NAN, 1.0, 3), cell(0.0, 1.0, 3), cell(1.0, f64::INFINITY, 2), cell(-1.0, 1.0, 9)];
        assert!(draw(&broken, Vec::new()).is_none());
        let svg =
            draw(&[cell(0.1, 0.1, 7), broken[0]], vec![(f64::NAN, 0.1), (0.0, 0.0), (0.11, 0.11)]).unwrap();
        assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
        assert_eq!(svg.matches("<circle").count(), 1);
    }
}
