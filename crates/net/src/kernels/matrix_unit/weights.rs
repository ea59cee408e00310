//! The gradient of the weights: for each tap, products of the gradient of the output and the input, summed over positions.

use std::arch::x86_64::*;

use super::line::{Line, TILE, spread};
use super::split;
use super::unit::{DEPTH, Factors, ROW, ROWS, Sums, Unit};
use crate::kernels::conv::Geometry;
use crate::kernels::{Side, Start, Weights};
use crate::scratch::Aligned;

/// Words of split inputs and gradients that are held at a time.
const HELD: usize = 1 << 18;
/// Numbers before a line of the gradient, of which a tap at an odd shift reads one; a cache line, so that taps at even shifts read whole ones.
const MARGIN: usize = ROW / 2;

/// Computes the reading.
///
/// # Safety
/// The processor must have AVX-512 with bfloat16, and the unit.
#[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
pub(super) unsafe fn run(work: Weights<'_, '_, f32>) {
    let Weights { geometry: g, x, dy, dw, start, scratch } = work;
    let images = dy.len() / g.output_len();
    let layer = Layer::new(g, images);
    let mut memory = Memory {
        x: scratch.take_aligned(layer.positions * layer.columns),
        dy: scratch.take_aligned(layer.numbers * layer.rows),
        lines: scratch.take_aligned(TILE * layer.positions),
        sums: scratch.take_aligned(layer.line.shifts.len() * layer.rows * layer.columns),
    };
    // Places without an element are never written.
    [&mut memory.dy, &mut memory.lines].into_iter().for_each(|buffer| buffer.fill(0.0));
    let parts = x.chunks(layer.group * g.input_len()).zip(dy.chunks(layer.group * g.output_len()));
    for (i, (x, dy)) in parts.enumerate() {
        layer.split_inputs(x, g.input_len(), &mut memory);
        if i > 0 && dy.len() < layer.group * g.output_len() {
            // The last group is shorter than those before it.
            memory.dy.fill(0.0);
        }
        layer.split_gradients(dy, g.output_len(), &mut memory.dy);
        layer.products(dy.len() / g.output_len(), i == 0, &mut memory);
    }
    layer.collect(&memory.sums, dw, g, matches!(start, Start::Result));
    let Memory { x, dy, lines, sums } = memory;
    [x, dy, lines, sums].into_iter().for_each(|buffer| scratch.give_aligned(buffer));
}

/// What the steps hand to each other.
struct Memory {
    /// Inputs as second factors: part, pair of positions, channel.
    x: Aligned<f32>,
    /// Gradients of the output as first factors: channel, part, position.
    dy: Aligned<f32>,
    /// Lines of a tile of input channels.
    lines: Aligned<f32>,
    /// Gradients: tap, output channel, input channel.
    sums: Aligned<f32>,
}

/// A gradient of weights that is set up. The images of a group follow each other on the lines.
struct Layer {
    unit: Unit,
    /// The input.
    line: Line,
    /// The gradient of the output, at the same places.
    outputs: Line,
    /// Images of a group.
    group: usize,
    /// Numbers of a line of the input.
    positions: usize,
    /// Numbers of a line of the gradient.
    numbers: usize,
    /// Output channels, with those that fill the last tile.
    rows: usize,
    /// Input channels, with those that fill the last tile.
    columns: usize,
}

impl Layer {
    fn new(g: &Geometry, images: usize) -> Self {
        let line = Line::new(g, Side::Output);
        let outputs = Line { from: g.output, before: [0; 3], size: line.size, to: g.output, shifts: vec![] };
        let (rows, columns) = (g.out_channels.next_multiple_of(ROWS), g.in_channels.next_multiple_of(TILE));
        let group = (HELD / (line.volume() * (rows + columns))).clamp(1, images.max(1));
        let (more, steps) = ((group - 1) * line.volume(), steps(&line, group));
        let positions = (more + line.end()).max(line.reach() + steps * DEPTH).next_multiple_of(2);
        let numbers = spread(MARGIN + steps * DEPTH, DEPTH);
        Self { unit: Unit::configured(DEPTH), line, outputs, group, positions, numbers, rows, columns }
    }

    /// Inputs as second factors.
    #[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
    fn split_inputs(&self, x: &[f32], image: usize, memory: &mut Memory) {
        let tile = TILE * self.line.from.iter().product::<usize>();
        for (i, start) in (0..image).step_by(tile).enumerate() {
            let lines: &mut [u16] = bytemuck::cast_slice_mut(&mut memory.lines);
            for (j, x) in x.chunks_exact(image).enumerate() {
                let planes = &x[start..(start + tile).min(image)];
                split::lines(&self.line, planes, lines, (self.positions, j * self.line.volume()));
            }
            let (lines, words) = (bytemuck::cast_slice(lines), bytemuck::cast_slice_mut(&mut memory.x));
            split::turn(lines, self.positions, words, (self.columns, i * TILE));
        }
    }

