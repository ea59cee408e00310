//! What the network makes of the test items: nearer to the truth than its input, or not.

use anyhow::Result;
use modelmend_data::split::Part;
use modelmend_learn::stats;
use modelmend_net::{Model, Runtime};
use modelmend_report::input::Reconstruction;
use modelmend_study::Hash;
use modelmend_study::artifact::Artifact;
use modelmend_study::step::StepName;
use modelmend_uncertainty::source::Source;
use rayon::prelude::*;

use super::super::context::{Context, Title};
use super::estimates::Units;
use super::examples::answer;

/// Peak signal-to-noise ratios of each test item in decibels (`-10 log10` of the mean squared error, for values from 0 to 1): before the network and after it.
/// `None` where an item has no error at all.
pub(super) type Ratios = Vec<[Option<f64>; 2]>;

/// The ratios of all test items.
pub(super) fn fidelity(
    context: &Context<'_>,
    (source, data): (&dyn Source, Hash),
    base: &Model,
) -> Result<Ratios> {
    let title = Title { name: StepName::Uncertainty, label: "fidelity", version: 2 };
    let step = context.step(title, (), &[data, Hash::of(&base.to_bytes())], |_| {
        let runtime = Runtime::<f32>::new(base.graph().clone());
        let item = |item| {
            let (pair, output) = answer(&runtime, base, source, item)?;
            Ok([&pair.input, &output].map(|image| ratio(image.data(), pair.target.data())))
        };
        let items: Result<Ratios> = (0..source.count(Part::Test)).into_par_iter().map(item).collect();
        Ok(Artifact::new(items?))
    })?;
    Ok(step.artifact.value)
}

/// The mean squared error of the network on each test item.
pub(super) fn squared_errors(ratios: &Ratios) -> Vec<Option<f64>> {
    ratios.iter().map(|[_, after]| Some(after.map_or(0.0, |decibels| 10f64.powf(-decibels / 10.0)))).collect()
}

/// What the page shows: the ratios of all runs, and those of a reconstruction without a network, where there is one.
pub(super) fn rows(runs: &[Ratios], rival: &[Option<f64>], units: &Units) -> Vec<Reconstruction> {
    let side = |side: usize| -> Vec<Vec<Option<f64>>> {
        runs.iter().map(|items| items.iter().map(|item| item[side]).collect()).collect()
    };
    let rows = [
        ("what goes into the network", side(0)),
        ("the network", side(1)),
        ("total variation, which knows the scan exactly", vec![rival.to_vec()]),
    ];
    let row = |(name, values): (&str, Vec<Vec<Option<f64>>>)| {
        let psnr = units.mean(&values)?;
        Some(Reconstruction { name: name.to_owned(), psnr: Some(psnr) })
    };
    rows.into_iter().filter_map(row).collect()
}

/// The mean of ratios; none where one is missing.
pub(super) fn mean(ratios: &[Option<f64>]) -> Option<f64> {
    let all: Option<Vec<f64>> = ratios.iter().copied().collect();
    all.and_then(|all| stats::mean(all.into_iter()))
}

/// The ratio of one image; none where it has no error.
pub(super) fn ratio(image: &[f32], target: &[f32]) -> Option<f64> {
    let square: f64 = image.iter().zip(target).map(|(a, b)| f64::from(a - b).powi(2)).sum();
    let error = square / target.len().max(1) as f64;
    (error > 0.0 && image.len() == target.len()).then(|| -10.0 * error.log10())
}
