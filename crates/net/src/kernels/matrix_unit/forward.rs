//! The output and, with flipped filters, the gradient of the input.

use std::arch::x86_64::*;

use super::filters::Filters;
use super::line::{Line, Spot, TILE};
use super::rows::{Rows, columns};
use super::split;
use super::unit::{BYTES, DEPTH, Factors, ROW, ROWS, SUMS, Unit};
use crate::kernels::{Finish, Forward, Side, Taps};

/// Words of split images that are held at a time: they stay in the second-level cache while the filters pass.
const HELD: usize = 1 << 17;

/// Computes the reading.
///
/// # Safety
/// The processor must have AVX-512 with bfloat16, and the unit.
#[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
pub(super) unsafe fn run(work: Forward<'_, '_, f32>, parts: usize) {
    let Forward { geometry: g, side, from, taps: Taps { weights, .. }, bias, to, finish, scratch } = work;
    let line = Line::new(g, side);
    let taps = line.shifts.len();
    let (read, written) = match side {
        Side::Output => ((g.in_channels, taps), (g.out_channels, g.reduction())),
        Side::Input => ((g.out_channels, g.reduction()), (g.in_channels, taps)),
    };
    let depth = read.0.div_ceil(read.0.div_ceil(DEPTH)).next_multiple_of(2);
    let filters = Filters { weights, written, read, taps, depth, parts };
    let spots = line.spots();
    let rows = Rows::new(&line, depth, line.end().max(spots.len() * ROWS + line.reach()));
    let image = parts * filters.groups() * rows.len * rows.row;
    let read_len = read.0 * rows.volume;
    let group = (HELD / image).clamp(1, (from.len() / read_len).max(1));
    let mut split_images = scratch.take_aligned(group * image);
    bytemuck::cast_slice_mut(&mut split_images).chunks_exact_mut(image).for_each(|words| rows.clear(words));
    let mut packed = scratch.take_aligned(filters.blocks() * filters.block());
    filters.pack(bytemuck::cast_slice_mut(&mut packed));
    let steps = steps(&filters, &line, &rows);
    let plane = line.to.iter().product();
    let layer = Layer { unit: Unit::configured(depth), steps, spots, filters, bias, rows, plane, image };
    let written_len = written.0 * plane;
    let groups = from.chunks(group * read_len).zip(to.chunks_mut(group * written_len));
    for (i, (from, to)) in groups.enumerate() {
        let words: &mut [u32] = bytemuck::cast_slice_mut(&mut split_images);
        for (from, words) in from.chunks_exact(read_len).zip(words.chunks_exact_mut(image)) {
            layer.rows.split(from, words, parts);
        }
        let first = i * group * written_len;
        layer.products(&packed, &split_images, to, &|start, piece| finish(first + start, piece));
    }
    drop(layer);
    scratch.give_aligned(packed);
    scratch.give_aligned(split_images);
}

/// Bytes to the tiles of each step.
fn steps(filters: &Filters<'_>, line: &Line, rows: &Rows) -> Vec<[usize; 2]> {
    let step = |s: usize| {
        let (group, tap) = (s / filters.taps, s % filters.taps);
        [4 * (group * rows.len + line.shifts[tap]) * rows.row, 4 * filters.step() * s]
    };
    (0..filters.steps()).map(step).collect()
}

/// A forward reading that is set up.
struct Layer<'a> {
    unit: Unit,
    steps: Vec<[usize; 2]>,
    spots: Vec<Spot>,
    filters: Filters<'a>,
    bias: Option<&'a [f32]>,
    rows: Rows,
    /// Elements of a plane that is written.
    plane: usize,
    /// Words of a split image.
    image: usize,
}

