//! From what methods came to in all runs to results and page.

use modelmend_learn::stats::{BootstrapParams, Method as Bootstrap};
use modelmend_learn::uncertainty::{DIRECTION_RATIOS, Estimate, estimate};
use modelmend_report::input as page;
use modelmend_study::record::{Results, StressScore, UncertaintyScore};

use super::methods::{Level, Outcome, mean};

/// Replicates and level of the intervals over test items.
const RESAMPLES: usize = 1000;
const LEVEL: f64 = 0.95;

/// The numbers of one run.
pub(super) fn results(name: &str, seed: u64, (cases, outcomes): (usize, &[Outcome])) -> Results {
    let mut results = Results::new(name, seed);
    results.cases.total = cases as u64;
    for outcome in outcomes {
        let of = |measure: &str| mean(outcome.measures.get(measure)?.iter().copied());
        let score = UncertaintyScore {
            pearson: of("pearson"),
            cosine: of("cosine"),
            pwcc: of("pwcc"),
            mse: of("mse"),
            coverage: of("coverage"),
            width: of("width"),
            calibrated_coverage: mean(outcome.calibrated.iter().map(|c| Some(c.0))),
            calibrated_width: mean(outcome.calibrated.iter().map(|c| Some(c.1))),
            seconds_per_image: Some(outcome.seconds),
        };
        results.uncertainty.insert(outcome.method.clone(), score);
        for Level { sigma, pearson, .. } in &outcome.levels {
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
    let calibrated =
        |of: fn(&(f64, f64)) -> f64| mean(same.iter().flat_map(|o| &o.calibrated).map(|item| Some(of(item))));
    let direction = DIRECTION_RATIOS.iter().enumerate().map(|(i, &ratio)| page::DirectionAccuracy {
        ratio,
        accuracy: shown(over(&|o| o.direction.get(i).map(|d| d[0].clone()).unwrap_or_default())),
        participating: shown(over(&|o| o.direction.get(i).map(|d| d[1].clone()).unwrap_or_default())),
    });
    let level = |(i, level): (usize, &Level)| page::NoiseLevel {
        sigma: level.sigma,
        u: mean(same.iter().map(|o| o.levels.get(i)?.u)),
        pearson: mean(same.iter().map(|o| o.levels.get(i)?.pearson)),
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
        calibrated_coverage: calibrated(|c| c.0),
        calibrated_width: calibrated(|c| c.1),
        seconds: mean(same.iter().map(|o| Some(o.seconds))),
        direction: direction.filter(|d| d.accuracy.is_some()).collect(),
        levels: first.levels.iter().enumerate().map(level).collect(),
    }
}

fn shown(estimate: Option<Estimate>) -> Option<page::Estimate> {
    estimate.map(|e| page::Estimate {
        value: e.mean,
        lo: e.interval.map(|i| i.0),
        hi: e.interval.map(|i| i.1),
    })
}
