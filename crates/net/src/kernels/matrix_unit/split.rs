//! Factors split into high and low parts, in the layouts that the unit reads.

use std::arch::x86_64::*;
use std::ops::Range;

use super::line::Line;
use super::unit::{DEPTH, ROW, ROWS};

/// Elements of a vector.
const LANES: usize = 16;

/// The first `count` lanes.
fn lanes(count: usize) -> __mmask16 {
    if count >= LANES { !0 } else { (1 << count) - 1 }
}

/// High and low parts, the bits of each in the lower half of a word.
#[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
fn split(x: __m512) -> [__m512i; 2] {
    let high = bits(x);
    let rest = _mm512_sub_ps(x, _mm512_castsi512_ps(_mm512_slli_epi32::<16>(high)));
    [high, bits(rest)]
}

/// The bits of the nearest numbers of 8 significant bits.
#[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
fn bits(x: __m512) -> __m512i {
    // SAFETY: both are 256 bits.
    let narrow: __m256i = unsafe { std::mem::transmute(_mm512_cvtneps_pbh(x)) };
    _mm512_cvtepu16_epi32(narrow)
}

/// The elements of a slice, at most a vector, followed by zeros.
#[target_feature(enable = "avx512f")]
pub(super) fn read(from: &[f32]) -> __m512 {
    // SAFETY: lanes behind the slice are not read.
    unsafe { _mm512_maskz_loadu_ps(lanes(from.len()), from.as_ptr()) }
}

/// Writes as many elements as the slice has, at most a vector.
#[target_feature(enable = "avx512f")]
pub(super) fn store(to: &mut [f32], values: __m512) {
    // SAFETY: lanes behind the slice are not written.
    unsafe { _mm512_mask_storeu_ps(to.as_mut_ptr(), lanes(to.len()), values) }
}

/// Walks over the rows of a plane: where a row of elements begins in the plane, and where on the line.
fn rows(line: &Line, mut visit: impl FnMut(usize, usize, usize)) {
    let ([depth, height, width], [_, rows, columns]) = (line.from, line.size);
    if line.from == line.size {
        return visit(0, 0, line.from.iter().product());
    }
    for z in 0..depth {
        for y in 0..height {
            let at = ((z + line.before[0]) * rows + y + line.before[1]) * columns + line.before[2];
            visit((z * height + y) * width, at, width);
        }
    }
}

/// The channels of one image, in pairs: for each part, high and low, `pairs x len` words, each a position of two channels. Zeros elsewhere.
#[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
pub(super) fn pairs(line: &Line, image: &[f32], words: &mut [u32], len: usize) {
    let volume: usize = line.from.iter().product();
    let (high, low) = words.split_at_mut(words.len() / 2);
    let mut planes = image.chunks(2 * volume);
    for (high, low) in high.chunks_exact_mut(len).zip(low.chunks_exact_mut(len)) {
        let mut end = 0;
        if let Some(planes) = planes.next() {
            let (first, second) = planes.split_at(volume);
            rows(line, |from, at, count| {
                [&mut *high, &mut *low].into_iter().for_each(|to| to[end..at].fill(0));
                end = at + count;
                for i in (0..count).step_by(LANES) {
                    let n = LANES.min(count - i);
                    let one = split(read(&first[from + i..][..n]));
                    let two = split(read(second.get(from + i..from + i + n).unwrap_or_default()));
                    for part in 0..2 {
                        let to = if part == 0 { &mut *high } else { &mut *low };
                        let both = _mm512_or_si512(one[part], _mm512_slli_epi32::<16>(two[part]));
                        write(&mut to[at + i..][..n], both);
                    }
                }
            });
        }
        [high, low].into_iter().for_each(|to| to[end..].fill(0));
    }
}

/// Writes as many words as the slice has, at most a vector.
#[target_feature(enable = "avx512f")]
fn write(to: &mut [u32], words: __m512i) {
    // SAFETY: lanes behind the slice are not written.
    unsafe { _mm512_mask_storeu_epi32(to.as_mut_ptr().cast(), lanes(to.len()), words) }
}

