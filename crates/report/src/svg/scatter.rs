//! The 2-D embedding.

use maud::{Markup, html};

use super::{Figure, category_fill, px};
use crate::format;
use crate::input::{Subtype, Subtyping};
use crate::palette::{self, category_class};

const WIDTH: f64 = 720.0;
const MARGIN: f64 = 24.0;
/// Least vertical distance between names that stand above each other, in pixels.
const LABEL_HEIGHT: f64 = 18.0;

/// Points by case; `None` where a case has no place.
pub(crate) struct Places {
    /// Pixels from the left and from the top.
    pub of: Vec<Option<(f64, f64)>>,
    pub height: f64,
    radius: f64,
}

impl Places {
    /// Fits the coordinates into the figure, with the same scale along both axes.
    pub(crate) fn fit(points: impl Iterator<Item = (Option<f64>, Option<f64>)>) -> Self {
        let points: Vec<Option<(f64, f64)>> =
            points.map(|(x, y)| Some((x?, y?)).filter(|(x, y)| x.is_finite() && y.is_finite())).collect();
        let drawn: Vec<(f64, f64)> = points.iter().flatten().copied().collect();
        let (x_lo, x_hi) = range(drawn.iter().map(|p| p.0));
        let (y_lo, y_hi) = range(drawn.iter().map(|p| p.1));
        let inner = WIDTH - 2.0 * MARGIN;
        let height = (inner * (y_hi - y_lo) / (x_hi - x_lo)).clamp(inner * 0.6, inner * 0.8);
        let scale = (inner / (x_hi - x_lo)).min(height / (y_hi - y_lo));
        let (x_mid, y_mid) = (f64::midpoint(x_lo, x_hi), f64::midpoint(y_lo, y_hi));
        let place = |(x, y): (f64, f64)| {
            (WIDTH / 2.0 + (x - x_mid) * scale, MARGIN + height / 2.0 - (y - y_mid) * scale)
        };
        let radius = (110.0 / (drawn.len().max(1) as f64).sqrt()).clamp(2.0, 5.0);
        Self { of: points.into_iter().map(|p| p.map(place)).collect(), height: height + 2.0 * MARGIN, radius }
    }
}

/// Least and largest value, never the same.
fn range(values: impl Iterator<Item = f64>) -> (f64, f64) {
    let (lo, hi) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(lo, hi), v| (lo.min(v), hi.max(v)));
    if lo > hi {
        (0.0, 1.0)
    } else if hi - lo < 1e-9 {
        (lo - 0.5, hi + 0.5)
    } else {
        (lo, hi)
    }
}

/// The dots of all cases, coloured by their labels.
pub(crate) fn dots(places: &Places, labels: &[Option<usize>]) -> Markup {
    html! {
        g class="dots" {
            @for (case, place) in places.of.iter().enumerate() {
                @if let Some((x, y)) = place {
                    @let label = labels.get(case).copied().flatten();
                    circle class={ "dot " (category_class(label)) } data-dot=(case) cx=(px(*x)) cy=(px(*y))
                        r=(px(places.radius)) fill=(category_fill(label)) fill-opacity="0.85" {}
                }
            }
        }
    }
}

/// The names of the subtypes at the medians of their dots.
pub(crate) fn names(places: &Places, subtyping: &Subtyping) -> Markup {
    let spot = |(index, subtype): (usize, &Subtype)| {
        let (x, y) = median_place(places, &subtyping.labels, index)?;
        Some(Spot { index, name: format::shorten(&subtype.name, 18), x, y })
    };
    let spots = spread(subtyping.subtypes.iter().enumerate().filter_map(spot).collect(), places.height);
    let (ink, card) = (palette::light("ink"), palette::light("card"));
    html! {
        g text-anchor="middle" dominant-baseline="central" font-weight="700" font-size="16" fill=(ink) stroke=(card)
            stroke-width="5" stroke-linejoin="round" paint-order="stroke" {
            @for spot in &spots {
                text class="spot" data-subtype=(spot.index) x=(px(spot.x)) y=(px(spot.y)) { (spot.name) }
            }
        }
    }
}

/// A name in the plot.
#[derive(Debug)]
struct Spot {
    index: usize,
    name: String,
    x: f64,
    y: f64,
}

fn median_place(places: &Places, labels: &[Option<usize>], label: usize) -> Option<(f64, f64)> {
    let own: Vec<(f64, f64)> =
        places.of.iter().zip(labels).filter(|(_, l)| **l == Some(label)).filter_map(|(p, _)| *p).collect();
    let median = |mut values: Vec<f64>| {
        values.sort_by(f64::total_cmp);
        values.get(values.len() / 2).copied()
    };
    Some((median(own.iter().map(|p| p.0).collect())?, median(own.iter().map(|p| p.1).collect())?))
}

/// Moves names apart, up and down, until none covers another.
fn spread(mut spots: Vec<Spot>, height: f64) -> Vec<Spot> {
    spots.sort_by(|a, b| a.y.total_cmp(&b.y));
    for _ in 0..60 {
        for i in 0..spots.len() {
            let (above, rest) = spots.split_at_mut(i);
            let Some(spot) = rest.first_mut() else { continue };
            for other in above {
                let width = (spot.name.chars().count() + other.name.chars().count()) as f64 * 4.5;
                let overlap = LABEL_HEIGHT - (spot.y - other.y).abs();
                if overlap > 0.0 && (spot.x - other.x).abs() < width {
                    let down = if spot.y >= other.y { overlap / 2.0 } else { -overlap / 2.0 };
                    spot.y = (spot.y + down).clamp(10.0, height - 10.0);
                    other.y = (other.y - down).clamp(10.0, height - 10.0);
                }
            }
        }
    }
    spots
}

/// The embedding coloured by one subtyping, for a file.
pub(crate) fn figure(places: &Places, subtyping: &Subtyping, title: &str) -> Figure {
    Figure {
        name: String::new(),
        title: title.to_owned(),
        width: WIDTH,
        height: places.height,
        body: html! { (dots(places, &subtyping.labels)) (names(places, subtyping)) },
    }
}

/// Size of the coordinate system for the embedding in the page.
pub(crate) fn view_box(places: &Places) -> String {
    format!("0 0 {} {}", px(WIDTH), px(places.height))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_stay_inside_and_keep_proportions() {
        let points = [(0.0, 0.0), (10.0, 0.0), (10.0, 7.0), (f64::NAN, 1.0)];
        let places = Places::fit(points.iter().map(|&(x, y)| (Some(x), Some(y))));
        assert!(places.of[3].is_none());
        for &(x, y) in places.of.iter().flatten() {
            assert!((MARGIN - 0.1..=WIDTH - MARGIN + 0.1).contains(&x), "{x}");
            assert!((MARGIN - 0.1..=places.height - MARGIN + 0.1).contains(&y), "{y}");
        }
        let (a, b, c) = (places.of[0].unwrap(), places.of[1].unwrap(), places.of[2].unwrap());
        assert!(((b.0 - a.0) / (b.1 - c.1) - 10.0 / 7.0).abs() < 1e-9);
    }

    #[test]
    fn labels_do_not_cover_each_other() {
        let spot = |index| Spot { index, name: format!("kind {index}"), x: 100.0, y: 200.0 };
        let spots = spread((0..6).map(spot).collect(), 400.0);
        for (i, a) in spots.iter().enumerate() {
            for b in spots.iter().skip(i + 1) {
                assert!((a.y - b.y).abs() > LABEL_HEIGHT * 0.8, "{spots:?}");
            }
        }
    }
}
