//! Filters as second factors.

use std::arch::x86_64::*;

use super::line::TILE;
use super::split::{LANES, read, read_words, split_pairs, transpose, write};
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
        // Taps follow each other in memory; where the channels read follow as well, all weights of a channel written are one run.
        let (runs, run) =
            if self.read.1 == self.taps { (1, self.read.0 * self.taps) } else { (self.read.0, self.taps) };
        for (block, words) in words.chunks_exact_mut(self.block()).enumerate() {
            // Rows behind the last channel.
            words[(self.groups() - 1) * self.taps * self.step()..].fill(0);
            for first in 0..runs {
                for start in (0..run).step_by(LANES) {
                    let count = LANES.min(run - start);
                    let vectors = self.turned(block * TILE, first * self.read.1 + start, count);
                    for (i, vector) in (start..run).zip(&vectors[..count]) {
                        self.put(words, [first + i / self.taps, i % self.taps], *vector);
                    }
                }
            }
        }
    }

    /// `count` weights from `start` on of [`TILE`] channels written: a vector over these channels for each weight, zeros where there is no such channel.
    #[target_feature(enable = "avx512f")]
    #[inline]
    fn turned(&self, written: usize, start: usize, count: usize) -> [__m512i; LANES] {
        let mut rows = [_mm512_setzero_si512(); LANES];
        for (row, channel) in rows.iter_mut().zip(written..self.written.0) {
            *row = _mm512_castps_si512(read(&self.weights[channel * self.written.1 + start..][..count]));
        }
        transpose(rows)
    }

    /// Puts the weights of a channel that is read, at a tap, into their row: channels of even number into the lower halves of words.
    #[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
    #[inline]
    fn put(&self, words: &mut [u32], [channel, tap]: [usize; 2], weights: __m512i) {
        let weights = _mm512_castsi512_ps(weights);
        let (zero, odd) = (_mm512_setzero_ps(), channel % 2 == 1);
        let parts = if odd { split_pairs(zero, weights) } else { split_pairs(weights, zero) };
        let step = channel / self.depth * self.taps + tap;
        let tiles = words[step * self.step()..][..self.step()].chunks_exact_mut(TILE_WORDS);
        for (tile, part) in tiles.zip(parts) {
            let row = &mut tile[channel % self.depth / 2 * LANES..][..LANES];
            let both = if odd { _mm512_or_si512(read_words(row), part) } else { part };
            write(row, both);
        }
    }
}