impl Layer<'_> {
    /// The results of some images: two blocks of channels at all positions, then the next ones.
    #[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
    fn products(&self, packed: &[f32], images: &[f32], to: &mut [f32], finish: Finish<'_, f32>) {
        let mut results = Results::of(self, to);
        for block in (0..self.filters.blocks()).step_by(2) {
            for tile in (0..results.tiles).step_by(2) {
                self.four([tile, block], (images, packed), &mut results);
                if tile == 0 && block > 0 {
                    self.finish(block - 2, results.to, finish);
                }
            }
        }
        results.next(self, None);
        self.finish((self.filters.blocks() - 1) / 2 * 2, results.to, finish);
    }

    /// Hands out two blocks of channels that are written.
    fn finish(&self, block: usize, to: &mut [f32], finish: Finish<'_, f32>) {
        let written = self.filters.written.0;
        let piece = block * TILE * self.plane..((block + 2) * TILE).min(written) * self.plane;
        for (i, image) in to.chunks_exact_mut(written * self.plane).enumerate() {
            finish(i * written * self.plane + piece.start, &mut image[piece.clone()]);
        }
    }

    /// Two tiles of positions and two blocks of channels. Where there is only one, it is computed twice and written once.
    #[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
    fn four(
        &self,
        [tile, block]: [usize; 2],
        (images, filters): (&[f32], &[f32]),
        results: &mut Results<'_>,
    ) {
        let tiles = [tile, (tile + 1).min(results.tiles - 1)];
        let blocks = [block, (block + 1).min(self.filters.blocks() - 1)];
        let factors = Factors {
            a: tiles.map(|tile| {
                let (image, spot) = (tile / self.spots.len(), tile % self.spots.len());
                images[image * self.image + spot * ROWS * self.rows.row..].as_ptr().cast()
            }),
            b: blocks.map(|block| filters[block * self.filters.block()..].as_ptr().cast()),
            a_low: 2 * self.image,
            b_low: BYTES,
            a_row: 4 * self.rows.row,
            b_row: ROW,
            parts: self.filters.parts,
        };
        // SAFETY: the steps stay in the blocks of the filters, and in the rows of an image, which are as many as the last tile with the greatest
        // shift needs.
        unsafe {
            let sums = results.sums[results.turn].0.each_mut().map(|tile| tile.as_mut_ptr());
            self.unit.multiply(&factors, &self.steps, sums);
        }
        results.next(self, Some([tile, block]));
    }
}

/// What is written. The sums of four tiles are written while the unit works on the next four.
struct Results<'a> {
    to: &'a mut [f32],
    /// Tiles of positions.
    tiles: usize,
    /// Sums of two blocks of channels, each at two tiles of positions.
    sums: [Four; 2],
    /// Which of the sums are computed next.
    turn: usize,
    /// First tile of positions and first block of channels of the sums that wait to be written.
    waiting: Option<[usize; 2]>,
}

/// Four tiles of sums.
#[repr(align(64))]
struct Four([[f32; SUMS]; 4]);

impl<'a> Results<'a> {
    fn of(layer: &Layer<'_>, to: &'a mut [f32]) -> Self {
        let tiles = to.len() / (layer.filters.written.0 * layer.plane) * layer.spots.len();
        Self { to, tiles, sums: [Four([[0.0; SUMS]; 4]), Four([[0.0; SUMS]; 4])], turn: 0, waiting: None }
    }

    /// Writes the sums that wait; those at `place`, if any, are under way and wait now.
    #[target_feature(enable = "avx512f")]
    fn next(&mut self, layer: &Layer<'_>, place: Option<[usize; 2]>) {
        self.turn = 1 - self.turn;
        if let Some(before) = std::mem::replace(&mut self.waiting, place) {
            self.write(layer, before);
        }
    }

    #[target_feature(enable = "avx512f")]
    fn write(&mut self, layer: &Layer<'_>, [tile, block]: [usize; 2]) {
        let written = layer.filters.written.0;
        for (j, block) in (block..layer.filters.blocks()).take(2).enumerate() {
            for (i, tile) in (tile..self.tiles).take(2).enumerate() {
                let (image, spot) = (tile / layer.spots.len(), layer.spots[tile % layer.spots.len()]);
                let channels = block * TILE..((block + 1) * TILE).min(written);
                let columns = columns(&self.sums[self.turn].0[2 * j + i]);
                for (sums, channel) in columns.iter().zip(channels) {
                    let start = (image * written + channel) * layer.plane + spot.first;
                    let bias = _mm512_set1_ps(layer.bias.map_or(0.0, |bias| bias[channel]));
                    let sums = _mm512_add_ps(_mm512_castsi512_ps(*sums), bias);
                    write(sums, spot.mask, &mut self.to[start..]);
                }
            }
        }
    }
}

/// Writes the sums at the positions of the mask beside each other.
#[target_feature(enable = "avx512f")]
fn write(sums: __m512, mask: u16, to: &mut [f32]) {
    let count = mask.count_ones() as usize;
    let beside = if count == TILE { sums } else { _mm512_maskz_compress_ps(mask, sums) };
    split::store(&mut to[..count], beside);
}
