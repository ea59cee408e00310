//! How large the mean risk of the calibration images may be. The risk of an image is its share of uncovered pixels.

use super::bound::{hoeffding_bentkus_p, last_true};
use crate::error::{LearnError, check_count};
use crate::stats::check_level;

/// Conformal risk control (Angelopoulos et al., arXiv 2208.02814, equation 4): the largest mean risk R of `images`
/// calibration images with n R / (n + 1) + 1 / (n + 1) <= `alpha`. With the smallest lambda at which the mean risk is no larger
/// ([`super::smallest_lambda`]), the expected risk of an exchangeable new image is at most alpha. `None` if there
/// are too few images for this alpha (fewer than 1 / alpha - 1).
///
/// # Errors
/// [`LearnError::TooFew`] without images, [`LearnError::Parameter`] for an alpha outside (0, 1).
pub fn crc_risk_limit(images: usize, alpha: f64) -> Result<Option<f64>, LearnError> {
    check_count("calibration images", 1, images)?;
    check_level(alpha)?;
    let n = images as f64;
    let limit = (alpha * (n + 1.0) - 1.0) / n;
    Ok((limit >= 0.0).then_some(limit))
}

/// Risk-controlling prediction sets (Bates et al., arXiv 2101.02703; Angelopoulos et al., arXiv 2202.05265): the largest
/// mean risk of `images` independent calibration images whose Hoeffding-Bentkus upper bound at confidence 1 - `delta` is
/// below `alpha`. Since the risk falls as lambda grows, the smallest lambda at which the mean risk is no larger is that of
/// the paper. `None` if even a mean risk of 0 proves too little, as with fewer than ln(delta) / ln(1 - alpha) images.
///
/// # Errors
/// [`LearnError::TooFew`] without images, [`LearnError::Parameter`] for an alpha or delta outside (0, 1).
pub fn rcps_risk_limit(images: usize, alpha: f64, delta: f64) -> Result<Option<f64>, LearnError> {
    check_level(alpha)?;
    check_level(delta)?;
    let safe = |mean: f64| Ok(mean < alpha && hoeffding_bentkus_p(mean, images, alpha)? < delta);
    if !safe(0.0)? {
        return Ok(None);
    }
    last_true(safe).map(Some)
}