/// The channels of one image, each a line by itself: for each channel its high parts, then its low parts, `len` numbers each, beginning at
/// `margin`. Places without an element stay as they are.
#[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
pub(super) fn lines(line: &Line, image: &[f32], numbers: &mut [u16], (len, margin): (usize, usize)) {
    let volume: usize = line.from.iter().product();
    for (plane, lines) in image.chunks_exact(volume).zip(numbers.chunks_exact_mut(2 * len)) {
        let (high, low) = lines.split_at_mut(len);
        rows(line, |from, at, count| {
            for i in (0..count).step_by(LANES) {
                let n = LANES.min(count - i);
                let parts = split(read(&plane[from + i..][..n]));
                for (to, part) in [&mut *high, &mut *low].into_iter().zip(parts) {
                    let to = &mut to[margin + at + i..][..n];
                    // SAFETY: lanes behind the slice are not written.
                    unsafe { _mm512_mask_cvtepi32_storeu_epi16(to.as_mut_ptr().cast(), lanes(n), part) }
                }
            }
        });
    }
}

/// Rows become columns.
#[target_feature(enable = "avx512f")]
pub(super) fn transpose(rows: [__m512i; LANES]) -> [__m512i; LANES] {
    let mut m = rows;
    // Pairs of rows, then groups of four: each lane of 128 bits holds four elements of a column.
    for i in (0..LANES).step_by(2) {
        (m[i], m[i + 1]) =
            (_mm512_unpacklo_epi32(rows[i], rows[i + 1]), _mm512_unpackhi_epi32(rows[i], rows[i + 1]));
    }
    for i in (0..LANES).step_by(4) {
        let [a, b, c, d] = [m[i], m[i + 1], m[i + 2], m[i + 3]];
        m[i] = _mm512_unpacklo_epi64(a, c);
        m[i + 1] = _mm512_unpackhi_epi64(a, c);
        m[i + 2] = _mm512_unpacklo_epi64(b, d);
        m[i + 3] = _mm512_unpackhi_epi64(b, d);
    }
    // The lanes themselves.
    let mut columns = m;
    for i in 0..4 {
        let [a, b, c, d] = [m[i], m[i + 4], m[i + 8], m[i + 12]];
        let [ab, cd] = [_mm512_shuffle_i32x4::<0x88>(a, b), _mm512_shuffle_i32x4::<0x88>(c, d)];
        columns[i] = _mm512_shuffle_i32x4::<0x88>(ab, cd);
        columns[i + 8] = _mm512_shuffle_i32x4::<0xdd>(ab, cd);
        let [ab, cd] = [_mm512_shuffle_i32x4::<0xdd>(a, b), _mm512_shuffle_i32x4::<0xdd>(c, d)];
        columns[i + 4] = _mm512_shuffle_i32x4::<0x88>(ab, cd);
        columns[i + 12] = _mm512_shuffle_i32x4::<0xdd>(ab, cd);
    }
    columns
}

/// Lines of channels, as [`lines`] writes them, turned into rows of positions: for each part `len / 2` rows of `width` words, each a channel at two
/// positions that follow each other. The lines go to the columns from `first`.
#[target_feature(enable = "avx512f")]
pub(super) fn turn(lines: &[u32], len: usize, rows: &mut [u32], (width, first): (usize, usize)) {
    let half = len / 2;
    for part in 0..2 {
        for start in (0..half).step_by(LANES) {
            let count = LANES.min(half - start);
            let mut vectors = [_mm512_setzero_si512(); LANES];
            for (vector, line) in vectors.iter_mut().zip(lines.chunks_exact(len)) {
                *vector = words(&line[part * half + start..][..count]);
            }
            let columns = transpose(vectors);
            for (i, column) in columns.into_iter().enumerate().take(count) {
                write(&mut rows[(part * half + start + i) * width + first..][..LANES], column);
            }
        }
    }
}

