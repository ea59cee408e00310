//! Random streams that are entered at any item.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

use crate::error::{Error, Result};

/// The stream of one item of a data set: what is drawn from it does not depend on other items. `kind` tells the streams of one item
/// apart (its content, its noise).
pub(super) fn stream(seed: u64, kind: Kind, [set, item]: [u64; 2]) -> ChaCha8Rng {
    let mut key = [0; 32];
    let words = [seed, kind as u64, set, item];
    key.chunks_exact_mut(8).zip(words).for_each(|(bytes, word)| bytes.copy_from_slice(&word.to_le_bytes()));
    ChaCha8Rng::from_seed(key)
}

/// What a stream is for.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    Signal,
    SignalNoise,
    Order,
    PatchNoise,
    PictureNoise,
}

/// Adds independent Gaussian noise.
pub(super) fn add_noise(values: &mut [f32], sigma: f64, mut rng: ChaCha8Rng) {
    for value in values {
        let unit: f64 = StandardNormal.sample(&mut rng);
        *value += (sigma * unit) as f32;
    }
}

/// Refuses a standard deviation that is negative or not finite.
pub(super) fn check_sigma(sigma: f64) -> Result<()> {
    if sigma >= 0.0 && sigma.is_finite() {
        return Ok(());
    }
    Err(Error::Request(format!("noise of standard deviation {sigma} cannot be drawn")))
}
