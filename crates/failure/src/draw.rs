//! Drawing cases for an epoch.

use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

/// So many of a pool, without replacement as far as there are enough, else each as often as the others as far as that
/// goes. Nothing of an empty pool.
pub(crate) fn draw(pool: &[usize], count: usize, rng: &mut ChaCha8Rng) -> Vec<usize> {
    let mut drawn = Vec::with_capacity(count);
    while !pool.is_empty() && drawn.len() < count {
        let mut rest = pool.to_vec();
        let (chosen, _) = rest.partial_shuffle(rng, count - drawn.len());
        drawn.extend_from_slice(chosen);
    }
    drawn
}
