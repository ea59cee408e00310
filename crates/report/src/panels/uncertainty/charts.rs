//! The measures of every method as figures.

use maud::{Markup, html};

use super::title;
use crate::format;
use crate::input::{Estimate, ItemMean, NoiseLevel, UncertaintyRow};
use crate::panels::Context;
use crate::svg::Figure;
use crate::svg::comparison::{Comparison, Pair};
use crate::svg::density::Density;
use crate::svg::lines::{Band, Chart, Line};

pub(super) fn render(context: &Context<'_>) -> Markup {
    let rows = &context.input.uncertainty;
    let (densities, intervals) = (densities(rows), intervals(context));
    html! {
        div class="chart-grid" {
            @for (_, chart) in charts(context) { (card(&chart.title, &chart.figure(true))) }
        }
        @if !intervals.is_empty() {
            div class="charts" { @for figure in &intervals { (card(&figure.title, figure)) } }
        }
        @if !densities.is_empty() {
            h3 { "|error| against u, pixel by pixel" }
            p class="muted" {
                "Darker: more pixels (logarithmic), over all test items of the first run. The line with dots is the mean |error| of the pixels of about "
                "the same u, a twentieth of the pixels each; it should rise. On the dashed line |error| and u are the same. Up to half a percent of the pixels "
                "at each end of an axis is not drawn; pixels without error or without u stand at its lowest end."
            }
            div class="chart-grid" { @for figure in &densities { (card(&figure.title, figure)) } }
        }
    }
}

pub(super) fn card(title: &str, figure: &Figure) -> Markup {
    html! { article class="card chart" { h3 { (title) } (figure.inline()) } }
}

pub(super) fn figures(context: &Context<'_>) -> Vec<Figure> {
    let rows = &context.input.uncertainty;
    let charts = charts(context).into_iter().map(|(name, chart)| chart.figure(true).named(name.to_owned()));
    charts.chain(intervals(context)).chain(densities(rows)).collect()
}

/// File name and chart of each figure that has values.
fn charts(context: &Context<'_>) -> Vec<(&'static str, Chart)> {
    let rows = &context.input.uncertainty;
    let chart = |title: &str, [x_label, y_label]: [&str; 2], lines: Vec<Line>| Chart {
        title: title.to_owned(),
        x_label: x_label.to_owned(),
        y_label: y_label.to_owned(),
        lines,
        ..Chart::default()
    };
    let direction = Chart {
        level: Some((0.5, "chance".to_owned())),
        y_range: Some((0.0, 1.0)),
        ..chart(
            "Direction of the error",
            ["ratio of half-widths, at least", "accuracy; dashed: share of the pixels that take part"],
            direction(rows),
        )
    };
    let charts = [
        (
            "uncertainty-sparsification",
            chart(
                "What is left when the most uncertain pixels are removed",
                ["pixels removed, in percent", "mean squared error, of 1; dashed: the oracle"],
                sparsification(rows),
            ),
        ),
        (
            "uncertainty-quantiles",
            chart(
                "Error by uncertainty, first run",
                ["pixels with a smaller u, in percent", "mean |error|"],
                quantiles(rows),
            ),
        ),
        ("uncertainty-direction", direction),
    ];
    charts.into_iter().chain(noise(context)).filter(|(_, chart)| !chart.lines.is_empty()).collect()
}

/// Uncertainty and correlation against the noise, with their intervals.
fn noise(context: &Context<'_>) -> [(&'static str, Chart); 2] {
    let rows = &context.input.uncertainty;
    let x_label =
        format!("standard deviation of the noise{}", format::shorten(&context.input.noise_unit, 20));
    let chart = |title: &str, y_label: &str, of: fn(&NoiseLevel) -> Option<ItemMean>| Chart {
        title: title.to_owned(),
        x_label: x_label.clone(),
        y_label: y_label.to_owned(),
        lines: lines(rows, |row| {
            row.levels.iter().filter_map(|level| Some((level.sigma, of(level)?.value))).collect()
        }),
        bands: bands(rows, of),
        ..Chart::default()
    };
    [
        (
            "uncertainty-noise",
            chart("Uncertainty against noise", "mean u, with 95 % interval", |level| level.u),
        ),
        (
            "uncertainty-noise-correlation",
            chart("Correlation against noise", "correlation with |error|, with 95 % interval", |level| {
                level.pearson
            }),
        ),
    ]
}

/// The intervals of a method's values at the levels of noise.
fn bands(rows: &[UncertaintyRow], of: fn(&NoiseLevel) -> Option<ItemMean>) -> Vec<Band> {
    let ends = |level: &NoiseLevel| {
        let mean = of(level)?;
        let point = (level.sigma, mean.lo?, mean.hi?);
        (point.0.is_finite() && point.1.is_finite() && point.2.is_finite()).then_some(point)
    };
    let band = |(index, row): (usize, &UncertaintyRow)| Band {
        colour: index,
        points: row.levels.iter().filter_map(ends).collect(),
    };
    rows.iter().enumerate().map(band).filter(|band| band.points.len() > 1).collect()
}

