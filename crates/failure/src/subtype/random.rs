//! Random parts: what a subtyping is worth that knows nothing.

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use super::Subtyping;

/// Parts of the given sizes, drawn from `seed`; failures beyond the sum of the sizes are set aside.
pub fn random(failures: usize, sizes: &[usize], seed: u64) -> Subtyping {
    let mut order: Vec<usize> = (0..failures).collect();
    order.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
    let mut labels = vec![None; failures];
    let parts = sizes.iter().enumerate().flat_map(|(part, &size)| std::iter::repeat_n(part, size));
    for (case, part) in order.into_iter().zip(parts) {
        labels[case] = Some(part);
    }
    let names = (1..=sizes.len()).map(|part| format!("random part {part}")).collect();
    Subtyping { labels, names, silhouette: None, notes: Vec::new() }
}
