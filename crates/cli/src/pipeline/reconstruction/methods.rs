//! What a method of uncertainty comes to on the test items.

use std::collections::BTreeMap;

use anyhow::Result;
use modelmend_data::split::Part;
use modelmend_learn::stats;
use modelmend_learn::uncertainty::{DIRECTION_RATIOS, ImageRecord, MEASURES};
use modelmend_net::Model;
use modelmend_study::Hash;
use modelmend_study::artifact::Artifact;
use modelmend_study::schema::{Conformal, ReconstructionStudy, Uncertainty};
use modelmend_study::step::StepName;
use modelmend_uncertainty::evaluate::evaluate;
use modelmend_uncertainty::method::Method;
use modelmend_uncertainty::source::Source;
use modelmend_uncertainty::{Calibration, Promise, Wish};
use serde::{Deserialize, Serialize};

use super::super::context::{Context, Title};
use super::prepare::{Prepared, name, prepare};
use super::problem::Material;
use super::train::batch_size;

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

/// The mean of what there is.
pub(super) fn mean(values: impl Iterator<Item = Option<f64>>) -> Option<f64> {
    stats::mean(values.flatten())
}

/// Prepares and measures one method, with the other networks of an ensemble; returns the model that it made, too, where it made one.
pub(super) fn ask(
    context: &Context<'_>,
    study: &ReconstructionStudy,
    (material, data): (&Material, Hash),
    (base, others, wanted): (&Model, &[Model], &Uncertainty),
) -> Result<(Outcome, Option<Model>)> {
    let title = Title { name: StepName::Uncertainty, label: name(wanted), version: 3 };
    let key = (wanted, batch_size(study), study.conformal, context.seed);
    let mut inputs = vec![data, Hash::of(&base.to_bytes())];
    inputs.extend(others.iter().map(|other| Hash::of(&other.to_bytes())));
    let source = material.source()?;
    let step = context.step(title, key, &inputs, |scope| {
        let Prepared { method, model, note } =
            prepare(context, study, source.as_ref(), (base, others, wanted), scope)?;
        let mut outcome = measure((name(wanted), method.as_ref(), note), source.as_ref(), study)?;
        for (sigma, source) in material.levels() {
            let records = evaluate(method.as_ref(), &source, (Part::Test, None))?.records;
            let over = |of: fn(&ImageRecord) -> Option<f64>| mean(records.iter().map(of));
            let (u, pearson) = (over(|r| Some(r.mean_u)), over(|r| r.pearson));
            outcome.levels.push(Level { sigma, u, pearson });
        }
        let bytes = model.map(|model| model.to_bytes()).unwrap_or_default();
        Ok(Artifact::new(outcome).with_blob("model", bytes))
    })?;
    let bytes = step.artifact.blob("model")?;
    let model = if bytes.is_empty() { None } else { Some(Model::from_bytes(bytes)?) };
    Ok((step.artifact.value, model))
}

fn measure(
    (name, method, note): (&str, &dyn Method, Option<String>),
    source: &dyn Source,
    study: &ReconstructionStudy,
) -> Result<Outcome> {
    let calibration = match study.conformal {
        Some(Conformal { level, delta }) => Calibration::fit(method, source, Wish { level, delta })?,
        None => None,
    };
    let evaluation = evaluate(method, source, (Part::Test, calibration.as_ref()))?;
    let records = &evaluation.records;
    let values = |of: fn(&ImageRecord) -> Option<f64>| records.iter().map(of).collect();
    let direction = (0..DIRECTION_RATIOS.len()).map(|at| {
        let found = |r: &ImageRecord| r.interval.as_ref().and_then(|i| i.direction.get(at).copied());
        let accuracy = records.iter().map(|r| found(r).and_then(|d| d.accuracy)).collect();
        [accuracy, records.iter().map(|r| found(r).map(|d| d.participating)).collect()]
    });
    Ok(Outcome {
        method: name.to_owned(),
        measures: MEASURES.iter().map(|m| (m.name.to_owned(), values(m.of))).collect(),
        direction: direction.collect(),
        seconds: evaluation.seconds_per_item,
        calibrated: evaluation.calibrated,
        promise: calibration.map(|c| c.promise()),
        levels: Vec::new(),
        note,
    })
}