    /// Gradients of the output as first factors.
    #[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
    fn split_gradients(&self, dy: &[f32], image: usize, words: &mut [f32]) {
        for (i, dy) in dy.chunks_exact(image).enumerate() {
            let place = (self.numbers, MARGIN + i * self.line.volume());
            split::lines(&self.outputs, dy, bytemuck::cast_slice_mut(words), place);
        }
    }

    /// Adds the gradients of some images to the sums, or begins them.
    #[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
    fn products(&self, images: usize, fresh: bool, memory: &mut Memory) {
        let step = |s: usize| [2 * DEPTH * s, 2 * DEPTH * s * self.columns];
        let steps: Vec<[usize; 2]> = (0..steps(&self.line, images)).map(step).collect();
        let mut sums = Sums::zero();
        for row in (0..self.rows).step_by(2 * ROWS) {
            for column in (0..self.columns).step_by(2 * TILE) {
                for tap in 0..self.line.shifts.len() {
                    let [rows, columns] = self.four([row, column], tap, &steps, memory, &mut sums);
                    for (j, &column) in columns.iter().enumerate().filter(|&(j, &c)| j == 0 || c > column) {
                        for (i, &row) in rows.iter().enumerate().filter(|&(i, &r)| i == 0 || r > row) {
                            let start = (tap * self.rows + row) * self.columns + column;
                            add(&sums.0[j][i], &mut memory.sums[start..], self.columns, fresh);
                        }
                    }
                }
            }
        }
    }

    /// The sums of two tiles of output channels and two of input channels, and the first channels of these tiles. Where there is only one tile, it is
    /// computed twice.
    fn four(
        &self,
        [row, column]: [usize; 2],
        tap: usize,
        steps: &[[usize; 2]],
        memory: &Memory,
        sums: &mut Sums,
    ) -> [[usize; 2]; 2] {
        let rows = [row, (row + ROWS).min(self.rows - ROWS)];
        let columns = [column, (column + TILE).min(self.columns - TILE)];
        let shift = self.line.shifts[tap];
        let dy: &[u16] = bytemuck::cast_slice(&memory.dy);
        let factors = Factors {
            a: rows.map(|row| dy[row * 2 * self.numbers + MARGIN - shift % 2..].as_ptr().cast()),
            b: columns.map(|column| memory.x[shift / 2 * self.columns + column..].as_ptr().cast()),
            a_low: 2 * self.numbers,
            b_low: 2 * self.positions * self.columns,
            a_row: 4 * self.numbers,
            b_row: 4 * self.columns,
        };
        // SAFETY: lines of the gradient hold the margin and all steps, those of the input all steps behind the greatest shift.
        unsafe { self.unit.multiply(&factors, steps, sums) };
        [rows, columns]
    }

    /// The gradient of the weights in their own order, overwriting `dw` or added to it.
    #[target_feature(enable = "avx512f")]
    fn collect(&self, sums: &[f32], dw: &mut [f32], g: &Geometry, adds: bool) {
        let (taps, tap_len) = (self.line.shifts.len(), self.rows * self.columns);
        for (row, dw) in dw.chunks_exact_mut(g.reduction()).enumerate() {
            for (i, dw) in dw.chunks_mut(TILE * taps).enumerate() {
                for first in (0..taps).step_by(TILE) {
                    let place = |tap: usize| tap * tap_len + row * self.columns + i * TILE;
                    let mut vectors = [_mm512_setzero_si512(); TILE];
                    for (vector, tap) in vectors.iter_mut().zip(first..taps) {
                        *vector = _mm512_castps_si512(split::read(&sums[place(tap)..][..TILE]));
                    }
                    let channels = split::transpose(vectors);
                    for (channel, dw) in channels.into_iter().zip(dw.chunks_exact_mut(taps)) {
                        let dw = &mut dw[first..(first + TILE).min(taps)];
                        let sum = _mm512_castsi512_ps(channel);
                        let sum = if adds { _mm512_add_ps(split::read(dw), sum) } else { sum };
                        split::store(dw, sum);
                    }
                }
            }
        }
    }
}

/// Steps of a sum over some images. A tap at an odd shift begins one position early.
fn steps(line: &Line, images: usize) -> usize {
    ((images - 1) * line.volume() + line.span() + 1).div_ceil(DEPTH)
}

/// Adds a tile to a matrix, or writes it there.
#[target_feature(enable = "avx512f")]
fn add(tile: &[[f32; 16]; ROWS], to: &mut [f32], stride: usize, fresh: bool) {
    for (row, to) in tile.iter().zip(to.chunks_mut(stride)) {
        let to = &mut to[..16];
        // SAFETY: both have sixteen elements.
        unsafe {
            let row = _mm512_loadu_ps(row.as_ptr());
            let sum = if fresh { row } else { _mm512_add_ps(_mm512_loadu_ps(to.as_ptr()), row) };
            _mm512_storeu_ps(to.as_mut_ptr(), sum);
        }
    }
}
