//! From what methods came to in all runs to results and page.

use modelmend_learn::stats::{BootstrapParams, Method as Bootstrap};
use modelmend_learn::uncertainty::{DIRECTION_RATIOS, Density, RunSpread, SPARSIFICATION_STEPS, estimate};
use modelmend_report::input as page;
use modelmend_study::record::{Results, StressScore, UncertaintyScore};

use super::examples::{Crop, Examples, Place};
use super::measure::{Level, Outcome, mean};

/// Replicates and level of the intervals over test items.
const RESAMPLES: usize = 1000;
const LEVEL: f64 = 0.95;
/// Quantiles of the pixels by u.
const QUANTILES: u32 = 20;
/// Most steps of an axis of the 2-D histogram.
const COLUMNS: u16 = 48;

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
            direction_accuracy: outcome.direction.first().and_then(|d| mean(d[0].iter().copied())),
            seconds_per_image: Some(outcome.seconds),
        };
        results.uncertainty.insert(outcome.method.clone(), score);
        for Level { sigma, u, pearson } in &outcome.levels {
            let score = StressScore { pearson: *pearson, mean_u: *u, ..StressScore::default() };
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
    let over = |of: &dyn Fn(&Outcome) -> Vec<Option<f64>>| {
        over_runs_and_items(&same.iter().map(|outcome| of(outcome)).collect::<Vec<_>>(), seed)
    };
    let measure = |name: &str| over(&|o| o.measures.get(name).cloned().unwrap_or_default());
    let calibrated =
        |of: fn(&(f64, f64)) -> f64| over(&|o| o.calibrated.iter().map(|item| Some(of(item))).collect());
    let direction = DIRECTION_RATIOS.iter().enumerate().map(|(i, &ratio)| page::DirectionAccuracy {
        ratio,
        accuracy: over(&|o| o.direction.get(i).map(|d| d[0].clone()).unwrap_or_default()),
        participating: over(&|o| o.direction.get(i).map(|d| d[1].clone()).unwrap_or_default()),
    });
    let level = |(i, level): (usize, &Level)| page::NoiseLevel {
        sigma: level.sigma,
        u: mean(same.iter().map(|o| o.levels.get(i)?.u)),
        pearson: mean(same.iter().map(|o| o.levels.get(i)?.pearson)),
    };
    // Of one run: where runs differ in the size of u, their pixels side by side would mix what u says with which run it was.
    let pixels = Density::from(&first.pixels);
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
        rejection: rejection(&same),
        seconds: mean(same.iter().map(|o| Some(o.seconds))),
        sparsification: sparsification(&same),
        density: density(&pixels),
        quantiles: quantiles(&pixels),
        direction: direction.filter(|d| d.accuracy.is_some()).collect(),
        levels: first.levels.iter().enumerate().map(level).collect(),
    }
}

/// The mean over items and runs, with an interval over items and the spread of the runs.
pub(super) fn over_runs_and_items(values: &[Vec<Option<f64>>], seed: u64) -> Option<page::ItemMean> {
    let params = BootstrapParams { resamples: RESAMPLES, level: LEVEL, method: Bootstrap::Percentile, seed };
    let found = estimate(values, None, &params).ok().flatten()?;
    Some(page::ItemMean {
        value: found.mean,
        lo: found.interval.map(|i| i.0),
        hi: found.interval.map(|i| i.1),
        std: found.runs.map(|runs| runs.std),
    })
}

/// The mean over runs with their spread.
pub(super) fn over_runs(values: &[f64]) -> Option<page::ItemMean> {
    let value = mean(values.iter().copied().map(Some))?;
    Some(page::ItemMean { value, lo: None, hi: None, std: RunSpread::of(values).map(|spread| spread.std) })
}

fn density(pixels: &Density) -> Vec<page::DensityCell> {
    let cells = pixels.coarse(COLUMNS).into_iter();
    cells.map(|cell| page::DensityCell { u: cell.u, error: cell.error, pixels: cell.pixels }).collect()
}

fn quantiles(pixels: &Density) -> Vec<page::UncertaintyQuantile> {
    let found = pixels.quantiles(QUANTILES).into_iter();
    found.map(|q| page::UncertaintyQuantile { share: q.middle, u: q.u, error: q.error }).collect()
}

