//! Quantiles of exchangeable scores with the correction for their finite number.

use crate::error::{LearnError, check_count, check_lengths};
use crate::stats::check_level;
use rayon::prelude::*;

/// Split conformal prediction (Vovk et al. 2005; Lei et al., arXiv 1604.04173): the ceil((n + 1) `level`)-th smallest of n
/// scores. The score of a new exchangeable case is at most that with probability `level` or more. `None` if there are too
/// few (n < level / (1 - level)): no finite number would do.
///
/// # Errors
/// [`LearnError::TooFew`] without scores, [`LearnError::Parameter`] for a level outside (0, 1),
/// [`LearnError::NotFiniteValue`] for NaN.
pub fn split_quantile(scores: &[f32], level: f64) -> Result<Option<f32>, LearnError> {
    check_level(level)?;
    check_count("scores", 1, scores.len())?;
    let n = scores.len();
    let rank = ((n + 1) as f64 * level).ceil() as usize;
    if rank > n {
        return Ok(None);
    }
    if let Some(index) = scores.iter().position(|score| score.is_nan()) {
        return Err(LearnError::NotFiniteValue { what: "scores", index });
    }
    let mut scores = scores.to_vec();
    Ok(Some(*scores.select_nth_unstable_by(rank - 1, f32::total_cmp).1))
}

/// [`split_quantile`] of every pixel by itself: `images[i]` holds the scores of image i, all of one size. The new image's
/// pixel at each place is covered with probability `level`, where a common lambda promises that for the mean over pixels
/// alone.
///
/// # Errors
/// As [`split_quantile`]; [`LearnError::Length`] for images of different sizes.
pub fn pixelwise_quantiles(images: &[&[f32]], level: f64) -> Result<Vec<Option<f32>>, LearnError> {
    check_count("calibration images", 1, images.len())?;
    let pixels = images.first().map_or(0, |image| image.len());
    for image in images {
        check_lengths("two calibration images", pixels, image.len())?;
    }
    let of_pixel = |pixel: usize| {
        let scores: Vec<f32> = images.iter().map(|image| image[pixel]).collect();
        split_quantile(&scores, level)
    };
    (0..pixels).into_par_iter().map(of_pixel).collect()
}
