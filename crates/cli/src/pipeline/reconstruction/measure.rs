//! What a method comes to on the test items.

use anyhow::Result;
use modelmend_data::split::Part;
use modelmend_learn::stats;
use modelmend_learn::uncertainty::{
    DIRECTION_RATIOS, Density, ImageRecord, MEASURES, SPARSIFICATION_STEPS, Sparsification,
};
use modelmend_study::schema::{Conformal, ReconstructionStudy};
use modelmend_uncertainty::evaluate::{density, evaluate_with};
use modelmend_uncertainty::method::{Maps, Method};
use modelmend_uncertainty::source::{Batch, Source};
use modelmend_uncertainty::{Calibration, Wish, widened};

use super::examples::{self, Place};
use super::outcome::{Calibrated, Markov, Outcome, Places, pair};

/// By how many prices of width an interval network's bounds are widened.
const WIDENED: [f64; 3] = [2.0, 5.0, 10.0];

/// A method that is measured.
pub(super) struct Measured<'a> {
    /// Its name in results.
    pub(super) name: &'a str,
    pub(super) method: &'a dyn Method,
    /// What a reader of the page has to know about it.
    pub(super) note: Option<String>,
    /// The price of width that an interval network was trained with.
    pub(super) beta: Option<f64>,
}

/// The items of a study, with the group of each validation item where there are groups.
pub(super) type Items<'a> = (&'a dyn Source, Option<&'a [usize]>);

/// The mean of what there is.
pub(super) fn mean(values: impl Iterator<Item = Option<f64>>) -> Option<f64> {
    stats::mean(values.flatten())
}

/// Measures a method on the test items; with its maps of the places, one after another.
pub(super) fn measure(
    Measured { name, method, note, beta }: Measured<'_>,
    (source, groups): Items<'_>,
    (study, places): (&ReconstructionStudy, &[Place]),
) -> Result<(Outcome, Vec<f32>)> {
    let calibration = match study.conformal {
        Some(Conformal { level, delta }) => {
            Calibration::fit(method, (source, groups), Wish { level, delta })?
        }
        None => None,
    };
    let side = (Part::Test, calibration.as_ref());
    let look = |item: usize, pair: &Batch, maps: &Maps| {
        let target = pair.target.data();
        Ok(((density(maps, target)?, widths(maps, target, beta)?), examples::keep(places, item, maps)))
    };
    let (evaluation, seen) = evaluate_with(method, source, side, look)?;
    let (mut pixels, mut crops, mut wider) = (Density::default(), Vec::new(), Vec::new());
    for ((density, widths), crop) in seen {
        pixels.merge(&density);
        wider.push(widths);
        crops.extend(crop);
    }
    let records = &evaluation.records;
    let values = |of: fn(&ImageRecord) -> Option<f64>| records.iter().map(of).collect();
    let placed = || records.iter().filter_map(|record| Some(&record.interval.as_ref()?.placement));
    let outcome = Outcome {
        method: name.to_owned(),
        measures: MEASURES.iter().map(|m| (m.name.to_owned(), values(m.of))).collect(),
        direction: direction(records),
        seconds: evaluation.seconds_per_item,
        calibrated: calibration.map(|c| Calibrated::new(&c, &evaluation.calibrated)),
        markov: markov(&wider),
        placement: placed().next().map(|_| Places::joined(placed())),
        levels: Vec::new(),
        note,
        sparsification: sparsification(records),
        pixels: pixels.into(),
        bounded: records.iter().any(|record| record.interval.is_some()),
    };
    Ok((outcome, examples::joined(crops)))
}

/// Coverage and width of an item at each of [`WIDENED`]; empty without bounds or price of width.
fn widths(maps: &Maps, target: &[f32], beta: Option<f64>) -> modelmend_uncertainty::Result<Vec<(f64, f64)>> {
    let Some(beta) = beta else { return Ok(Vec::new()) };
    let found = WIDENED.iter().map(|&t| Ok(widened(maps, target, (beta, t))?.as_ref().map(pair)));
    Ok(found.collect::<modelmend_uncertainty::Result<Vec<_>>>()?.into_iter().flatten().collect())
}

fn markov(items: &[Vec<(f64, f64)>]) -> Vec<Markov> {
    let at = |(index, &t): (usize, &f64)| {
        let items: Vec<(f64, f64)> = items.iter().filter_map(|item| item.get(index).copied()).collect();
        Markov { t, items }
    };
    WIDENED.iter().enumerate().map(at).filter(|markov| !markov.items.is_empty()).collect()
}

fn direction(records: &[ImageRecord]) -> Vec<[Vec<Option<f64>>; 2]> {
    let at_ratio = |at: usize| {
        let found = |r: &ImageRecord| r.interval.as_ref().and_then(|i| i.direction.get(at).copied());
        let accuracy = records.iter().map(|r| found(r).and_then(|d| d.accuracy)).collect();
        [accuracy, records.iter().map(|r| found(r).map(|d| d.participating)).collect()]
    };
    (0..DIRECTION_RATIOS.len()).map(at_ratio).collect()
}

fn sparsification(records: &[ImageRecord]) -> Vec<[Option<f64>; 2]> {
    let curves = || records.iter().filter_map(|record| record.sparsification.as_ref());
    let at_step = |step: usize| {
        let over = |point: fn(&Sparsification, usize) -> Option<f64>| mean(curves().map(|c| point(c, step)));
        [over(|c, step| c.curve.get(step).copied()), over(|c, step| c.oracle.get(step).copied())]
    };
    (0..SPARSIFICATION_STEPS).map(at_step).collect()
}
