//! The output and, with flipped filters, the gradient of the input.

use std::arch::x86_64::*;

use super::line::{Line, Spot, TILE, spread};
use super::split::{self, Filters, STEP};
use super::unit::{BYTES, DEPTH, Factors, ROW, ROWS, Sums, Unit};
use crate::kernels::{Forward, Side};

/// Words of filters that stay in the second-level cache while images pass.
const STAYING: usize = 1 << 18;
/// Words of split images that are held at a time beside such filters.
const HELD: usize = 1 << 17;
/// The same where filters are more, so that the images pass once for each two blocks of them.
const PASSING: usize = 1 << 22;

/// Computes the reading.
///
/// # Safety
/// The processor must have AVX-512 with bfloat16, and the unit.
#[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
pub(super) unsafe fn run(work: Forward<'_, '_, f32>) {
    let Forward { geometry: g, side, from, weights, bias, to, scratch } = work;
    let line = Line::new(g, side);
    let taps = line.shifts.len();
    let (read, written) = match side {
        Side::Output => ((g.in_channels, taps), (g.out_channels, g.reduction())),
        Side::Input => ((g.out_channels, g.reduction()), (g.in_channels, taps)),
    };
    let depth = read.0.div_ceil(read.0.div_ceil(DEPTH)).next_multiple_of(2);
    let filters = Filters { weights, written, read, taps, depth };
    let spots = line.spots();
    let len = spread(line.end().max(spots.len() * TILE + line.reach()), TILE);
    let image = filters.steps() / taps * depth * len;
    let images = from.len() / (read.0 * line.from.iter().product::<usize>());
    let staying = filters.blocks() * filters.block() <= STAYING;
    let group = (if staying { HELD } else { PASSING } / image).clamp(1, images.max(1));
    let mut split_images = scratch.take_aligned(group * image);
    let mut packed = scratch.take_aligned(if staying { filters.blocks() } else { 2 } * filters.block());
    if staying {
        filters.pack(0..filters.blocks(), bytemuck::cast_slice_mut(&mut packed));
    }
    let layer = Layer {
        unit: Unit::configured(depth),
        steps: steps(&filters, &line, len),
        line,
        spots,
        filters,
        bias,
        len,
        image,
    };
    let read_len = read.0 * layer.line.from.iter().product::<usize>();
    let written_len = written.0 * layer.line.to.iter().product::<usize>();
    for (from, to) in from.chunks(group * read_len).zip(to.chunks_mut(group * written_len)) {
        let words: &mut [u32] = bytemuck::cast_slice_mut(&mut split_images);
        for (from, words) in from.chunks_exact(read_len).zip(words.chunks_exact_mut(image)) {
            split::pairs(&layer.line, from, words, len);
        }
        if staying {
            layer.images_first(&packed, &split_images, to);
        } else {
            layer.channels_first(&mut packed, &split_images, to);
        }
    }
    drop(layer);
    scratch.give_aligned(packed);
    scratch.give_aligned(split_images);
}

/// Bytes to the tiles of each step.
fn steps(filters: &Filters<'_>, line: &Line, len: usize) -> Vec<[usize; 2]> {
    let step = |s: usize| {
        let (chunk, tap) = (s / filters.taps, s % filters.taps);
        [4 * STEP * s, 4 * (chunk * filters.depth / 2 * len + line.shifts[tap])]
    };
    (0..filters.steps()).map(step).collect()
}

/// A forward reading that is set up.
struct Layer<'a> {
    unit: Unit,
    line: Line,
    spots: Vec<Spot>,
    steps: Vec<[usize; 2]>,
    filters: Filters<'a>,
    bias: Option<&'a [f32]>,
    /// Words of a line.
    len: usize,
    /// Words of a split image.
    image: usize,
}

