//! What a method comes to on the test items.

use std::collections::BTreeMap;

use anyhow::Result;
use modelmend_data::split::Part;
use modelmend_learn::stats;
use modelmend_learn::uncertainty::{
    DIRECTION_RATIOS, Density, ImageRecord, ImageRisk, Level as Rung, MEASURES, SPARSIFICATION_STEPS,
    SelectiveRisk, Sparsification, selective_risk,
};
use modelmend_study::schema::{Conformal, ReconstructionStudy};
use modelmend_uncertainty::evaluate::{density, evaluate_with};
use modelmend_uncertainty::method::Method;
use modelmend_uncertainty::source::Source;
use modelmend_uncertainty::{Calibration, Promise, Wish};
use serde::{Deserialize, Serialize};

use super::examples::{self, Place};

/// What one method came to in one run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Outcome {
    /// Name of the method.
    pub(super) method: String,
    /// Values of each measure, one for each test item.
    pub(super) measures: BTreeMap<String, Vec<Option<f64>>>,
    /// Accuracy and share of pixels at each of [`DIRECTION_RATIOS`], one for each test item.
    pub(super) direction: Vec<[Vec<Option<f64>>; 2]>,
    /// Seconds for an item.
    pub(super) seconds: f64,
    /// Coverage and width after conformal calibration, one for each test item; empty where nobody asked or there are no validation
    /// items.
    pub(super) calibrated: Vec<(f64, f64)>,
    /// What the calibration promises.
    pub(super) promise: Option<Promise>,
    /// The test items with more and more noise.
    pub(super) levels: Vec<Level>,
    /// What a reader of the page has to know about the method.
    pub(super) note: Option<String>,
    /// Means over the test items of the sparsification curve and that of the oracle, at each of [`SPARSIFICATION_STEPS`].
    pub(super) sparsification: Vec<[Option<f64>; 2]>,
    /// AURC, that of the oracle, AUGRC, that of the oracle, of items rejected by their mean u, by root mean squared error.
    pub(super) rejection: Option<[f64; 4]>,
    /// Pixels of all test items by u and |error|.
    pub(super) pixels: Pixels,
    /// Whether the method has intervals of its own.
    pub(super) bounded: bool,
}

/// What a method says at a level of noise: means over the test items.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Level {
    /// Standard deviation of the noise.
    pub(super) sigma: f64,
    /// Uncertainty.
    pub(super) u: Option<f64>,
    /// Correlation of |error| and u.
    pub(super) pearson: Option<f64>,
}

/// A [`Density`] as it is kept.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Pixels {
    /// Step of u, step of |error|, pixels.
    cells: Vec<(u16, u16, u64)>,
    /// Fine step of u, pixels, sum of u, sum of |error|.
    levels: Vec<(u16, u64, f64, f64)>,
}

impl From<Density> for Pixels {
    fn from(density: Density) -> Self {
        Self {
            cells: density.cells.into_iter().map(|((u, error), pixels)| (u, error, pixels)).collect(),
            levels: density.levels.into_iter().map(|(u, l)| (u, l.pixels, l.u, l.error)).collect(),
        }
    }
}

impl From<&Pixels> for Density {
    fn from(kept: &Pixels) -> Self {
        let level = |&(step, pixels, u, error): &(u16, u64, f64, f64)| (step, Rung { pixels, u, error });
        Self {
            cells: kept.cells.iter().map(|&(u, error, pixels)| ((u, error), pixels)).collect(),
            levels: kept.levels.iter().map(level).collect(),
        }
    }
}

/// The mean of what there is.
pub(super) fn mean(values: impl Iterator<Item = Option<f64>>) -> Option<f64> {
    stats::mean(values.flatten())
}

/// Measures a method on the test items; with its maps of the places, one after another.
pub(super) fn measure(
    (name, method, note): (&str, &dyn Method, Option<String>),
    (source, places): (&dyn Source, &[Place]),
    study: &ReconstructionStudy,
) -> Result<(Outcome, Vec<f32>)> {
    let calibration = match study.conformal {
        Some(Conformal { level, delta }) => Calibration::fit(method, source, Wish { level, delta })?,
        None => None,
    };
    let side = (Part::Test, calibration.as_ref());
    let (evaluation, seen) = evaluate_with(method, source, side, |item, pair, maps| {
        Ok((density(maps, pair.target.data())?, examples::keep(places, item, maps)))
    })?;
    let (mut pixels, mut crops) = (Density::default(), Vec::new());
    for (density, crop) in seen {
        pixels.merge(&density);
        crops.extend(crop);
    }
    let records = &evaluation.records;
    let values = |of: fn(&ImageRecord) -> Option<f64>| records.iter().map(of).collect();
    let outcome = Outcome {
        method: name.to_owned(),
        measures: MEASURES.iter().map(|m| (m.name.to_owned(), values(m.of))).collect(),
        direction: direction(records),
        seconds: evaluation.seconds_per_item,
        sparsification: sparsification(records),
        // A single item cannot be ranked.
        rejection: selective_risk(records, ImageRisk::Rmse)?.filter(|_| records.len() > 1).map(areas),
        pixels: pixels.into(),
        bounded: records.iter().any(|record| record.interval.is_some()),
        calibrated: evaluation.calibrated,
        levels: Vec::new(),
        note,
        promise: calibration.map(|c| c.promise()),
    };
    Ok((outcome, examples::joined(crops)))
}

fn areas(risk: SelectiveRisk) -> [f64; 4] {
    [risk.aurc, risk.aurc_optimal, risk.augrc, risk.augrc_optimal]
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
