//! From the records of images to one number for a method, with what few images and few runs do to it.

use super::direction::DIRECTION_RATIOS;
use super::image::{ImageRecord, MEASURES};
use super::placement::Placement;
use crate::error::{LearnError, check_count, check_lengths};
use crate::stats::{BootstrapParams, Method, Units, bootstrap, expanded_level, mean};
use std::collections::BTreeSet;

/// Mean and spread over training runs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RunSpread {
    /// Mean of the runs' means.
    pub mean: f64,
    /// Their standard deviation with n - 1 in the denominator: the runs are a sample of all that could be trained.
    pub std: f64,
    /// Runs, at least 2.
    pub runs: usize,
}

impl RunSpread {
    /// Mean and spread of the runs' means; `None` for fewer than two.
    pub fn of(means: &[f64]) -> Option<Self> {
        let runs = means.len();
        let mean = means.iter().sum::<f64>() / runs as f64;
        let variance = means.iter().map(|m| (m - mean).powi(2)).sum::<f64>() / runs.saturating_sub(1) as f64;
        (runs >= 2).then(|| Self { mean, std: variance.sqrt(), runs })
    }
}

/// The mean of a measure over images.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// Mean over the images of each image's mean over the runs.
    pub mean: f64,
    /// Bootstrap interval of `mean` over images (whole groups); `None` for a single unit to draw, which says nothing about
    /// others.
    pub interval: Option<(f64, f64)>,
    /// Images on which the measure is defined in some run.
    pub images: usize,
    /// Spread over the runs; `None` for one run.
    pub runs: Option<RunSpread>,
}

/// Direction accuracy at one ratio over all images.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DirectionEstimate {
    /// The ratio of half-widths.
    pub ratio: f64,
    /// Mean accuracy over the images in which a pixel takes part.
    pub accuracy: Option<Estimate>,
    /// Mean share of pixels that take part.
    pub participating: Option<Estimate>,
}

