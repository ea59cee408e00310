//! Drawing cases: for an epoch, for an analysis.

use rand::SeedableRng;
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

/// At most so many of a pool, without replacement and in its order; the pool itself where it has no more.
pub fn sample(pool: &[usize], most: usize, seed: u64) -> Vec<usize> {
    if pool.len() <= most {
        return pool.to_vec();
    }
    let mut places: Vec<usize> = (0..pool.len()).collect();
    let (drawn, _) = places.partial_shuffle(&mut ChaCha8Rng::seed_from_u64(seed), most);
    drawn.sort_unstable();
    drawn.iter().map(|&place| pool[place]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_is_drawn_once_each_in_order_and_from_everywhere() {
        let pool: Vec<usize> = (0..1000).map(|case| 3 * case).collect();
        let drawn = sample(&pool, 100, 7);
        assert_eq!(drawn.len(), 100);
        assert!(drawn.is_sorted_by(|a, b| a < b) && drawn.iter().all(|case| case % 3 == 0));
        assert!(drawn[20] > 200 && drawn[80] > 1800, "{drawn:?}");
        assert_ne!(drawn, sample(&pool, 100, 8));
        assert_eq!(sample(&pool, 1000, 7), pool);
    }
}
