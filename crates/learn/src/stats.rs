//! Intervals and tests for figures that come from few cases.

mod bootstrap;
mod exact;
mod paired;
mod permutation;

pub use bootstrap::{BootstrapParams, Interval, Method, Units, bootstrap};
pub use exact::{Enrichment, enrichment, fisher_exact, holm, mcnemar, wilson};
pub use paired::{PairedChange, design_effect, expanded_level};
pub use permutation::{permutation_p, sign_flip};

use crate::error::LearnError;

/// The quantile of the standard normal distribution at `p` in 0 ..= 1.
pub fn normal_quantile(p: f64) -> f64 {
    // -sqrt(2) erfc^-1(2p)
    -std::f64::consts::SQRT_2 * statrs::function::erf::erfc_inv(2.0 * p)
}

/// Mean of the values, `None` if there are none.
pub fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (sum, count) = values.fold((0.0, 0usize), |(sum, count), v| (sum + v, count + 1));
    (count > 0).then(|| sum / count as f64)
}

fn normal_cdf(z: f64) -> f64 {
    0.5 * statrs::function::erf::erfc(-z / std::f64::consts::SQRT_2)
}

pub(crate) fn check_level(level: f64) -> Result<(), LearnError> {
    let inside = level > 0.0 && level < 1.0;
    if inside {
        Ok(())
    } else {
        Err(LearnError::Parameter { name: "level", value: level, rule: "between 0 and 1" })
    }
}
