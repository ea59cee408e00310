//! Uncertainty methods side by side: how well each marks the real errors.

use maud::{Markup, html};

use super::Context;
use crate::format;
use crate::input::{NoiseLevel, UncertaintyRow};
use crate::svg::Figure;
use crate::svg::lines::{Chart, Line};

pub(super) fn render(context: &Context<'_>) -> Option<Markup> {
    let rows = &context.input.uncertainty;
    (!rows.is_empty()).then(|| {
        html! {
            p class="lead" {
                "Each method gives every pixel an uncertainty u. A good u is large where the output is wrong: its correlation with "
                "|error| is high, and removing the most uncertain pixels removes the error (a small sparsification area)."
            }
            (table(rows))
            div class="chart-grid" {
                @for (_, chart) in charts(rows) { article class="card chart" { (chart.figure(true).inline()) } }
            }
        }
    })
}

pub(super) fn figures(context: &Context<'_>) -> Vec<Figure> {
    let charts = charts(&context.input.uncertainty).into_iter();
    charts.map(|(name, chart)| chart.figure(true).named(name.to_owned())).collect()
}

fn table(rows: &[UncertaintyRow]) -> Markup {
    let plain =
        |value: Option<f64>| value.map_or_else(|| format::MISSING.to_owned(), |v| format::number(v, 3));
    html! {
        div class="card scroll" {
            table {
                caption { "Means over test items, with 95 % intervals of a bootstrap over items" }
                thead { tr {
                    th { "Method" }
                    @for name in [
                        "Correlation with |error|", "Sparsification area", "Mean squared error", "Coverage", "Width",
                        "Coverage, calibrated", "Width, calibrated", "Seconds per item",
                    ] { th class="num" { (name) } }
                } }
                tbody {
                    @for row in rows {
                        tr {
                            th scope="row" { (title(&row.method)) }
                            td class="num" { (format::with_interval(row.pearson, 3)) }
                            td class="num" { (format::with_interval(row.ause, 3)) }
                            td class="num" { (format::with_interval(row.mse, 5)) }
                            td class="num" { (format::with_interval(row.coverage, 3)) }
                            td class="num" { (format::with_interval(row.width, 3)) }
                            td class="num" { (plain(row.calibrated_coverage)) }
                            td class="num" { (plain(row.calibrated_width)) }
                            td class="num" { (plain(row.seconds)) }
                        }
                    }
                }
            }
        }
    }
}

/// A method as a reader calls it.
pub(super) fn title(method: &str) -> &str {
    match method {
        "ensemble" => "deep ensemble",
        "error" => "learned error",
        "gradient" => "input gradient",
        "inn" => "interval network",
        "mcdropout" => "Monte Carlo dropout",
        "probout" => "predicted variance",
        "tta" => "test-time augmentation",
        other => other,
    }
}

/// File name and chart of each figure that has values.
fn charts(rows: &[UncertaintyRow]) -> Vec<(&'static str, Chart)> {
    let at_levels = |of: fn(&NoiseLevel) -> Option<f64>| -> Vec<Line> {
        lines(rows, |row| row.levels.iter().filter_map(|l| Some((l.sigma, of(l)?))).collect())
    };
    let chart = |title: &str, x_label: &str, y_label: &str, lines: Vec<Line>| Chart {
        title: title.to_owned(),
        x_label: x_label.to_owned(),
        y_label: y_label.to_owned(),
        lines,
        ..Chart::default()
    };
    let direction =
        lines(rows, |row| row.direction.iter().filter_map(|d| Some((d.ratio, d.accuracy?.value))).collect());
    let noise = "standard deviation of the noise";
    let charts = [
        ("uncertainty-noise", chart("Uncertainty against noise", noise, "mean u", at_levels(|l| l.u))),
        (
            "uncertainty-noise-correlation",
            chart("Correlation against noise", noise, "correlation with |error|", at_levels(|l| l.pearson)),
        ),
        (
            "uncertainty-direction",
            Chart {
                level: Some((0.5, "chance".to_owned())),
                ..chart("Direction of the error", "ratio of half-widths, at least", "accuracy", direction)
            },
        ),
    ];
    charts.into_iter().filter(|(_, chart)| !chart.lines.is_empty()).collect()
}

/// A line for each method that has points.
fn lines(rows: &[UncertaintyRow], of: impl Fn(&UncertaintyRow) -> Vec<(f64, f64)>) -> Vec<Line> {
    let line = |(index, row): (usize, &UncertaintyRow)| Line {
        name: title(&row.method).to_owned(),
        colour: index,
        dashed: false,
        points: of(row),
    };
    rows.iter().enumerate().map(line).filter(|line| !line.points.is_empty()).collect()
}
