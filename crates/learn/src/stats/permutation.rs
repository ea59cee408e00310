//! Permutation tests. Monte-Carlo p-values are (b + 1) / (m + 1) (Phipson and Smyth 2010): never 0, and valid
//! for any m.

use crate::error::{LearnError, check_count};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

/// One-sided p-value of an observed statistic against statistics drawn under the null hypothesis:
/// (b + 1) / (m + 1), b the number of draws that are at least as large. In 1/(m+1) ..= 1.
///
/// # Errors
/// [`LearnError::TooFew`] without draws; [`LearnError::Parameter`] if a statistic is NaN.
pub fn permutation_p(observed: f64, null: &[f64]) -> Result<f64, LearnError> {
    check_count("draws under the null hypothesis", 1, null.len())?;
    if observed.is_nan() || null.iter().any(|v| v.is_nan()) {
        return Err(LearnError::Parameter { name: "statistic", value: f64::NAN, rule: "a number" });
    }
    let at_least = null.iter().filter(|&&v| v >= observed).count();
    Ok((at_least + 1) as f64 / (null.len() + 1) as f64)
}

/// Paired one-sided test that the mean of `differences` (after minus before, one per case or group) is above
/// 0: each difference keeps or flips its sign with equal chance, `draws` times. Valid where the differences
/// are independent and symmetric about 0 under the null hypothesis.
///
/// # Errors
/// [`LearnError::TooFew`] without differences or draws; [`LearnError::Parameter`] if a difference is NaN.
pub fn sign_flip(differences: &[f64], draws: usize, seed: u64) -> Result<f64, LearnError> {
    check_count("differences", 1, differences.len())?;
    let flipped = |draw: usize| {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(draw as u64);
        differences.iter().map(|&d| if rng.random::<bool>() { d } else { -d }).sum::<f64>()
    };
    let null: Vec<f64> = (0..draws).into_par_iter().map(flipped).collect();
    let observed: f64 = differences.iter().sum();
    // A draw that equals the observed sum but for rounding counts as equal.
    let rounding = 1e-12 * differences.iter().map(|d| d.abs()).sum::<f64>();
    permutation_p(observed - rounding, &null)
}
