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
    split_images.fill(0.0);
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
    let chunks = filters.steps() / filters.taps;
    let step = |s: usize| {
        let (chunk, tap) = (s / filters.taps, s % filters.taps);
        [4 * STEP * s, 4 * (chunk * filters.depth / 2 * len + line.shifts[tap])]
    };
    (0..chunks * filters.taps).map(step).collect()
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
    /// Tiles of positions of some images.
    fn tiles(&self, to: &[f32]) -> usize {
        to.len() / (self.filters.written.0 * self.line.to.iter().product::<usize>()) * self.spots.len()
    }

    /// The results of some images: all channels at one place, then at the next.
    #[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
    fn images_first(&self, packed: &[f32], images: &[f32], to: &mut [f32]) {
        let (tiles, mut sums) = (self.tiles(to), Sums::zero());
        for column in (0..tiles).step_by(2) {
            for row in (0..self.filters.blocks()).step_by(2) {
                let filters = &packed[row * self.filters.block()..];
                self.four([row, column], tiles, (filters, images), &mut sums, to);
            }
        }
    }

    /// The results of some images: some channels at all places, then the next ones, whose filters are split when it is their turn.
    #[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
    fn channels_first(&self, packed: &mut [f32], images: &[f32], to: &mut [f32]) {
        let (tiles, mut sums) = (self.tiles(to), Sums::zero());
        for row in (0..self.filters.blocks()).step_by(2) {
            let blocks = row..(row + 2).min(self.filters.blocks());
            self.filters.pack(blocks, bytemuck::cast_slice_mut(packed));
            for column in (0..tiles).step_by(2) {
                self.four([row, column], tiles, (packed, images), &mut sums, to);
            }
        }
    }

    /// Two blocks of channels, whose filters are given, at two tiles of positions. Where there is only one, it is computed twice and written once.
    #[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
    fn four(
        &self,
        [row, column]: [usize; 2],
        tiles: usize,
        (filters, images): (&[f32], &[f32]),
        sums: &mut Sums,
        to: &mut [f32],
    ) {
        let rows = [row, (row + 1).min(self.filters.blocks() - 1)];
        let columns = [column, (column + 1).min(tiles - 1)];
        let place = |tile: usize| (tile / self.spots.len(), tile % self.spots.len());
        let factors = Factors {
            a: rows.map(|block| filters[(block - row) * self.filters.block()..].as_ptr().cast()),
            b: columns.map(|tile| {
                let (image, spot) = place(tile);
                images[image * self.image + spot * TILE..].as_ptr().cast()
            }),
            a_low: BYTES,
            b_low: 2 * self.image,
            a_row: ROW,
            b_row: 4 * self.len,
        };
        // SAFETY: the steps stay in the blocks of the filters, and on the lines of an image, which are as long as the last tile with the greatest
        // shift needs.
        unsafe { self.unit.multiply(&factors, &self.steps, sums) };
        let plane: usize = self.line.to.iter().product();
        for (j, &tile) in columns.iter().enumerate().take(1 + usize::from(columns[1] != columns[0])) {
            let (image, spot) = place(tile);
            let spot = self.spots[spot];
            for (i, &block) in rows.iter().enumerate().take(1 + usize::from(rows[1] != rows[0])) {
                let channels = (block * ROWS..(block + 1) * ROWS).take_while(|&c| c < self.filters.written.0);
                for (sums, channel) in sums.0[j][i].iter().zip(channels) {
                    let start = (image * self.filters.written.0 + channel) * plane + spot.first;
                    let bias = self.bias.map_or(0.0, |bias| bias[channel]);
                    write(sums, bias, spot.mask, &mut to[start..]);
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
