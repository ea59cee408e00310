//! Random decisions: the keystream of ChaCha8, compared as it is made.

use pulp::{Arch, Simd, WithSimd};

/// Decisions made at a time: two for each word of sixteen blocks of the stream.
pub(super) const BLOCK: usize = 512;

/// "expand 32-byte k" (D. J. Bernstein, *ChaCha, a variant of Salsa20*, 2008).
const CONSTANTS: [u32; 4] = [0x6170_7865, 0x3320_646e, 0x7962_2d32, 0x6b20_6574];

/// Whether the 16-bit numbers `BLOCK * index` and following of the stream with this key (that of `rand_chacha::ChaCha8Rng`) lie below a threshold: a bit for
/// each, the lowest first.
pub(super) fn below(key: [u32; 8], index: usize, threshold: u32) -> [u32; BLOCK / 32] {
    let mut bits = [0; BLOCK / 32];
    let first = (index * bits.len()) as u64;
    Arch::new().dispatch(Blocks { key, first, threshold, bits: &mut bits });
    bits
}

/// Blocks of the stream, each of them a lane of vectors.
struct Blocks<'a> {
    key: [u32; 8],
    first: u64,
    threshold: u32,
    bits: &'a mut [u32; BLOCK / 32],
}

impl WithSimd for Blocks<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let ([k0, k1, k2, k3], [a, b, c, d, e, f, g, h]) = (CONSTANTS, self.key);
        for (i, bits) in self.bits.iter_mut().enumerate() {
            let n = self.first + i as u64;
            let start = [k0, k1, k2, k3, a, b, c, d, e, f, g, h, n as u32, (n >> 32) as u32, 0, 0];
            let mut state = start;
            // Written out: a loop around them would keep blocks from becoming lanes.
            double_round(&mut state);
            double_round(&mut state);
            double_round(&mut state);
            double_round(&mut state);
            *bits = 0;
            for word in 0..16 {
                let numbers = state[word].wrapping_add(start[word]);
                *bits |= u32::from(numbers & 0xffff < self.threshold) << (2 * word);
                *bits |= u32::from(numbers >> 16 < self.threshold) << (2 * word + 1);
            }
        }
    }
}

#[inline(always)]
fn double_round(state: &mut [u32; 16]) {
    quarter(state, [0, 4, 8, 12]);
    quarter(state, [1, 5, 9, 13]);
    quarter(state, [2, 6, 10, 14]);
    quarter(state, [3, 7, 11, 15]);
    quarter(state, [0, 5, 10, 15]);
    quarter(state, [1, 6, 11, 12]);
    quarter(state, [2, 7, 8, 13]);
    quarter(state, [3, 4, 9, 14]);
}

#[inline(always)]
fn quarter(s: &mut [u32; 16], [a, b, c, d]: [usize; 4]) {
    for [left, right] in [[16, 12], [8, 7]] {
        s[a] = s[a].wrapping_add(s[b]);
        s[d] = (s[d] ^ s[a]).rotate_left(left);
        s[c] = s[c].wrapping_add(s[d]);
        s[b] = (s[b] ^ s[c]).rotate_left(right);
    }
}

#[cfg(test)]
mod tests {
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;

    #[test]
    fn the_stream_is_that_of_the_library() {
        let key: [u8; 32] = std::array::from_fn(|i| (37 * i + 11) as u8);
        let mut words = [0; 8];
        words.iter_mut().zip(key.as_chunks().0).for_each(|(word, bytes)| *word = u32::from_le_bytes(*bytes));
        let mut stream = ChaCha8Rng::from_seed(key);
        for index in 0..40 {
            let mut bytes = [0; 2 * BLOCK];
            stream.fill_bytes(&mut bytes);
            let found = below(words, index, 45_000);
            for (i, number) in bytes.as_chunks().0.iter().enumerate() {
                let below = u16::from_le_bytes(*number) < 45_000;
                assert_eq!(found[i / 32] >> (i % 32) & 1 == 1, below, "number {i} of block {index}");
            }
        }
    }

    #[test]
    fn every_number_lies_below_the_greatest_threshold() {
        assert_eq!(below([3; 8], 5, 1 << 16), [u32::MAX; BLOCK / 32]);
        assert_eq!(below([3; 8], 5, 0), [0; BLOCK / 32]);
    }
}
