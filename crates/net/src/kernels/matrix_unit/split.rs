//! Factors split into high and low parts, in the layouts that the unit reads.

use std::arch::x86_64::*;
use std::ops::Range;

use super::line::{Line, TILE};
use super::unit::{BYTES, DEPTH, ROWS, SUMS};

/// Elements of a vector.
const LANES: usize = 16;

/// The first `count` lanes.
fn lanes(count: usize) -> __mmask16 {
    if count >= LANES { !0 } else { (1 << count) - 1 }
}

/// High and low parts of two vectors, beside each other in words: the first in the lower halves.
#[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
#[inline]
fn split_pairs(first: __m512, second: __m512) -> [__m512i; 2] {
    let high = paired(first, second);
    let [one, two] = [_mm512_slli_epi32::<16>(high), _mm512_and_si512(high, _mm512_set1_epi32(!0xffff))];
    let rest = |x, high| _mm512_sub_ps(x, _mm512_castsi512_ps(high));
    [high, paired(rest(first, one), rest(second, two))]
}

/// The bits of the nearest numbers of 8 significant bits of two vectors, beside each other in words.
#[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
#[inline]
fn paired(first: __m512, second: __m512) -> __m512i {
    let words = _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
    let upper = _mm512_slli_epi32::<16>(_mm512_add_epi32(words, _mm512_set1_epi32(LANES as i32)));
    _mm512_permutexvar_epi16(_mm512_or_si512(words, upper), in_order(first, second))
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

/// How a split image lies in memory: for each part, high and low, and for each group of channels a row of these channels at every position.
#[derive(Clone, Debug)]
pub(super) struct Rows {
    /// Elements of a plane.
    pub(super) volume: usize,
    /// The position of each of them.
    pub(super) places: Vec<usize>,
    /// Positions without an element.
    gaps: Vec<Range<usize>>,
    /// Channels of a group.
    pub(super) depth: usize,
    /// Words of a row: two channels each.
    pub(super) row: usize,
    /// Positions.
    pub(super) len: usize,
}

impl Rows {
    /// Rows for images that lie on a line of `len` positions.
    pub(super) fn new(line: &Line, depth: usize, len: usize) -> Self {
        let (mut places, mut gaps, mut end) = (Vec::new(), Vec::new(), 0);
        rows(line, |_, at, count| {
            places.extend(at..at + count);
            gaps.push(end..at);
            end = at + count;
        });
        gaps.push(end..len);
        // No row lies across two cache lines.
        Self { volume: places.len(), places, gaps, depth, row: (depth / 2).next_power_of_two(), len }
    }

    /// Zeros at positions without an element, of one image.
    pub(super) fn clear(&self, words: &mut [u32]) {
        for group in words.chunks_exact_mut(self.len * self.row) {
            for gap in &self.gaps {
                group[gap.start * self.row..gap.end * self.row].fill(0);
            }
        }
    }

    /// Splits the channels of one image into high and, if asked, low parts. Positions without an element stay as they are.
    #[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
    pub(super) fn split(&self, image: &[f32], words: &mut [u32], parts: usize) {
        let (high, low) = words.split_at_mut(words.len() / parts);
        let len = self.len * self.row;
        for (group, planes) in image.chunks(self.depth * self.volume).enumerate() {
            let place = group * len..(group + 1) * len;
            let (high, low) = (&mut high[place.clone()], low.get_mut(place).unwrap_or_default());
            for (i, places) in self.places.chunks(LANES).enumerate() {
                let [highs, lows] = self.words(planes, i * LANES, places.len());
                self.write(transpose(highs), places, high);
                if parts == 2 {
                    self.write(transpose(lows), places, low);
                }
            }
        }
    }

    /// Writes a row for each place.
    #[target_feature(enable = "avx512f")]
    #[inline]
    fn write(&self, rows: [__m512i; LANES], places: &[usize], words: &mut [u32]) {
        for (row, &place) in rows.into_iter().zip(places) {
            write(&mut words[place * self.row..][..self.row], row);
        }
    }

    /// High and low parts of `count` elements of some planes: for each pair of channels their words.
    #[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
    #[inline]
    fn words(&self, planes: &[f32], start: usize, count: usize) -> [[__m512i; LANES]; 2] {
        let mut parts = [[_mm512_setzero_si512(); LANES]; 2];
        for (pair, planes) in planes.chunks(2 * self.volume).enumerate() {
            let (first, second) = planes.split_at(self.volume);
            let second = second.get(start..start + count).unwrap_or_default();
            let [high, low] = split_pairs(read(&first[start..][..count]), read(second));
            (parts[0][pair], parts[1][pair]) = (high, low);
        }
        parts
    }
}

/// Writes as many words as the slice has, at most a vector.
#[target_feature(enable = "avx512f")]
fn write(to: &mut [u32], words: __m512i) {
    // SAFETY: lanes behind the slice are not written.
    unsafe { _mm512_mask_storeu_epi32(to.as_mut_ptr().cast(), lanes(to.len()), words) }
}

/// Numbers behind the last image that [`Lines`] may overwrite.
pub(super) const SLACK: usize = 2 * LANES;

/// How the planes of an image lie on lines, each channel by itself.
#[derive(Clone, Debug)]
pub(super) struct Lines {
    /// Elements of a plane.
    volume: usize,
    /// Zeros before its first row.
    head: usize,
    /// Where each row begins in the plane and on the line, its elements, and these with the zeros behind them.
    rows: Vec<(usize, usize, usize, usize)>,
    /// Numbers of a line.
    pub(super) len: usize,
}

impl Lines {
    /// Images on lines of `len` numbers.
    pub(super) fn new(line: &Line, len: usize) -> Self {
        let mut found = Vec::new();
        rows(line, |from, at, count| found.push((from, at, count, line.volume() - at)));
        for i in 1..found.len() {
            found[i - 1].3 = found[i].1 - found[i - 1].1;
        }
        Self { volume: line.from.iter().product(), head: found.first().map_or(0, |row| row.1), rows: found, len }
    }

    /// Splits the channels of one image: for each one a line of high and, if asked, one of low parts. The image begins at `start`; zeros follow it
    /// that the next one may overwrite.
    #[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
    pub(super) fn split(&self, image: &[f32], numbers: &mut [u16], start: usize, parts: usize) {
        for (plane, lines) in image.chunks_exact(self.volume).zip(numbers.chunks_exact_mut(parts * self.len)) {
            lines.chunks_exact_mut(self.len).for_each(|line| line[start..start + self.head].fill(0));
            for &(from, at, count, covered) in &self.rows {
                for i in (0..covered).step_by(SLACK) {
                    let n = SLACK.min(count.saturating_sub(i));
                    let parts = split_in_order(plane[(from + i).min(self.volume)..].get(..n).unwrap_or_default());
                    for (line, part) in lines.chunks_exact_mut(self.len).zip(parts) {
                        let to = &mut line[start + at + i..][..SLACK];
                        // SAFETY: so many numbers are written.
                        unsafe { _mm512_storeu_si512(to.as_mut_ptr().cast(), part) }
                    }
                }
            }
        }
    }

    /// Zeros from `start` to the ends of the lines.
    pub(super) fn finish(&self, numbers: &mut [u16], start: usize) {
        numbers.chunks_exact_mut(self.len).for_each(|line| line[start..].fill(0));
    }
}

/// High and low parts of at most two vectors, one number after the other.
#[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
#[inline]
fn split_in_order(values: &[f32]) -> [__m512i; 2] {
    let (first, second) = values.split_at(values.len().min(LANES));
    let (first, second) = (read(first), read(second));
    let high = in_order(first, second);
    let number = |half| _mm512_castsi512_ps(_mm512_slli_epi32::<16>(_mm512_cvtepu16_epi32(half)));
    let one = number(_mm512_castsi512_si256(high));
    let two = number(_mm512_extracti64x4_epi64::<1>(high));
    [high, in_order(_mm512_sub_ps(first, one), _mm512_sub_ps(second, two))]
}

/// The bits of the nearest numbers of 8 significant bits of two vectors, one after the other.
#[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
#[inline]
fn in_order(first: __m512, second: __m512) -> __m512i {
    // SAFETY: both are 512 bits.
    unsafe { std::mem::transmute(_mm512_cvtne2ps_pbh(second, first)) }
}

/// Rows become columns.
#[target_feature(enable = "avx512f")]
#[inline]
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

/// The columns of a tile of sums.
#[target_feature(enable = "avx512f")]
#[inline]
pub(super) fn columns(tile: &[f32; SUMS]) -> [__m512i; LANES] {
    let mut rows = [_mm512_setzero_si512(); LANES];
    for (vector, row) in rows.iter_mut().zip(tile.chunks_exact(LANES)) {
        *vector = _mm512_castps_si512(read(row));
    }
    transpose(rows)
}

/// Lines of channels, of `len` words each, turned into rows of positions: for each part a row of [`LANES`] words for each of the first `half` words, a channel at
/// two positions that follow each other.
#[target_feature(enable = "avx512f")]
pub(super) fn turn(lines: &[u32], len: usize, rows: &mut [u32], (half, parts): (usize, usize)) {
    for part in 0..parts {
        for start in (0..half).step_by(LANES) {
            let count = LANES.min(half - start);
            let mut vectors = [_mm512_setzero_si512(); LANES];
            for (vector, line) in vectors.iter_mut().zip(lines.chunks_exact(parts * len)) {
                *vector = words(&line[part * len + start..][..count]);
            }
            let columns = transpose(vectors);
            let rows = rows[(part * half + start) * LANES..].chunks_exact_mut(LANES);
            for (row, column) in rows.zip(&columns[..count]) {
                write(row, *column);
            }
        }
    }
}

/// Lines of channels, of `len` numbers each, cut into tiles from the number `first` on: for each step and each part a row for each channel.
pub(super) fn cut(lines: &[u16], len: usize, first: usize, tiles: &mut [u16], parts: usize) {
    for (step, tiles) in tiles.chunks_exact_mut(parts * ROWS * DEPTH).enumerate() {
        for (part, tile) in tiles.chunks_exact_mut(ROWS * DEPTH).enumerate() {
            for (channel, row) in tile.chunks_exact_mut(DEPTH).enumerate() {
                let line = (channel * parts + part) * len;
                row.copy_from_slice(&lines[line + first + step * DEPTH..][..DEPTH]);
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

    /// Overwrites `words` by all blocks: for each one and each step a tile of high and a tile of low parts.
    #[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
    pub(super) fn pack(&self, words: &mut [u32]) {
        for (block, words) in words.chunks_exact_mut(self.block()).enumerate() {
            for (group, words) in words.chunks_exact_mut(self.taps * self.step()).enumerate() {
                for pair in 0..self.depth / 2 {
                    let channel = group * self.depth + 2 * pair;
                    for (tap, tile) in words.chunks_exact_mut(self.step()).enumerate() {
                        let [one, two] = [channel, channel + 1].map(|c| self.gather(block * TILE, c, tap));
                        let parts = split_pairs(one, two);
                        for (tile, part) in tile.chunks_exact_mut(TILE_WORDS).zip(parts) {
                            write(&mut tile[pair * LANES..][..LANES], part);
                        }
                    }
                }
            }
        }
    }

    /// The weights of a channel that is read, for [`TILE`] channels written; zeros where there is no such channel.
    #[target_feature(enable = "avx512f")]
    fn gather(&self, written: usize, read: usize, tap: usize) -> __m512 {
        let zero = _mm512_setzero_ps();
        if read >= self.read.0 {
            return zero;
        }
        let count = TILE.min(self.written.0 - written);
        let from = &self.weights[written * self.written.1 + read * self.read.1 + tap..];
        assert!((count - 1) * self.written.1 < from.len());
        let every = _mm512_set1_epi32(self.written.1 as i32);
        let lanes_in_order = _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
        let places = _mm512_mullo_epi32(every, lanes_in_order);
        // SAFETY: the last lane that is read lies in the slice.
        unsafe { _mm512_mask_i32gather_ps::<4>(zero, lanes(count), places, from.as_ptr()) }
    }
}

/// Words of a tile.
pub(super) const TILE_WORDS: usize = BYTES / 4;

const _: () = assert!(DEPTH == 2 * LANES && TILE == LANES);
