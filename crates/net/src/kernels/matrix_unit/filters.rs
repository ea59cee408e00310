//! Filters as second factors.

use std::arch::x86_64::*;

use super::line::TILE;
use super::split::{LANES, counting, lanes, split_pairs, write};
use super::unit::TILE_WORDS;

/// The filters of a convolution as second factors.
#[derive(Clone, Copy, Debug)]
pub(super) struct Filters<'a> {
    pub(super) weights: &'a [f32],
    /// Channels written, and the distance of two of them.
    pub(super) written: (usize, usize),
    /// Channels read, and the distance of two of them.
    pub(super) read: (usize, usize),
    pub(super) taps: usize,
    /// Channels of a step.
    pub(super) depth: usize,
    /// Parts of each weight.
    pub(super) parts: usize,
}

impl Filters<'_> {
    /// Words of a step of one block: a tile for each part.
    pub(super) fn step(&self) -> usize {
        self.parts * TILE_WORDS
    }

    /// Groups of channels read.
    pub(super) fn groups(&self) -> usize {
        self.read.0.div_ceil(self.depth)
    }

    /// Steps of a sum: every tap of some channels, then of the next ones.
    pub(super) fn steps(&self) -> usize {
        self.groups() * self.taps
    }

    /// Words of one block of [`TILE`] channels written.
    pub(super) fn block(&self) -> usize {
        self.steps() * self.step()
    }

    /// Blocks of channels written.
    pub(super) fn blocks(&self) -> usize {
        self.written.0.div_ceil(TILE)
    }

    /// Overwrites `words` by all blocks: for each one and each step a tile of high and, if asked, a tile of low parts.
    #[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
    pub(super) fn pack(&self, words: &mut [u32]) {
        for (block, words) in words.chunks_exact_mut(self.block()).enumerate() {
            for (group, words) in words.chunks_exact_mut(self.taps * self.step()).enumerate() {
                for pair in 0..self.depth / 2 {
                    let channel = group * self.depth + 2 * pair;
                    for (tap, tiles) in words.chunks_exact_mut(self.step()).enumerate() {
                        let one = self.gather(block * TILE, channel, tap);
                        let two = self.gather(block * TILE, channel + 1, tap);
                        for (tile, part) in tiles.chunks_exact_mut(TILE_WORDS).zip(split_pairs(one, two)) {
                            write(&mut tile[pair * LANES..][..LANES], part);
                        }
                    }
                }
            }
        }
    }

    /// The weights of a channel that is read, for [`TILE`] channels written; zeros where there is no such channel.
    #[target_feature(enable = "avx512f")]
    #[inline]
    fn gather(&self, written: usize, read: usize, tap: usize) -> __m512 {
        let zero = _mm512_setzero_ps();
        if read >= self.read.0 {
            return zero;
        }
        let count = TILE.min(self.written.0 - written);
        let from = &self.weights[written * self.written.1 + read * self.read.1 + tap..];
        assert!((count - 1) * self.written.1 < from.len());
        let places = _mm512_mullo_epi32(counting(), _mm512_set1_epi32(self.written.1 as i32));
        // SAFETY: the last lane that is read lies in the slice.
        unsafe { _mm512_mask_i32gather_ps::<4>(zero, lanes(count), places, from.as_ptr()) }
    }
}
