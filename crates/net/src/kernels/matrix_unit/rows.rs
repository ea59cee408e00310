//! Images as first factors: a row of channels at every position, and sums turned back into planes.

use std::arch::x86_64::*;
use std::ops::Range;

use super::line::Line;
use super::split::{LANES, prefetch, read, split_pairs, transpose, write};
use super::unit::SUMS;

/// Elements of a plane that are asked for before they are split: planes are too many and too short for the processor to foresee.
const AHEAD: usize = 4 * LANES;

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
        for row in line.rows() {
            places.extend(row.at..row.at + row.count);
            gaps.push(end..row.at);
            end = row.at + row.count;
        }
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
            prefetch(first, start + AHEAD);
            prefetch(second, start + AHEAD);
            let second = second.get(start..start + count).unwrap_or_default();
            let [high, low] = split_pairs(read(&first[start..][..count]), read(second));
            (parts[0][pair], parts[1][pair]) = (high, low);
        }
        parts
    }
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
