//! The Hoeffding-Bentkus bound of a mean of independent values in 0 ..= 1 (Bates et al., arXiv 2101.02703, section 3.1).

use crate::error::{LearnError, check_count};
use crate::stats::check_level;
use statrs::distribution::{Binomial, DiscreteCDF};

/// Upper bound of the chance that the mean of `n` independent values in 0 ..= 1 with expectation `risk` is `mean` or less:
/// the smaller one of Hoeffding's exp(-n h(mean, risk)) with h(a, b) = a ln(a/b) + (1 - a) ln((1 - a)/(1 - b)) for mean <
/// risk, and Bentkus' e P(Binomial(n, risk) <= ceil(n mean)). It does not fall as `mean` grows.
///
/// # Errors
/// [`LearnError::TooFew`] for n = 0, [`LearnError::Parameter`] for a `risk` outside (0, 1) or a `mean` outside 0 ..= 1.
pub fn hoeffding_bentkus_p(mean: f64, n: usize, risk: f64) -> Result<f64, LearnError> {
    check_count("values", 1, n)?;
    if !(0.0..=1.0).contains(&mean) {
        return Err(LearnError::Parameter { name: "mean", value: mean, rule: "in 0 ..= 1" });
    }
    let bad = LearnError::Parameter { name: "risk", value: risk, rule: "between 0 and 1" };
    if !(risk > 0.0 && risk < 1.0) {
        return Err(bad);
    }
    let binomial = Binomial::new(risk, n as u64).map_err(|_| bad)?;
    let hoeffding = (-(n as f64) * divergence(mean.min(risk), risk)).exp();
    let bentkus = std::f64::consts::E * binomial.cdf((n as f64 * mean).ceil() as u64);
    Ok(hoeffding.min(bentkus).min(1.0))
}

/// Kullback-Leibler divergence of two coins with chances a <= b.
fn divergence(a: f64, b: f64) -> f64 {
    let term = |p: f64, q: f64| if p > 0.0 { p * (p / q).ln() } else { 0.0 };
    term(a, b) + term(1.0 - a, 1.0 - b)
}

/// With probability 1 - `delta` the expectation of `n` independent values in 0 ..= 1 with this `mean` is at most the
/// result: the largest risk whose [`hoeffding_bentkus_p`] is at least `delta`.
///
/// # Errors
/// As [`hoeffding_bentkus_p`]; [`LearnError::Parameter`] for a `delta` outside (0, 1).
pub fn risk_upper_bound(mean: f64, n: usize, delta: f64) -> Result<f64, LearnError> {
    check_level(delta)?;
    // A p-value at a risk that is no probability is an error; the ends themselves are never asked for.
    let plausible = |risk: f64| Ok(hoeffding_bentkus_p(mean, n, risk)? >= delta);
    last_true(plausible)
}

/// The last number of 0 ..= 1, but for rounding, up to which `holds`, which turns from true to false once.
pub(super) fn last_true(holds: impl Fn(f64) -> Result<bool, LearnError>) -> Result<f64, LearnError> {
    let (mut low, mut high) = (0.0f64, 1.0f64);
    loop {
        let middle = low + (high - low) / 2.0;
        if middle <= low || middle >= high {
            return Ok(low);
        }
        if holds(middle)? { low = middle } else { high = middle }
    }
}