impl Layer<'_> {
    /// The results of some images: all channels at one place, then at the next.
    #[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
    fn images_first(&self, packed: &[f32], images: &[f32], to: &mut [f32]) {
        let mut results = Results::of(self, to);
        for column in (0..results.tiles).step_by(2) {
            for row in (0..self.filters.blocks()).step_by(2) {
                self.four([row, column], (&packed[row * self.filters.block()..], images), &mut results);
            }
        }
        results.next(self, None);
    }

    /// The results of some images: some channels at all places, then the next ones, whose filters are split when it is their turn.
    #[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
    fn channels_first(&self, packed: &mut [f32], images: &[f32], to: &mut [f32]) {
        let mut results = Results::of(self, to);
        for row in (0..self.filters.blocks()).step_by(2) {
            let blocks = row..(row + 2).min(self.filters.blocks());
            self.filters.pack(blocks, bytemuck::cast_slice_mut(packed));
            for column in (0..results.tiles).step_by(2) {
                self.four([row, column], (packed, images), &mut results);
            }
        }
        results.next(self, None);
    }

    /// Two blocks of channels, whose filters are given, at two tiles of positions. Where there is only one, it is computed twice and written once.
    #[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
    fn four(
        &self,
        [row, column]: [usize; 2],
        (filters, images): (&[f32], &[f32]),
        results: &mut Results<'_>,
    ) {
        let rows = [row, (row + 1).min(self.filters.blocks() - 1)];
        let columns = [column, (column + 1).min(results.tiles - 1)];
        let factors = Factors {
            a: rows.map(|block| filters[(block - row) * self.filters.block()..].as_ptr().cast()),
            b: columns.map(|tile| {
                let (image, spot) = (tile / self.spots.len(), tile % self.spots.len());
                images[image * self.image + spot * TILE..].as_ptr().cast()
            }),
            a_low: BYTES,
            b_low: 2 * self.image,
            a_row: ROW,
            b_row: 4 * self.len,
        };
        // SAFETY: the steps stay in the blocks of the filters, and on the lines of an image, which are as long as the last tile with the greatest
        // shift needs.
        unsafe { self.unit.multiply(&factors, &self.steps, &mut results.sums[results.turn]) };
        results.next(self, Some([row, column]));
    }
}

/// What is written. The sums of four tiles are written while the unit works on the next four.
struct Results<'a> {
    to: &'a mut [f32],
    /// Tiles of positions.
    tiles: usize,
    sums: [Sums; 2],
    /// Which of the sums are computed next.
    turn: usize,
    /// First block of channels and first tile of the sums that wait to be written.
    waiting: Option<[usize; 2]>,
}

impl<'a> Results<'a> {
    fn of(layer: &Layer<'_>, to: &'a mut [f32]) -> Self {
        let image = layer.filters.written.0 * layer.line.to.iter().product::<usize>();
        let tiles = to.len() / image * layer.spots.len();
        Self { to, tiles, sums: [Sums::zero(), Sums::zero()], turn: 0, waiting: None }
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
    fn write(&mut self, layer: &Layer<'_>, [row, column]: [usize; 2]) {
        let (written, plane) = (layer.filters.written.0, layer.line.to.iter().product::<usize>());
        for (j, tile) in (column..self.tiles).take(2).enumerate() {
            let (image, spot) = (tile / layer.spots.len(), layer.spots[tile % layer.spots.len()]);
            for (i, block) in (row..layer.filters.blocks()).take(2).enumerate() {
                let channels = block * ROWS..((block + 1) * ROWS).min(written);
                for (sums, channel) in self.sums[self.turn].0[j][i].iter().zip(channels) {
                    let start = (image * written + channel) * plane + spot.first;
                    let bias = layer.bias.map_or(0.0, |bias| bias[channel]);
                    write(sums, bias, spot.mask, &mut self.to[start..]);
                }
            }
        }
    }
}

/// Writes the sums at the positions of the mask beside each other.
#[target_feature(enable = "avx512f")]
fn write(sums: &[f32; 16], bias: f32, mask: u16, to: &mut [f32]) {
    let count = mask.count_ones();
    assert!(to.len() >= count as usize);
    // SAFETY: so many elements are written, and all sums are read.
    unsafe {
        let sums = _mm512_add_ps(_mm512_loadu_ps(sums.as_ptr()), _mm512_set1_ps(bias));
        let beside = _mm512_maskz_compress_ps(mask, sums);
        _mm512_mask_storeu_ps(to.as_mut_ptr(), ((1u32 << count) - 1) as u16, beside);
    }
}