/// The words of a slice, at most a vector, followed by zeros.
#[target_feature(enable = "avx512f")]
fn words(from: &[u32]) -> __m512i {
    // SAFETY: lanes behind the slice are not read.
    unsafe { _mm512_maskz_loadu_epi32(lanes(from.len()), from.as_ptr().cast()) }
}

/// The filters of a convolution as first factors.
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
}

impl Filters<'_> {
    /// Steps of a sum: every tap of some channels, then of the next ones.
    pub(super) fn steps(&self) -> usize {
        self.read.0.div_ceil(self.depth) * self.taps
    }

    /// Words of one block of [`ROWS`] channels written.
    pub(super) fn block(&self) -> usize {
        self.steps() * STEP
    }

    /// Blocks of channels written.
    pub(super) fn blocks(&self) -> usize {
        self.written.0.div_ceil(ROWS)
    }

    /// Overwrites `words` by some blocks: for each one and each step a tile of high and a tile of low parts.
    #[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
    pub(super) fn pack(&self, blocks: Range<usize>, words: &mut [u32]) {
        let written = blocks.start * ROWS..(blocks.end * ROWS).min(self.written.0);
        if written.len() < blocks.len() * ROWS {
            words[(blocks.len() - 1) * self.block()..].fill(0);
        }
        // Taps follow each other in memory; where the channels written follow as well, all are one run.
        let (runs, run) = if self.written.1 == self.taps {
            (1, written.len() * self.taps)
        } else {
            (written.len(), self.taps)
        };
        for first in 0..runs {
            for start in (0..run).step_by(LANES) {
                let at = (written.start + first) * self.written.1 + start;
                self.pack_vector(at, first * self.taps + start, LANES.min(run - start), words);
            }
        }
    }

    /// `count` weights from `at` on for all channels read; the first one is number `first` of all channels written and taps of `words`.
    #[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
    fn pack_vector(&self, at: usize, first: usize, count: usize, words: &mut [u32]) {
        let mut rows = [0; LANES];
        for (i, row) in rows.iter_mut().enumerate() {
            let (written, tap) = ((first + i) / self.taps, (first + i) % self.taps);
            *row = written / ROWS * self.block() + tap * STEP + written % ROWS * (ROW / 4);
        }
        for chunk in 0..self.read.0.div_ceil(self.depth) {
            let channels = chunk * self.depth..((chunk + 1) * self.depth).min(self.read.0);
            let one = self.turned(at, channels.clone(), count);
            let two = self.turned(at, (channels.start + LANES).min(channels.end)..channels.end, count);
            for i in 0..count {
                let high_low = (split(_mm512_castsi512_ps(one[i])), split(_mm512_castsi512_ps(two[i])));
                for part in 0..2 {
                    let one = _mm512_castsi256_si512(_mm512_cvtepi32_epi16(high_low.0[part]));
                    let row = _mm512_inserti64x4::<1>(one, _mm512_cvtepi32_epi16(high_low.1[part]));
                    let at = rows[i] + chunk * self.taps * STEP + part * STEP / 2;
                    write(&mut words[at..][..ROW / 4], row);
                }
            }
        }
    }

    /// For `count` weights from `at` on: vectors of their values for the first of some channels read.
    #[target_feature(enable = "avx512f")]
    fn turned(&self, at: usize, channels: Range<usize>, count: usize) -> [__m512i; LANES] {
        let mut vectors = [_mm512_setzero_si512(); LANES];
        for (vector, channel) in vectors.iter_mut().zip(channels) {
            *vector = _mm512_castps_si512(read(&self.weights[channel * self.read.1 + at..][..count]));
        }
        transpose(vectors)
    }
}

/// Words of a step of one block: a tile of high and one of low parts.
pub(super) const STEP: usize = 2 * ROWS * ROW / 4;

const _: () = assert!(DEPTH == 2 * LANES);
