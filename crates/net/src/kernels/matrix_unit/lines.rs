//! Planes as split lines, and these as factors whose products are summed over positions.

use std::arch::x86_64::*;

use super::line::{Line, Row};
use super::split::{LANES, read_words, split_in_order, transpose, write};
use super::unit::{DEPTH, ROWS};

/// Numbers behind the last image that [`Lines`] may overwrite.
pub(super) const SLACK: usize = 2 * LANES;

/// How the planes of an image lie on lines, each channel by itself.
#[derive(Clone, Debug)]
pub(super) struct Lines {
    /// Elements of a plane.
    volume: usize,
    rows: Vec<Row>,
    /// Numbers of a line.
    pub(super) len: usize,
}

impl Lines {
    /// Images on lines of `len` numbers.
    pub(super) fn new(line: &Line, len: usize) -> Self {
        Self { volume: line.from.iter().product(), rows: line.rows(), len }
    }

    /// Splits the channels of one image: for each one a line of high and, if asked, one of low parts. The image begins at `start`; zeros follow it
    /// that the next one may overwrite.
    #[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
    pub(super) fn split(&self, image: &[f32], numbers: &mut [u16], start: usize, parts: usize) {
        for (plane, lines) in image.chunks_exact(self.volume).zip(numbers.chunks_exact_mut(parts * self.len))
        {
            let head = self.rows.first().map_or(0, |row| row.at);
            lines.chunks_exact_mut(self.len).for_each(|line| line[start..start + head].fill(0));
            for row in &self.rows {
                let elements = &plane[row.from..][..row.count];
                for i in (0..row.covered).step_by(SLACK) {
                    let parts = split_in_order(&elements[i.min(row.count)..(i + SLACK).min(row.count)]);
                    for (line, part) in lines.chunks_exact_mut(self.len).zip(parts) {
                        let to = &mut line[start + row.at + i..][..SLACK];
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

/// Lines of channels, of `len` words each, turned into rows of positions: for each part a row of [`LANES`] words for each of the first `half` words, a channel at
/// two positions that follow each other.
#[target_feature(enable = "avx512f")]
pub(super) fn turn(lines: &[u32], len: usize, rows: &mut [u32], (half, parts): (usize, usize)) {
    for part in 0..parts {
        for start in (0..half).step_by(LANES) {
            let count = LANES.min(half - start);
            let mut vectors = [_mm512_setzero_si512(); LANES];
            for (vector, line) in vectors.iter_mut().zip(lines.chunks_exact(parts * len)) {
                *vector = read_words(&line[part * len + start..][..count]);
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
            // Rows of a fixed size: a call of memcpy costs more than one of them.
            for (channel, row) in tile.as_chunks_mut::<DEPTH>().0.iter_mut().enumerate() {
                let line = (channel * parts + part) * len;
                if let Some(numbers) = lines[line + first + step * DEPTH..].first_chunk() {
                    *row = *numbers;
                }
            }
        }
    }
}