fn sparsification(rows: &[UncertaintyRow]) -> Vec<Line> {
    let percent = |share: f64| (100.0 * share).round();
    let left = lines(rows, |row| row.sparsification.iter().map(|p| (percent(p.removed), p.left)).collect());
    let oracle =
        lines(rows, |row| row.sparsification.iter().map(|p| (percent(p.removed), p.oracle)).collect());
    left.into_iter().chain(oracle.into_iter().map(second)).collect()
}

fn quantiles(rows: &[UncertaintyRow]) -> Vec<Line> {
    lines(rows, |row| row.quantiles.iter().map(|q| (100.0 * q.share, q.error)).collect())
}

fn direction(rows: &[UncertaintyRow]) -> Vec<Line> {
    let over = |of: fn(&crate::input::DirectionAccuracy) -> Option<ItemMean>| {
        lines(rows, |row| row.direction.iter().filter_map(|d| Some((d.ratio, of(d)?.value))).collect())
    };
    let shares = over(|d| d.participating).into_iter().map(second);
    over(|d| d.accuracy).into_iter().chain(shares).collect()
}

/// The second line of a method: dashed, and not in the legend again.
fn second(line: Line) -> Line {
    Line { name: String::new(), dashed: true, ..line }
}

/// A line for each method that has points.
fn lines(rows: &[UncertaintyRow], of: impl Fn(&UncertaintyRow) -> Vec<(f64, f64)>) -> Vec<Line> {
    let finite = |(x, y): &(f64, f64)| x.is_finite() && y.is_finite();
    let line = |(index, row): (usize, &UncertaintyRow)| Line {
        name: title(&row.method).to_owned(),
        colour: index,
        dashed: false,
        points: of(row).into_iter().filter(finite).collect(),
    };
    rows.iter().enumerate().map(line).filter(|line| !line.points.is_empty()).collect()
}

/// Coverage and width as they are and calibrated.
fn intervals(context: &Context<'_>) -> Vec<Figure> {
    let rows = &context.input.uncertainty;
    let estimate = |mean: ItemMean| Estimate { value: mean.value, lo: mean.lo, hi: mean.hi };
    let pairs = |of: fn(&UncertaintyRow) -> [Option<ItemMean>; 2]| -> Vec<Pair> {
        let pair = |row: &UncertaintyRow| {
            let [before, after] = of(row).map(|mean| mean.map(estimate));
            Pair { label: title(&row.method).to_owned(), before, after, strong: false }
        };
        rows.iter().map(pair).filter(|pair| pair.before.is_some() || pair.after.is_some()).collect()
    };
    let widths = pairs(|row| [row.width, row.calibrated_width]);
    let ends = widths.iter().flat_map(|pair| [pair.before, pair.after]).flatten();
    let widest =
        ends.flat_map(|e| [Some(e.value), e.hi]).flatten().filter(|v| v.is_finite()).fold(0.0, f64::max);
    let figure = |name: &str, title: &str, axis: String, range, mark, rows: Vec<Pair>| {
        let title = title.to_owned();
        let chart = Comparison { title, stages: ["raw", "calibrated"], axis, range, mark, rows };
        (!chart.rows.is_empty()).then(|| chart.figure().named(name.to_owned()))
    };
    let level = context.input.coverage_level;
    let aim =
        level.map(|level| format!("; dashed: the aim, {}", format::percent(level, 0))).unwrap_or_default();
    let coverages = pairs(|row| [row.coverage, row.calibrated_coverage]);
    let covered = format!("share of the pixels, with 95 % interval{aim}");
    let wide = if widest > 0.0 { 1.05 * widest } else { 1.0 };
    [
        figure("uncertainty-coverage", "Coverage of the intervals", covered, (0.0, 1.0), level, coverages),
        figure(
            "uncertainty-width",
            "Width of the intervals",
            "mean width, with 95 % interval".to_owned(),
            (0.0, wide),
            None,
            widths,
        ),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn densities(rows: &[UncertaintyRow]) -> Vec<Figure> {
    let figure = |row: &UncertaintyRow| {
        let density = Density {
            title: title(&row.method).to_owned(),
            x_label: "u".to_owned(),
            y_label: "|error|".to_owned(),
            cells: &row.density,
            curve: row.quantiles.iter().map(|q| (q.u, q.error)).collect(),
        };
        Some(density.figure()?.named(format!("uncertainty-density-{}", row.method)))
    };
    rows.iter().filter_map(figure).collect()
}