/// All measures of a method over all images and runs.
#[derive(Debug, Clone, PartialEq)]
pub struct Summary {
    /// Name and estimate of each of [`MEASURES`].
    pub measures: Vec<(&'static str, Option<Estimate>)>,
    /// One for each of [`DIRECTION_RATIOS`].
    pub direction: Vec<DirectionEstimate>,
    /// The pixels of all images and runs; `None` for a method without intervals.
    pub placement: Option<Placement>,
}

/// Joins the records of several runs, `runs[r][i]` that of image i in run r. `groups[i]` is the group (patient, scene) of
/// image i; images of one group are drawn together. The same parameters draw the same images for every measure and every
/// method.
///
/// # Errors
/// As [`estimate`].
pub fn summarize(
    runs: &[Vec<ImageRecord>],
    groups: Option<&[usize]>,
    params: &BootstrapParams,
) -> Result<Summary, LearnError> {
    let over = |of: &dyn Fn(&ImageRecord) -> Option<f64>| {
        let values: Vec<Vec<_>> = runs.iter().map(|run| run.iter().map(of).collect()).collect();
        estimate(&values, groups, params)
    };
    let measures = MEASURES.iter().map(|measure| Ok((measure.name, over(&measure.of)?)));
    let direction = DIRECTION_RATIOS.iter().enumerate().map(|(at, &ratio)| {
        let found = |record: &ImageRecord| record.interval.as_ref()?.direction.get(at).copied();
        Ok(DirectionEstimate {
            ratio,
            accuracy: over(&|record| found(record)?.accuracy)?,
            participating: over(&|record| Some(found(record)?.participating))?,
        })
    });
    let intervals = runs.iter().flatten().filter_map(|record| record.interval.as_ref());
    let merged = |total: Option<Placement>, one: &Placement| {
        let mut total = total.unwrap_or_default();
        total.merge(one);
        Some(total)
    };
    Ok(Summary {
        measures: measures.collect::<Result<_, LearnError>>()?,
        direction: direction.collect::<Result<_, LearnError>>()?,
        placement: intervals.fold(None, |total, interval| merged(total, &interval.placement)),
    })
}

/// The mean of a measure over images, `runs[r][i]` its value for image i in run r. The percentile interval is expanded for
/// few units ([`expanded_level`]). `None` where the measure is defined nowhere.
///
/// # Errors
/// [`LearnError::Length`] if the runs or groups differ in the number of images, [`LearnError::TooFew`] without runs or
/// resamples, [`LearnError::Parameter`] for a level outside (0, 1).
pub fn estimate(
    runs: &[Vec<Option<f64>>],
    groups: Option<&[usize]>,
    params: &BootstrapParams,
) -> Result<Option<Estimate>, LearnError> {
    check_count("runs", 1, runs.len())?;
    let images = runs.first().map_or(0, Vec::len);
    for run in runs {
        check_lengths("images of two runs", images, run.len())?;
    }
    if let Some(groups) = groups {
        check_lengths("images and their groups", images, groups.len())?;
    }
    let of_image = |i: usize| mean(runs.iter().filter_map(|run| run.get(i).copied().flatten()));
    let values: Vec<Option<f64>> = (0..images).map(of_image).collect();
    let Some(overall) = mean(values.iter().copied().flatten()) else { return Ok(None) };
    let of_runs: Vec<f64> = runs.iter().filter_map(|run| mean(run.iter().copied().flatten())).collect();
    Ok(Some(Estimate {
        mean: overall,
        interval: interval(&values, groups, params)?,
        images: values.iter().flatten().count(),
        runs: RunSpread::of(&of_runs),
    }))
}

/// A number of a whole set of `images` images, such as an area of [`super::SelectiveRisk`]: the mean over `runs` of what `statistic` says for the
/// run and the numbers of its images (repeated as drawn, where they are drawn for the interval). All runs get the same draws.
/// `None` where it is defined for no run.
///
/// # Errors
/// As [`estimate`].
pub fn estimate_of_set(
    (runs, images): (usize, usize),
    groups: Option<&[usize]>,
    statistic: impl Fn(usize, &[usize]) -> Option<f64> + Sync,
    params: &BootstrapParams,
) -> Result<Option<Estimate>, LearnError> {
    check_count("runs", 1, runs)?;
    if let Some(groups) = groups {
        check_lengths("images and their groups", images, groups.len())?;
    }
    let all: Vec<usize> = (0..images).collect();
    let of_runs: Vec<f64> = (0..runs).filter_map(|run| statistic(run, &all)).collect();
    let Some(overall) = mean(of_runs.iter().copied()) else { return Ok(None) };
    let over_runs = |drawn: &[usize]| mean((0..runs).filter_map(|run| statistic(run, drawn)));
    Ok(Some(Estimate {
        mean: overall,
        interval: drawn_interval((images, groups), over_runs, params)?,
        images,
        runs: RunSpread::of(&of_runs),
    }))
}

/// Bootstrap interval of the mean of what is defined.
fn interval(
    values: &[Option<f64>],
    groups: Option<&[usize]>,
    params: &BootstrapParams,
) -> Result<Option<(f64, f64)>, LearnError> {
    let defined: Vec<usize> = (0..values.len()).filter(|&i| values[i].is_some()).collect();
    let groups_of_defined = groups.map(|groups| defined.iter().map(|&i| groups[i]).collect::<Vec<_>>());
    let statistic = |drawn: &[usize]| mean(drawn.iter().filter_map(|&at| values[defined[at]]));
    drawn_interval((defined.len(), groups_of_defined.as_deref()), statistic, params)
}

/// Bootstrap interval of a statistic of so many images (whole groups); `None` for a single unit to draw.
fn drawn_interval(
    (images, groups): (usize, Option<&[usize]>),
    statistic: impl Fn(&[usize]) -> Option<f64> + Sync,
    params: &BootstrapParams,
) -> Result<Option<(f64, f64)>, LearnError> {
    let (units, count) = match groups {
        Some(groups) => (Units::Groups(groups), groups.iter().collect::<BTreeSet<_>>().len()),
        None => (Units::Cases(images), images),
    };
    if count < 2 {
        return Ok(None);
    }
    let level = match params.method {
        Method::Percentile => expanded_level(params.level, count)?,
        Method::Bca => params.level,
    };
    let found = bootstrap(units, statistic, &BootstrapParams { level, ..*params })?;
    Ok(found.map(|interval| (interval.low, interval.high)))
}
