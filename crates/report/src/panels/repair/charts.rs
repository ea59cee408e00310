//! The figures of a repair: accuracies before and after, gain against cost.

use maud::{Markup, html};

use crate::evidence::words;
use crate::format;
use crate::input::{Estimate, Repair, RepairAccuracy, Tradeoff};
use crate::panels::kind_title;
use crate::svg::Figure;
use crate::svg::comparison::{Comparison, Pair};
use crate::svg::pareto::{Pareto, Point};

pub(super) fn render(repair: &Repair) -> Markup {
    let about_accuracy =
        "On the target, on the cases that were right before, on all cases, and on each kind of failure.";
    let about_tradeoffs = "Each mark is a method with one of its settings: farther right, more of the target is repaired; below the line \
                           “unchanged”, the network as a whole gets worse.";
    html! {
        div class="charts" {
            (card("Accuracy before and after", about_accuracy, comparison(repair)))
            (card("What each method gains and costs", about_tradeoffs, tradeoffs(repair)))
        }
    }
}

fn card(title: &str, about: &str, figure: Option<Figure>) -> Markup {
    html! {
        @if let Some(figure) = figure {
            div class="card chart" { h3 { (title) } p class="muted" { (about) } (figure.inline()) }
        }
    }
}

pub(super) fn figures(repair: &Repair) -> Vec<Figure> {
    let named =
        |figure: Option<Figure>, what| Some(figure?.named(format!("repair-{}-{what}", words::name(repair))));
    [named(comparison(repair), "accuracy"), named(tradeoffs(repair), "tradeoffs")]
        .into_iter()
        .flatten()
        .collect()
}

fn comparison(repair: &Repair) -> Option<Figure> {
    let (before, after) = (&repair.before, &repair.after);
    let set = |label: &str, pick: fn(&RepairAccuracy) -> Option<Estimate>| Pair {
        label: label.to_owned(),
        before: pick(before),
        after: pick(after),
        strong: true,
    };
    let mut rows =
        vec![set("target", |a| a.target), set("correct before", |a| a.correct), set("all cases", |a| a.all)];
    rows.retain(|row| row.before.is_some() || row.after.is_some());
    rows.extend(per_subtype(repair));
    let title = format!("Accuracy before and after repair: {}", words::name(repair));
    let stages = ["before", "after"];
    let interval = repair.confidence.map_or_else(|| "its".to_owned(), words::coverage);
    let (axis, range) = (format!("accuracy, with {interval} interval"), (0.0, 1.0));
    (!rows.is_empty()).then(|| Comparison { title, stages, axis, range, mark: None, rows }.figure())
}

/// A row for each subtype.
fn per_subtype(repair: &Repair) -> impl Iterator<Item = Pair> {
    words::subtype_accuracies(repair).into_iter().map(|(name, before, after)| {
        let target = if repair.target.iter().any(|other| other == name) { " (target)" } else { "" };
        let label = format!("{}{target}", kind_title(&format::shorten(name, 20)));
        Pair { label, before, after, strong: false }
    })
}

fn tradeoffs(repair: &Repair) -> Option<Figure> {
    let mut series: Vec<String> = Vec::new();
    let points = repair.tradeoffs.iter().map(|tradeoff| {
        let name = words::method(&tradeoff.method);
        let index = series.iter().position(|other| *other == name).unwrap_or_else(|| {
            series.push(name);
            series.len() - 1
        });
        Point {
            series: index,
            x: tradeoff.target,
            y: tradeoff.all,
            tip: tip(tradeoff),
            chosen: tradeoff.chosen,
        }
    });
    let points: Vec<Point> = points.collect();
    let plot = Pareto {
        title: format!("Gain and cost of every repair: {}", words::name(repair)),
        x_label: "gain of accuracy on the target".to_owned(),
        y_label: "change of accuracy over all cases".to_owned(),
        series,
        points,
    };
    (!plot.points.is_empty()).then(|| plot.figure())
}

fn tip(tradeoff: &Tradeoff) -> String {
    let setting = if tradeoff.setting.is_empty() { String::new() } else { format!(", {}", tradeoff.setting) };
    format!(
        "{}{setting}\ntarget {}\ncorrect before {}\nall cases {}{}",
        words::method(&tradeoff.method),
        format::change(tradeoff.target, 3),
        format::change(tradeoff.correct, 3),
        format::change(tradeoff.all, 3),
        if tradeoff.chosen { "\nchosen" } else { "" }
    )
}
