//! What every method says about a test, in a few columns.

use modelmend_learn::stats;
use modelmend_learn::uncertainty::Alarm;
use modelmend_uncertainty::stress::{ItemScore, Score};

use crate::output::line;

/// Prints a row for each method.
pub(super) fn print(test: &str, rows: &[(&str, Score)]) {
    line(&format!("{test}: u against what it should mark (means over the images)"));
    let heads = ["corr.", "AUROC", "AP", "mean u", "image AUROC", "alarms", "peak AUROC", "alarms"];
    line(&format!("{:20} {}", "method", heads.map(|head| format!("{head:>11}")).join(" ")));
    for (name, score) in rows {
        let over = |of: fn(&ItemScore) -> Option<f64>| stats::mean(score.items.iter().filter_map(of));
        let alarm = |alarm: Option<Alarm>| [alarm.map(|a| a.auroc), alarm.map(|a| a.rate)];
        let pixels = [
            over(|item| item.pearson),
            over(|item| item.ranking.map(|ranking| ranking.auroc)),
            over(|item| item.ranking.map(|ranking| ranking.average_precision)),
            over(|item| Some(item.mean_u)),
        ];
        let cells = pixels.into_iter().chain(alarm(score.by_mean)).chain(alarm(score.by_peak));
        let text: Vec<String> = cells
            .map(|cell| cell.map_or_else(|| format!("{:>11}", "-"), |value| format!("{value:>11.4}")))
            .collect();
        line(&format!("{name:20} {}", text.join(" ")));
    }
    line(
        "image AUROC: images in the test against the same images before it, by mean u (peak: by the highest hundredth of u); alarms: share above what one in twenty reaches before it",
    );
}
