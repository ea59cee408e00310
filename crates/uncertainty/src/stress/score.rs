//! What u says about stressed items.

use modelmend_data::split::Part;
use modelmend_learn::metrics::pearson;
use modelmend_learn::uncertainty::{Alarm, MaskRanking, alarm, peak, rank_against_mask};
use rayon::prelude::*;

use super::Stressed;
use crate::error::Result;
use crate::method::{Maps, Method};
use crate::source::Source;

/// Share of clean items that may raise a false alarm.
const FALSE_ALARMS: f64 = 0.05;

/// What u says about one stressed item.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ItemScore {
    /// Correlation of u with what it should mark. `None` where one of them is constant.
    pub pearson: Option<f64>,
    /// How well u ranks the pixels that were aimed at before the others.
    pub ranking: Option<MaskRanking>,
    /// Mean of u.
    pub mean_u: f64,
    /// Mean of the highest hundredth of u.
    pub peak_u: f64,
}

/// What a method says about a stress test.
#[derive(Clone, Debug, PartialEq)]
pub struct Score {
    /// A score for each stressed item.
    pub items: Vec<ItemScore>,
    /// Stressed items against clean ones by the mean of u.
    pub by_mean: Option<Alarm>,
    /// By the mean of the highest hundredth of u.
    pub by_peak: Option<Alarm>,
}

/// What u says about the test items as they are.
#[derive(Clone, Debug, PartialEq)]
pub struct Clean {
    /// Mean of u on each item.
    pub means: Vec<f64>,
    /// Mean of the highest hundredth of u on each item.
    pub peaks: Vec<f64>,
}

impl Clean {
    /// Asks a method, once for all tests.
    ///
    /// # Errors
    /// Execution errors.
    pub fn ask(method: &dyn Method, source: &dyn Source) -> Result<Self> {
        let of = |index| {
            let u = method.maps(&source.item(Part::Test, index)?.input)?.u;
            Ok((mean(u.data()), peak(u.data())))
        };
        let all = (0..source.count(Part::Test)).into_par_iter().map(of).collect::<Result<Vec<_>>>()?;
        let (means, peaks) = all.into_iter().unzip();
        Ok(Self { means, peaks })
    }
}

/// Asks a method about stressed items; alarms are those above what it says about the clean ones. `look` takes what it wants from number and maps of each.
///
/// # Errors
/// Execution errors, and those of `look`.
pub fn score<T: Send>(
    method: &dyn Method,
    (clean, stressed): (&Clean, &[Stressed]),
    look: impl Fn(usize, &Maps) -> Result<T> + Sync,
) -> Result<(Score, Vec<T>)> {
    let ask = |(index, stressed): (usize, &Stressed)| {
        let maps = method.maps(&stressed.input)?;
        Ok((item(stressed, &maps)?, look(index, &maps)?))
    };
    let found = stressed.par_iter().enumerate().map(ask).collect::<Result<Vec<_>>>()?;
    let (items, seen): (Vec<ItemScore>, Vec<T>) = found.into_iter().unzip();
    let raised = |before: &[f64], of: fn(&ItemScore) -> f64| {
        alarm(before, &items.iter().map(of).collect::<Vec<_>>(), FALSE_ALARMS)
    };
    let by_mean = raised(&clean.means, |item| item.mean_u)?;
    let by_peak = raised(&clean.peaks, |item| item.peak_u)?;
    Ok((Score { items, by_mean, by_peak }, seen))
}

fn item(stressed: &Stressed, maps: &Maps) -> Result<ItemScore> {
    let u = maps.u.data();
    let [wide, change] = [u, &stressed.change].map(|v| v.iter().map(|&v| f64::from(v)).collect::<Vec<f64>>());
    let mask = stressed.mask.repeat(u.len() / stressed.mask.len().max(1));
    let ranking = if mask.is_empty() { None } else { rank_against_mask(&mask, u)? };
    Ok(ItemScore { pearson: pearson(&wide, &change)?, ranking, mean_u: mean(u), peak_u: peak(u) })
}

fn mean(u: &[f32]) -> f64 {
    u.iter().map(|&u| f64::from(u)).sum::<f64>() / u.len().max(1) as f64
}
