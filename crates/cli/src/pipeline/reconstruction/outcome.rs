//! What one method comes to in one run, as it is kept.

use std::collections::BTreeMap;

use modelmend_learn::metrics::spearman;
use modelmend_learn::stats;
use modelmend_learn::uncertainty::{Density, Level as Rung, PLACEMENT_BINS, Placement, RiskArea};
use modelmend_uncertainty::{Calibration, Covered, Promise};
use serde::{Deserialize, Serialize};

/// What one method came to in one run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Outcome {
    /// Name of the method.
    pub(super) method: String,
    /// Values of each measure, one for each test item.
    pub(super) measures: BTreeMap<String, Vec<Option<f64>>>,
    /// Accuracy and share of pixels at each of [`modelmend_learn::uncertainty::DIRECTION_RATIOS`], one for each test item.
    pub(super) direction: Vec<[Vec<Option<f64>>; 2]>,
    /// Seconds for an item.
    pub(super) seconds: f64,
    /// The intervals after conformal calibration; `None` where nobody asked or there are no validation items.
    pub(super) calibrated: Option<Calibrated>,
    /// An interval network's own bounds, widened.
    pub(super) markov: Vec<Markov>,
    /// Where the targets of all test items lie in the method's own intervals.
    pub(super) placement: Option<Places>,
    /// The test items with more and more noise.
    pub(super) levels: Vec<Level>,
    /// What a reader of the page has to know about the method.
    pub(super) note: Option<String>,
    /// Means over the test items of the sparsification curve and that of the oracle, at each of
    /// [`modelmend_learn::uncertainty::SPARSIFICATION_STEPS`].
    pub(super) sparsification: Vec<[Option<f64>; 2]>,
    /// Pixels of all test items by u and |error|.
    pub(super) pixels: Pixels,
    /// Whether the method has intervals of its own.
    pub(super) bounded: bool,
}

/// A calibration and its intervals.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Calibrated {
    pub(super) promise: Promise,
    /// Validation items, or patients, that it was fitted on.
    pub(super) units: usize,
    pub(super) lambda: f32,
    pub(super) floor: f64,
    /// Coverage and width of each test item.
    pub(super) items: Vec<(f64, f64)>,
    /// Where the targets of all test items lie.
    pub(super) placement: Places,
}

impl Calibrated {
    pub(super) fn new(calibration: &Calibration, items: &[Covered]) -> Self {
        let (lambda, floor) = calibration.scale();
        Self {
            promise: calibration.promise(),
            units: calibration.units(),
            lambda,
            floor,
            items: items.iter().map(pair).collect(),
            placement: Places::joined(items.iter().map(|item| &item.placement)),
        }
    }
}

/// Bounds widened by `t` times the price of width.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Markov {
    pub(super) t: f64,
    /// Coverage and width of each test item.
    pub(super) items: Vec<(f64, f64)>,
}

/// Coverage and width of an item.
pub(super) fn pair(item: &Covered) -> (f64, f64) {
    (item.placement.coverage().unwrap_or_default(), item.width)
}

/// What a method says at a level of noise, one value for each test item.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Level {
    /// Standard deviation of the noise, of a photograph of 255.
    pub(super) sigma: f64,
    /// Mean uncertainty.
    pub(super) u: Vec<Option<f64>>,
    /// Correlation of |error| and u.
    pub(super) pearson: Vec<Option<f64>>,
}

impl Outcome {
    /// Values of a measure, one for each test item.
    pub(super) fn of(&self, measure: &str) -> Vec<Option<f64>> {
        self.measures.get(measure).cloned().unwrap_or_default()
    }

    /// Coverage and width of each test item after calibration; none without one.
    pub(super) fn scaled(&self) -> &[(f64, f64)] {
        self.calibrated.as_ref().map(|found| found.items.as_slice()).unwrap_or_default()
    }

    /// Number of test items.
    pub(super) fn items(&self) -> usize {
        self.measures.get("mse").map_or(0, Vec::len)
    }

    /// An area of selective risk of some of the items, by root mean squared error. A single item cannot be ranked.
    pub(super) fn risk(&self, area: RiskArea, items: &[usize]) -> Option<f64> {
        let pick = |measure: &str| -> Option<Vec<f64>> {
            let values = self.measures.get(measure)?;
            items.iter().map(|&item| values.get(item).copied().flatten()).collect()
        };
        let loss: Vec<f64> = pick("mse")?.into_iter().map(f64::sqrt).collect();
        area.of(&loss, &pick("mean_u")?).ok().flatten().filter(|_| self.items() > 1)
    }

    /// Spearman correlation of the level of noise and the mean u over some of the items; `None` with fewer than two levels.
    pub(super) fn noise_spearman(&self, items: &[usize]) -> Option<f64> {
        let mean = |level: &Level| {
            stats::mean(items.iter().filter_map(|&item| level.u.get(item).copied().flatten()))
        };
        let u: Vec<f64> = self.levels.iter().map(mean).collect::<Option<_>>()?;
        let sigmas: Vec<f64> = self.levels.iter().map(|level| level.sigma).collect();
        spearman(&sigmas, &u).ok().flatten()
    }
}

/// A [`Placement`] as it is kept: pixels below, in each bin inside, and above.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Places(pub(super) u64, pub(super) Vec<u64>, pub(super) u64);

impl Places {
    /// The pixels of all items.
    pub(super) fn joined<'a>(items: impl Iterator<Item = &'a Placement>) -> Self {
        let mut all = Placement::default();
        items.for_each(|item| all.merge(item));
        Self(all.below, all.inside.to_vec(), all.above)
    }

    /// Shares of the pixels below, inside and above, over several runs.
    pub(super) fn shares<'a>(runs: impl Iterator<Item = &'a Self>) -> Option<(f64, Vec<f64>, f64)> {
        let mut all = Self(0, vec![0; PLACEMENT_BINS], 0);
        for run in runs {
            (all.0, all.2) = (all.0 + run.0, all.2 + run.2);
            all.1.iter_mut().zip(&run.1).for_each(|(to, count)| *to += count);
        }
        let total = all.0 + all.1.iter().sum::<u64>() + all.2;
        let share = |count: u64| count as f64 / total as f64;
        (total > 0).then(|| (share(all.0), all.1.iter().map(|&count| share(count)).collect(), share(all.2)))
    }
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
