//! The gradient of the weights: for each tap, products of the gradient of the output and the input, summed over positions.

use std::arch::x86_64::*;

use super::line::{Line, TILE, spread};
use super::lines::{Lines, SLACK, cut, turn};
use super::six::{Begin, OneBySix, SIX};
use super::split;
use super::unit::{DEPTH, ROW, ROWS, SUMS, TILE_WORDS, Unit};
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
pub(super) unsafe fn run(work: Weights<'_, '_, f32>, parts: usize) {
    let Weights { geometry: g, x, dy, dw, start, scratch } = work;
    let images = dy.len() / g.output_len();
    let layer = Layer::new(g, images, parts);
    let mut memory = Memory {
        x: scratch.take_aligned(layer.columns / TILE * layer.tile_x()),
        dy: scratch.take_aligned(layer.versions * layer.version()),
        x_lines: scratch.take_aligned(parts * TILE * layer.x.len / 2),
        dy_lines: scratch.take_aligned(parts * ROWS * layer.dy.len / 2),
        sums: scratch.take_aligned(layer.line.shifts.len() * layer.rows * layer.columns),
    };
    let parts = x.chunks(layer.group * g.input_len()).zip(dy.chunks(layer.group * g.output_len()));
    for (i, (x, dy)) in parts.enumerate() {
        layer.split_inputs(x, g.input_len(), &mut memory);
        layer.split_gradients(dy, g.output_len(), &mut memory);
        layer.products(dy.len() / g.output_len(), i == 0, &mut memory);
    }
    layer.collect(&memory.sums, dw, g, matches!(start, Start::Result));
    let Memory { x, dy, x_lines, dy_lines, sums } = memory;
    [x, dy, x_lines, dy_lines, sums].into_iter().for_each(|buffer| scratch.give_aligned(buffer));
}

/// What the steps hand to each other.
struct Memory {
    /// Inputs as second factors: tile of channels, part, pair of positions, channel.
    x: Aligned<f32>,
    /// Gradients of the output as first factors: from the first position on and from the one before it, each tile of channels, step, part, channel, position.
    dy: Aligned<f32>,
    /// Lines of a tile of input channels.
    x_lines: Aligned<f32>,
    /// Lines of a tile of output channels.
    dy_lines: Aligned<f32>,
    /// Gradients: tap, tile of output channels, tile of input channels.
    sums: Aligned<f32>,
}

/// A gradient of weights that is set up. The images of a group follow each other on the lines.
struct Layer {
    unit: Unit,
    /// Parts of each factor.
    parts: usize,
    /// The input.
    line: Line,
    /// How inputs lie on lines.
    x: Lines,
    /// How gradients of the output do, at the same places.
    dy: Lines,
    /// Elements of a plane of the output.
    plane: usize,
    /// Images of a group.
    group: usize,
    /// Numbers of a line of the input.
    positions: usize,
    /// Steps of a sum over a group of images.
    steps: usize,
    /// Versions of the gradient: taps at odd shifts read one that begins a position earlier.
    versions: usize,
    /// Output channels, with those that fill the last tile.
    rows: usize,
    /// Input channels, with those that fill the last tile.
    columns: usize,
    /// What is computed together, with the version of the gradient that it reads.
    sixes: Vec<(usize, [Shifted; SIX])>,
}

/// A tile of input channels, shifted by a tap.
#[derive(Clone, Copy, Debug)]
struct Shifted {
    column: usize,
    tap: usize,
}

/// The shifted tiles of `columns`, six at a time by the version of the gradient that they need. Where the last ones are fewer, one is computed several times.
fn sixes(line: &Line, columns: usize, versions: usize) -> Vec<(usize, [Shifted; SIX])> {
    let mut all = Vec::new();
    for version in 0..versions {
        let taps = || (0..line.shifts.len()).filter(|&tap| line.shifts[tap] % 2 == version);
        let shifted: Vec<Shifted> =
            (0..columns).flat_map(|column| taps().map(move |tap| Shifted { column, tap })).collect();
        let six = |some: &[Shifted]| std::array::from_fn(|i| some[i.min(some.len() - 1)]);
        all.extend(shifted.chunks(SIX).map(|some| (version, six(some))));
    }
    all
}

impl Layer {
    fn new(g: &Geometry, images: usize, parts: usize) -> Self {
        let line = Line::new(g, Side::Output);
        let outputs = Line { from: g.output, before: [0; 3], size: line.size, to: g.output, shifts: vec![] };
        let (rows, columns) = (g.out_channels.next_multiple_of(ROWS), g.in_channels.next_multiple_of(TILE));
        let group = (HELD / (line.volume() * (rows + columns))).clamp(1, images.max(1));
        let (more, steps) = ((group - 1) * line.volume(), steps(&line, group));
        let versions = 1 + usize::from(line.shifts.iter().any(|shift| shift % 2 == 1));
        let positions = (more + line.end()).max(line.reach() + steps * DEPTH).next_multiple_of(2);
        // Both hold all images; taps and steps reach further.
        let all = group * line.volume() + SLACK;
        let x = Lines::new(&line, spread(positions.max(all), DEPTH));
        let dy = Lines::new(&outputs, spread(MARGIN + all.max(steps * DEPTH), DEPTH));
        Self {
            unit: Unit::configured(DEPTH),
            parts,
            sixes: sixes(&line, columns / TILE, versions),
            line,
            x,
            dy,
            plane: g.output.iter().product(),
            group,
            positions,
            steps,
            versions,
            rows,
            columns,
        }
    }

