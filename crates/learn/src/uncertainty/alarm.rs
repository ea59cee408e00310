//! Would u have raised the alarm: images of a set against images that are as they should be.

use crate::error::LearnError;
use crate::metrics::auroc;

/// Share of the pixels of the highest u that [`peak`] looks at.
const HIGHEST: f64 = 0.01;

/// How well a score of whole images tells stressed ones from clean ones.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Alarm {
    /// Chance that a stressed image scores above a clean one, ties counting 1/2.
    pub auroc: f64,
    /// Share of the stressed images above the lowest threshold that at most the allowed share of the clean ones exceeds.
    pub rate: f64,
}

/// Scores of clean and of stressed images, and the share of false alarms that is allowed (0.05 for one in twenty). `None` where one of the sets is empty.
///
/// # Errors
/// None for scores that are numbers.
pub fn alarm(clean: &[f64], stressed: &[f64], allowed: f64) -> Result<Option<Alarm>, LearnError> {
    let labels = [vec![false; clean.len()], vec![true; stressed.len()]].concat();
    let Some(auroc) = auroc(&labels, &[clean, stressed].concat())? else { return Ok(None) };
    let mut highest = clean.to_vec();
    highest.sort_unstable_by(|a, b| b.total_cmp(a));
    let allowed = (allowed * clean.len() as f64).floor() as usize;
    let threshold = highest.get(allowed).copied().unwrap_or(f64::NEG_INFINITY);
    let above = stressed.iter().filter(|&&score| score > threshold).count();
    Ok(Some(Alarm { auroc, rate: above as f64 / stressed.len() as f64 }))
}

/// The mean of the highest hundredth of u (of one pixel at least): what a small spot raises where the mean over the image hardly moves. 0 without pixels.
pub fn peak(u: &[f32]) -> f64 {
    let count = ((u.len() as f64 * HIGHEST) as usize).max(1).min(u.len());
    let mut values = u.to_vec();
    if count < values.len() {
        values.select_nth_unstable_by(count, |a, b| b.total_cmp(a));
    }
    // Sorted, so that the order of the sum is that of the values.
    let highest = values.get_mut(..count).unwrap_or_default();
    highest.sort_unstable_by(f32::total_cmp);
    highest.iter().map(|&u| f64::from(u)).sum::<f64>() / count.max(1) as f64
}
