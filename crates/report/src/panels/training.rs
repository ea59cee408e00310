//! Learning curves of the study's own training.

use maud::{Markup, html};

use super::Context;
use crate::svg::Figure;
use crate::svg::lines::{Chart, Line};

pub(super) fn render(context: &Context<'_>) -> Option<Markup> {
    let charts = charts(context);
    if charts.is_empty() {
        return None;
    }
    Some(html! {
        div class="chart-grid" {
            @for (_, chart) in &charts { article class="card chart" { (chart.figure(true).inline()) } }
        }
    })
}

pub(super) fn figures(context: &Context<'_>) -> Vec<Figure> {
    charts(context).into_iter().map(|(name, chart)| chart.figure(true).named(name.to_owned())).collect()
}

/// File name and chart of loss and accuracy, without those that have no values.
fn charts(context: &Context<'_>) -> Vec<(&'static str, Chart)> {
    let Some(curves) = &context.input.training else { return Vec::new() };
    let chart = |y_label: &str, train: &[Option<f64>], validation: &[Option<f64>]| Chart {
        title: format!("Training of the network: {y_label}"),
        x_label: "epoch".to_owned(),
        y_label: y_label.to_owned(),
        lines: vec![Line::new("validation", 0, false, 1, validation), Line::new("train", 1, true, 1, train)],
        mark: curves.chosen_epoch.map(|epoch| (epoch as f64, format!("kept: {epoch}"))),
        ..Chart::default()
    };
    [
        ("training-loss", chart("loss", &curves.train_loss, &curves.validation_loss)),
        ("training-accuracy", chart("accuracy", &curves.train_accuracy, &curves.validation_accuracy)),
    ]
    .into_iter()
    .filter(|(_, chart)| chart.lines.iter().any(|line| !line.points.is_empty()))
    .collect()
}