    /// Inputs as second factors.
    #[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
    fn split_inputs(&self, x: &[f32], image: usize, memory: &mut Memory) {
        let tile = TILE * self.line.from.iter().product::<usize>();
        for (i, start) in (0..image).step_by(tile).enumerate() {
            let lines: &mut [u16] = bytemuck::cast_slice_mut(&mut memory.x_lines);
            for (j, x) in x.chunks_exact(image).enumerate() {
                let planes = &x[start..(start + tile).min(image)];
                self.x.split(planes, lines, j * self.line.volume(), self.parts);
            }
            self.x.finish(lines, x.len() / image * self.line.volume());
            let words: &mut [u32] = bytemuck::cast_slice_mut(&mut memory.x);
            let words = &mut words[i * self.tile_x()..][..self.tile_x()];
            turn(bytemuck::cast_slice(lines), self.x.len / 2, words, (self.positions / 2, self.parts));
        }
    }

    /// Gradients of the output as first factors.
    #[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
    fn split_gradients(&self, dy: &[f32], image: usize, memory: &mut Memory) {
        let tile = ROWS * self.plane;
        for (i, start) in (0..image).step_by(tile).enumerate() {
            let lines: &mut [u16] = bytemuck::cast_slice_mut(&mut memory.dy_lines);
            for (j, dy) in dy.chunks_exact(image).enumerate() {
                let planes = &dy[start..(start + tile).min(image)];
                self.dy.split(planes, lines, MARGIN + j * self.line.volume(), self.parts);
            }
            lines.chunks_exact_mut(self.dy.len).for_each(|line| line[..MARGIN].fill(0));
            self.dy.finish(lines, MARGIN + dy.len() / image * self.line.volume());
            for version in 0..self.versions {
                let tiles = &mut memory.dy[version * self.version() + i * self.tile()..][..self.tile()];
                let tiles = bytemuck::cast_slice_mut(tiles);
                cut(lines, self.dy.len, MARGIN - version, tiles, self.parts);
            }
        }
    }

    /// Words of a tile of input channels.
    fn tile_x(&self) -> usize {
        self.parts * TILE * self.positions / 2
    }

    /// Words of a tile of output channels.
    fn tile(&self) -> usize {
        self.steps * self.parts * TILE_WORDS
    }

    /// Words of a version of the gradient.
    fn version(&self) -> usize {
        self.rows / ROWS * self.tile()
    }

    /// Adds the gradients of some images to the sums, or begins them.
    fn products(&self, images: usize, fresh: bool, memory: &mut Memory) {
        let begin = if fresh { Begin::Zero } else { Begin::Tiles };
        for row in 0..self.rows / ROWS {
            for (version, six) in &self.sixes {
                self.six(row, (*version, six), (steps(&self.line, images), begin), memory);
            }
        }
    }

    /// A tile of output channels with six tiles of input channels, each shifted by a tap.
    fn six(
        &self,
        row: usize,
        (version, six): (usize, &[Shifted; SIX]),
        (steps, begin): (usize, Begin),
        memory: &mut Memory,
    ) {
        let place = |of: &Shifted| of.column * self.tile_x() + self.line.shifts[of.tap] / 2 * TILE;
        let factors = OneBySix {
            a: memory.dy[version * self.version() + row * self.tile()..].as_ptr().cast(),
            b: six.each_ref().map(|of| memory.x[place(of)..].as_ptr().cast()),
            b_low: 2 * self.positions * TILE,
            parts: self.parts,
        };
        let place = |of: &Shifted| (of.tap * self.rows / ROWS + row) * (self.columns / TILE) + of.column;
        let tiles = six.each_ref().map(|of| memory.sums[place(of) * SUMS..][..SUMS].as_mut_ptr());
        // SAFETY: tiles of the gradient hold all steps, lines of the input all steps behind the greatest shift. Equal tiles of sums have equal factors.
        unsafe { self.unit.multiply_six(&factors, steps, tiles, begin) };
    }

    /// The gradient of the weights in their own order, overwriting `dw` or added to it.
    #[target_feature(enable = "avx512f")]
    fn collect(&self, sums: &[f32], dw: &mut [f32], g: &Geometry, adds: bool) {
        let (taps, across) = (self.line.shifts.len(), self.columns / TILE);
        let tap_len = self.rows / ROWS * across;
        for (row, dw) in dw.chunks_exact_mut(g.reduction()).enumerate() {
            for (i, dw) in dw.chunks_mut(TILE * taps).enumerate() {
                for first in (0..taps).step_by(TILE) {
                    let mut vectors = [_mm512_setzero_si512(); TILE];
                    for (vector, tap) in vectors.iter_mut().zip(first..taps) {
                        let place = (tap * tap_len + row / ROWS * across + i) * SUMS + row % ROWS * TILE;
                        *vector = _mm512_castps_si512(split::read(&sums[place..][..TILE]));
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
