//! From verdicts to results and page.

use modelmend_report::input as page;
use modelmend_study::record::{Results, StressScore};

use super::super::estimates::Units;
use super::super::measure::mean;
use super::super::page::over_runs;
use super::super::scores::Numbers;
use super::{Stressed, Test, Verdict, Windows};

/// Puts the numbers of one run into its results; `verdicts` has those of each test.
pub(super) fn results(results: &mut Results, tests: &[Test], (verdicts, units): (&[Vec<Verdict>], &Units)) {
    for (test, verdicts) in tests.iter().zip(verdicts) {
        let into = results.stress.entry(test.name.clone()).or_default();
        for verdict in verdicts {
            let mut numbers = Numbers::new(units);
            let mut over = |name: &str, values: &[Option<f64>]| numbers.mean(name, values.to_vec());
            let alarm = |alarm: Option<[f64; 2]>, at: usize| alarm.map(|both| both[at]);
            let score = StressScore {
                pearson: over("pearson", &verdict.pearson),
                auroc: over("auroc", &verdict.auroc),
                average_precision: over("average_precision", &verdict.average_precision),
                mean_u: over("mean_u", &verdict.mean_u),
                item_auroc: alarm(verdict.by_mean, 0),
                alarm_rate: alarm(verdict.by_mean, 1),
                item_auroc_peak: alarm(verdict.by_peak, 0),
                alarm_rate_peak: alarm(verdict.by_peak, 1),
                intervals: numbers.intervals,
            };
            into.insert(verdict.method.clone(), score);
        }
    }
}

/// What the page shows of each test: `runs` has the verdicts of each run, test by test, `examples` come from the first one.
pub(in super::super) fn tests(
    runs: &[Vec<Vec<Verdict>>],
    (shown, units): (Vec<page::StressTest>, &Units),
) -> Vec<page::StressTest> {
    let with_rows = |(at, test): (usize, page::StressTest)| {
        let of_runs: Vec<&[Verdict]> = runs.iter().filter_map(|run| run.get(at).map(Vec::as_slice)).collect();
        let first = of_runs.first().copied().unwrap_or_default();
        let rows = (0..first.len()).map(|method| row(&of_runs, method, units)).collect();
        page::StressTest { rows, ..test }
    };
    shown.into_iter().enumerate().map(with_rows).collect()
}

fn row(runs: &[&[Verdict]], method: usize, units: &Units) -> page::StressRow {
    let same: Vec<&Verdict> = runs.iter().filter_map(|run| run.get(method)).collect();
    let items = |of: fn(&Verdict) -> &[Option<f64>]| {
        units.mean(&same.iter().map(|v| of(v).to_vec()).collect::<Vec<_>>())
    };
    let alarm = |of: fn(&Verdict) -> Option<[f64; 2]>| {
        let found: Vec<[f64; 2]> = same.iter().filter_map(|v| of(v)).collect();
        let at = |at: usize| over_runs(&found.iter().map(|both| both[at]).collect::<Vec<_>>());
        Some(page::StressAlarm { auroc: at(0)?, rate: at(1)? })
    };
    page::StressRow {
        method: same.first().map(|v| v.method.clone()).unwrap_or_default(),
        pearson: items(|v| &v.pearson),
        auroc: items(|v| &v.auroc),
        average_precision: items(|v| &v.average_precision),
        mean_u: items(|v| &v.mean_u),
        by_mean: alarm(|v| v.by_mean),
        by_peak: alarm(|v| v.by_peak),
    }
}

/// The tests of a run with their pictures.
pub(in super::super) fn shown(Stressed { tests, windows, .. }: &Stressed) -> Vec<page::StressTest> {
    let one = |(test, windows): (&Test, &Vec<(String, Windows)>)| {
        let aimed = test.items.iter().filter(|item| !item.mask.is_empty()).map(|item| {
            let covered = item.mask.iter().filter(|covered| **covered).count();
            Some(covered as f64 / item.mask.len() as f64)
        });
        let examples = test.places.iter().zip(&test.pictures).enumerate().map(|(at, (place, pictures))| {
            let [input_before, input, output_before, output, change] = pictures.clone();
            let map = |(method, windows): &(String, Windows)| {
                let [u] = windows.get(at)?.clone();
                Some(page::StressMap { method: method.clone(), u })
            };
            page::StressExample {
                name: format!("Test item {}", place.item + 1),
                corner: place.corner,
                channels: place.channels,
                height: place.extent[0],
                width: place.extent[1],
                input_before,
                input,
                output_before,
                output,
                change,
                maps: windows.iter().filter_map(map).collect(),
            }
        });
        page::StressTest {
            name: test.name.clone(),
            about: test.about.clone(),
            aimed: mean(aimed),
            rows: Vec::new(),
            examples: examples.collect(),
        }
    };
    tests.iter().zip(windows).map(one).collect()
}
