//! From what methods came to in all runs to the page.

use modelmend_learn::uncertainty::{DIRECTION_RATIOS, Density, RiskArea, RunSpread, SPARSIFICATION_STEPS};
use modelmend_report::input as page;
use modelmend_uncertainty::Promise;

use super::estimates::Units;
use super::examples::{Crop, Examples, Place};
use super::measure::mean;
use super::outcome::{Level, Markov, Outcome, Places};
use super::scores::sides;

/// Quantiles of the pixels by u.
const QUANTILES: u32 = 20;
/// Most steps of an axis of the 2-D histogram.
const COLUMNS: u16 = 48;

/// The rows of the page, over all runs.
pub(super) fn rows(runs: &[Vec<Outcome>], units: &Units) -> Vec<page::UncertaintyRow> {
    let first = runs.first().map(Vec::as_slice).unwrap_or_default();
    let same = |at: usize| runs.iter().filter_map(|run| run.get(at)).collect::<Vec<&Outcome>>();
    first.iter().enumerate().map(|(at, outcome)| row((&same(at), units), outcome)).collect()
}

/// One method in all runs, and what the bootstrap draws.
type Same<'a> = (&'a [&'a Outcome], &'a Units);

fn row(same: Same<'_>, first: &Outcome) -> page::UncertaintyRow {
    let (runs, _) = same;
    let measure = |name: &str| over(same, |o| o.of(name));
    let calibrated = |side: usize| over(same, |o| sides(o.scaled())[side].clone());
    let places = |of: fn(&Outcome) -> Option<&Places>| placement(runs.iter().filter_map(|o| of(o)));
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
        calibrated_coverage: calibrated(0),
        calibrated_width: calibrated(1),
        calibration: first.calibrated.as_ref().map(|c| page::Calibration {
            promise: match c.promise {
                Promise::Mean => page::Promise::Mean,
                Promise::Confident => page::Promise::Confident,
                Promise::Nothing => page::Promise::Nothing,
            },
            units: c.units as u64,
        }),
        markov: first.markov.iter().enumerate().map(|(at, m)| markov(same, (at, m))).collect(),
        placement: places(|o| o.placement.as_ref()),
        calibrated_placement: places(|o| Some(&o.calibrated.as_ref()?.placement)),
        rejection: rejection(same),
        seconds: mean(runs.iter().map(|o| Some(o.seconds))),
        sparsification: sparsification(runs),
        density: density(&pixels),
        quantiles: quantiles(&pixels),
        direction: direction(same),
        levels: first.levels.iter().enumerate().map(|(at, found)| level(same, (at, found))).collect(),
        noise_spearman: of_set(same, |o, drawn| o.noise_spearman(drawn)),
    }
}

/// The mean of a value of each item.
fn over((runs, units): Same<'_>, of: impl Fn(&Outcome) -> Vec<Option<f64>>) -> Option<page::ItemMean> {
    units.mean(&runs.iter().map(|outcome| of(outcome)).collect::<Vec<_>>())
}

/// A number of the whole set of items.
fn of_set(
    (runs, units): Same<'_>,
    of: impl Fn(&Outcome, &[usize]) -> Option<f64> + Sync,
) -> Option<page::ItemMean> {
    let items = runs.first().map_or(0, |outcome| outcome.items());
    units.of_set((runs.len(), items), |run, drawn| of(runs.get(run)?, drawn))
}

/// The mean over runs with their spread.
pub(super) fn over_runs(values: &[f64]) -> Option<page::ItemMean> {
    let value = mean(values.iter().copied().map(Some))?;
    Some(page::ItemMean { value, lo: None, hi: None, std: RunSpread::of(values).map(|spread| spread.std) })
}

fn direction(same: Same<'_>) -> Vec<page::DirectionAccuracy> {
    let side = |i: usize, side: usize| {
        over(same, |o| o.direction.get(i).map(|d| d[side].clone()).unwrap_or_default())
    };
    let at = |(i, &ratio): (usize, &f64)| page::DirectionAccuracy {
        ratio,
        accuracy: side(i, 0),
        participating: side(i, 1),
    };
    DIRECTION_RATIOS.iter().enumerate().map(at).filter(|d| d.accuracy.is_some()).collect()
}

fn level(same: Same<'_>, (at, level): (usize, &Level)) -> page::NoiseLevel {
    let side = |of: fn(&Level) -> &Vec<Option<f64>>| {
        over(same, |o| o.levels.get(at).map(|level| of(level).clone()).unwrap_or_default())
    };
    page::NoiseLevel { sigma: level.sigma, u: side(|l| &l.u), pearson: side(|l| &l.pearson) }
}

fn markov(same: Same<'_>, (at, found): (usize, &Markov)) -> page::Widened {
    let side = |side: usize| {
        over(same, |o| o.markov.get(at).map(|m| sides(&m.items)[side].clone()).unwrap_or_default())
    };
    page::Widened { t: found.t, coverage: side(0), width: side(1) }
}

fn placement<'a>(runs: impl Iterator<Item = &'a Places>) -> Option<page::Placement> {
    let (below, inside, above) = Places::shares(runs)?;
    Some(page::Placement { below, inside, above })
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

fn rejection(same: Same<'_>) -> Option<page::Rejection> {
    let over = |area: RiskArea| of_set(same, |o, drawn| o.risk(area, drawn));
    Some(page::Rejection {
        aurc: over(RiskArea::Aurc)?,
        aurc_optimal: over(RiskArea::AurcOptimal)?,
        augrc: over(RiskArea::Augrc)?,
        augrc_optimal: over(RiskArea::AugrcOptimal)?,
    })
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
            let measure = |name: &str| over(&|o| o.of(name), at);
            page::MethodInGroup {
                method: outcome.method.clone(),
                pearson: measure("pearson"),
                u: measure("mean_u"),
                coverage: over(&|o| sides(o.scaled())[0].clone(), at),
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
