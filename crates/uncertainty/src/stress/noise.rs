//! More noise than a network was trained with.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

use super::{Network, Stressed, of_error, shifted};
use crate::error::Result;
use crate::source::{Batch, Source};

/// The item with Gaussian noise added to its measurement, of a standard deviation that is a share of the measurement's range. Noise of one seed and item is the
/// same for every share but for its size, which pairs the levels.
///
/// # Errors
/// As [`Network::output`].
pub fn noisy(
    network: &Network<'_>,
    source: &dyn Source,
    item: &Batch,
    (share, seed, number): (f64, u64, u64),
) -> Result<Stressed> {
    let acquisition = source.acquisition();
    let measurement = acquisition.measure(item.target.data())?;
    let (low, high) =
        measurement.iter().fold((f32::INFINITY, f32::NEG_INFINITY), |(lo, hi), &v| (lo.min(v), hi.max(v)));
    let sigma = share * f64::from(high - low);
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(number);
    let mut draw = || {
        let standard: f64 = StandardNormal.sample(&mut rng);
        (sigma * standard) as f32
    };
    let noise: Vec<f32> = measurement.iter().map(|_| draw()).collect();
    let input = shifted(item, &acquisition.reconstruct(&noise)?);
    of_error(network, input, item.target.data().to_vec())
}
