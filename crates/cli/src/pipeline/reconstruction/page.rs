//! From what methods came to in all runs to results and page.

use modelmend_learn::stats::{BootstrapParams, Method as Bootstrap};
use modelmend_learn::uncertainty::{DIRECTION_RATIOS, Estimate, estimate};
use modelmend_report::input as page;
use modelmend_study::record::{Results, StressScore, UncertaintyScore};

use super::methods::Outcome;

/// Replicates and level of the intervals over test items.
const RESAMPLES: usize = 1000;
const LEVEL: f64 = 0.95;

/// The numbers of one run.
pub(super) fn results(name: &str, seed: u64, (cases, outcomes): (usize, &[Outcome])) -> Results {
    let mut results = Results::new(name, seed);
    results.cases.total = cases as u64;
    for outcome in outcomes {
        let mean = |measure: &str| {
            let values: Vec<f64> = outcome.measures.get(measure)?.iter().copied().flatten().collect();
            (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
        };
        let score = UncertaintyScore {
            pearson: mean("pearson"),
            cosine: mean("cosine"),
            pwcc: mean("pwcc"),
            mse: mean("mse"),
            coverage: mean("coverage"),
            width: mean("width"),
            calibrated_coverage: outcome.calibrated.map(|c| c.coverage),
            calibrated_width: outcome.calibrated.map(|c| c.width),
            seconds_per_image: Some(outcome.seconds),
        };
        results.uncertainty.insert(outcome.method.clone(), score);
        for (sigma, _, pearson) in &outcome.levels {
            let score = StressScore { pearson: *pearson, ..StressScore::default() };
            let test = results.stress.entry(format!("noise-{sigma}")).or_default();
            test.insert(outcome.method.clone(), score);
        }
    }
    results
}

/// The rows of the page, over all runs.
pub(super) fn rows(runs: &[Vec<Outcome>], seed: u64) -> Vec<page::UncertaintyRow> {
    let first = runs.first().map(Vec::as_slice).unwrap_or_default();
    first.iter().enumerate().map(|(at, outcome)| row(runs, (at, outcome), seed)).collect()
}

fn row(runs: &[Vec<Outcome>], (at, first): (usize, &Outcome), seed: u64) -> page::UncertaintyRow {
    let same: Vec<&Outcome> = runs.iter().filter_map(|run| run.get(at)).collect();
    let over = |of: &dyn Fn(&Outcome) -> Vec<Option<f64>>| -> Option<Estimate> {
        let values: Vec<Vec<Option<f64>>> = same.iter().map(|outcome| of(outcome)).collect();
        let params =
            BootstrapParams { resamples: RESAMPLES, level: LEVEL, method: Bootstrap::Percentile, seed };
        estimate(&values, None, &params).ok().flatten()
    };
    let measure = |name: &str| shown(over(&|o| o.measures.get(name).cloned().unwrap_or_default()));
    let mean =
        |values: Vec<f64>| (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64);
    let calibrated = |of: fn(&modelmend_uncertainty::Calibrated) -> f64| {
        mean(same.iter().filter_map(|o| o.calibrated.as_ref().map(of)).collect())
    };
    let direction = DIRECTION_RATIOS.iter().enumerate().map(|(i, &ratio)| page::DirectionAccuracy {
        ratio,
        accuracy: shown(over(&|o| o.direction.get(i).map(|d| d[0].clone()).unwrap_or_default())),
        participating: shown(over(&|o| o.direction.get(i).map(|d| d[1].clone()).unwrap_or_default())),
    });
    let level = |i: usize| page::NoiseLevel {
        sigma: first.levels[i].0,
        u: mean(same.iter().filter_map(|o| o.levels.get(i).map(|l| l.1)).collect()),
        pearson: mean(same.iter().filter_map(|o| o.levels.get(i).and_then(|l| l.2)).collect()),
    };
    page::UncertaintyRow {
        method: first.method.clone(),
        pearson: measure("pearson"),
        cosine: measure("cosine"),
        pwcc: measure("pwcc"),
        mse: measure("mse"),
        ause: measure("ause"),
        coverage: measure("coverage"),
        width: measure("width"),
        calibrated_coverage: calibrated(|c| c.coverage),
        calibrated_width: calibrated(|c| c.width),
        seconds: mean(same.iter().map(|o| o.seconds).collect()),
        direction: direction.filter(|d| d.accuracy.is_some()).collect(),
        levels: (0..first.levels.len()).map(level).collect(),
    }
}

fn shown(estimate: Option<Estimate>) -> Option<page::Estimate> {
    estimate.map(|e| page::Estimate {
        value: e.mean,
        lo: e.interval.map(|i| i.0),
        hi: e.interval.map(|i| i.1),
    })
}
