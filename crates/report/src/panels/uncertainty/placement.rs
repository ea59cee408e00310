//! Where the truth lies inside the intervals.

use maud::{Markup, html};

use super::{charts, title};
use crate::input::{Placement, UncertaintyRow};
use crate::svg::Figure;
use crate::svg::histogram::{Histogram, Series};

pub(super) fn render(rows: &[UncertaintyRow]) -> Markup {
    let figures = figures(rows);
    html! {
        @if !figures.is_empty() {
            h3 { "Where the truth lies in the intervals" }
            p class="muted" {
                "Pixels of all test items and runs, from the lower end of their interval to the upper end, with those outside at the two sides. Where the errors have the shape that the "
                "interval supposes on both sides, its middle is the highest and the two sides are alike; a lean to one side is an output that is too high or too low."
            }
            div class="chart-grid" { @for figure in &figures { (charts::card(&figure.title, figure)) } }
        }
    }
}

/// A figure for each method that has intervals.
pub(super) fn figures(rows: &[UncertaintyRow]) -> Vec<Figure> {
    let series = |name: &str, colour: usize, placement: &Option<Placement>| {
        let placement = placement.as_ref()?;
        let shares = [&[placement.below][..], &placement.inside, &[placement.above]].concat();
        let whole = shares.len() > 2 && shares.iter().all(|share| share.is_finite() && *share >= 0.0);
        whole.then(|| Series { name: name.to_owned(), colour, shares })
    };
    let figure = |row: &UncertaintyRow| {
        let own = series("its own", 1, &row.placement);
        let calibrated = series("calibrated", 0, &row.calibrated_placement);
        let chart = Histogram {
            title: title(&row.method).to_owned(),
            y_label: "share of the pixels".to_owned(),
            series: own.into_iter().chain(calibrated).collect(),
        };
        Some(chart.figure()?.named(format!("uncertainty-placement-{}", row.method)))
    };
    rows.iter().filter_map(figure).collect()
}