fn sparsification(runs: &[&Outcome]) -> Vec<page::SparsificationPoint> {
    let at_step = |step: usize| {
        let over = |curve: usize| mean(runs.iter().map(|o| o.sparsification.get(step)?.get(curve).copied()?));
        let removed = step as f64 / SPARSIFICATION_STEPS as f64;
        Some(page::SparsificationPoint { removed, left: over(0)?, oracle: over(1)? })
    };
    (0..SPARSIFICATION_STEPS).filter_map(at_step).collect()
}

/// Means over the runs, with their spread.
fn rejection(runs: &[&Outcome]) -> Option<page::Rejection> {
    let found: Vec<[f64; 4]> = runs.iter().filter_map(|outcome| outcome.rejection).collect();
    let over =
        |at: usize| over_runs(&found.iter().filter_map(|areas| areas.get(at).copied()).collect::<Vec<f64>>());
    Some(page::Rejection { aurc: over(0)?, aurc_optimal: over(1)?, augrc: over(2)?, augrc_optimal: over(3)? })
}

/// An item that is shown: its number, place, pixels and measurement.
type Shown<'a> = (usize, ((&'a Place, &'a [Vec<f32>; 3]), Option<page::Plane>));

/// The items that are shown, with what was measured of each, where that is a picture of another kind, and the maps of every method.
pub(super) fn examples(
    shown: &Examples,
    mut measurements: Vec<Option<page::Plane>>,
    (outcomes, crops): (&[Outcome], &[Vec<Crop>]),
) -> Vec<page::UncertaintyExample> {
    measurements.resize(shown.places.len(), None);
    let of_place = |(at, ((place, [input, target, output]), measurement)): Shown<'_>| {
        let maps = outcomes.iter().zip(crops).filter_map(|(outcome, crops)| {
            let [u, output, lo, hi] = crops.get(at)?.clone();
            let [lo, hi] = if outcome.bounded { [lo, hi] } else { [Vec::new(), Vec::new()] };
            Some(page::ExampleMaps { method: outcome.method.clone(), u, output, lo, hi })
        });
        page::UncertaintyExample {
            name: format!("Test item {}, {}", place.item + 1, ordinal(place.rank)),
            mse: Some(place.mse),
            corner: place.corner,
            channels: place.channels,
            height: place.extent[0],
            width: place.extent[1],
            measurement,
            input: input.clone(),
            target: target.clone(),
            output: output.clone(),
            maps: maps.collect(),
        }
    };
    shown.places.iter().zip(&shown.pixels).zip(measurements).enumerate().map(of_place).collect()
}

/// The test items by group: `groups` and `mses` (of the network, in each run) have a value for each item.
pub(super) fn groups(
    groups: &[String],
    mses: &[Vec<Option<f64>>],
    runs: &[Vec<Outcome>],
) -> Vec<page::GroupRow> {
    let mut names: Vec<&String> = groups.iter().collect();
    names.sort_unstable();
    names.dedup();
    let of_group = |name: &String| {
        let inside = |values: &[Option<f64>]| -> Vec<Option<f64>> {
            groups.iter().zip(values).filter(|(group, _)| *group == name).map(|(_, value)| *value).collect()
        };
        let over = |of: &dyn Fn(&Outcome) -> Vec<Option<f64>>, at: usize| {
            mean(runs.iter().filter_map(|run| run.get(at)).flat_map(|outcome| inside(&of(outcome))))
        };
        let methods = runs.first().into_iter().flatten().enumerate().map(|(at, outcome)| {
            let measure = |name: &str| over(&|o| o.measures.get(name).cloned().unwrap_or_default(), at);
            page::MethodInGroup {
                method: outcome.method.clone(),
                pearson: measure("pearson"),
                u: measure("mean_u"),
                coverage: over(&|o| o.calibrated.iter().map(|item| Some(item.0)).collect(), at),
            }
        });
        page::GroupRow {
            name: name.clone(),
            items: groups.iter().filter(|group| *group == name).count() as u64,
            mse: mean(mses.iter().flat_map(|run| inside(run))),
            methods: methods.collect(),
        }
    };
    names.into_iter().map(of_group).collect()
}

/// Where an item stands by its error.
fn ordinal(rank: usize) -> String {
    if rank == 0 { "the worst".to_owned() } else { format!("number {} from the worst", rank + 1) }
}
