//! From images to transformed tiles and back, vectors of channels at a time.

use std::marker::PhantomData;
use std::ops::Range;

use pulp::NullaryFnOnce;

use super::layout::{Grid, Panels, Stack};
use super::minimal::{Map, elements};
use crate::kernels::simd::{Vectors, columns, group_order, read_some};
use crate::kernels::team::Common;
use crate::kernels::tile::VECTORS;
use crate::tensor::Element;

/// Planes that are cut into tiles, as far apart as those of the result.
#[derive(Clone, Copy)]
pub(super) struct Source<'a, T> {
    /// `images x channels x size`.
    pub(super) planes: &'a [T],
    pub(super) panels: Panels,
    pub(super) size: [usize; 2],
    /// Zeros before the plane.
    pub(super) pad: [usize; 2],
    pub(super) grid: Grid,
}

impl<T: Element> Source<'_, T> {
    /// Columns of a strip of tiles of so many columns.
    fn columns(&self, tile: usize) -> usize {
        (self.grid.columns - 1) * self.grid.shape.outputs[1] + tile
    }

    /// How many of `units` strips to transform to tiles of so many products at a time, so that they have no more than about `held`
    /// elements: groups of equal size, which do not depend on the instruction set.
    pub(super) fn group(&self, units: usize, products: [usize; 2], held: usize) -> usize {
        let most = (held / (elements(products) * self.grid.columns * self.panels.channels)).max(1);
        units.div_ceil(units.div_ceil(most).max(1)).max(1)
    }

    /// Elements of a strip of such tiles, [`VECTORS`] vectors of channels wide, and of four vectors.
    pub(super) fn strip_len<S: Vectors<T>>(&self, tile: [usize; 2]) -> usize {
        (tile[0] * self.columns(tile[1]) * VECTORS + 4) * S::LANES
    }

    /// Copies some channels of strip `unit`, counted over all images, to `rows x columns x channels` for tiles of so many rows and columns. Channels that
    /// fill up the last vector are arbitrary: nothing reads what comes of them.
    #[inline(always)]
    fn strip<S: Vectors<T>>(
        &self,
        simd: S,
        (unit, tile, channels): (usize, [usize; 2], Range<usize>),
        (groups, order): (&mut [T], &[usize]),
        strip: &mut [T],
    ) {
        let (columns, wide) = (self.columns(tile[1]), channels.len());
        let [height, width] = self.size;
        let (image, [top, left]) = self.grid.place(unit);
        let strip = &mut strip[..tile[0] * columns * wide];
        strip.fill(T::zero());
        // Where the strip begins in the plane, and what of it lies before.
        let (start, before) = (left.saturating_sub(self.pad[1]), self.pad[1].saturating_sub(left));
        let count = width.saturating_sub(start).min(columns.saturating_sub(before));
        if count == 0 {
            return;
        }
        for row in 0..tile[0] {
            let Some(y) = (top + row).checked_sub(self.pad[0]).filter(|&y| y < height) else { continue };
            let at = ((image * self.panels.channels + channels.start) * height + y) * width + start;
            let place = (channels.clone(), count);
            let (from, target) = (&self.planes[at..], &mut strip[(row * columns + before) * wide..]);
            match count {
                1 => self.row::<S, 1>(simd, (from, place), (groups, order), target),
                2 => self.row::<S, 2>(simd, (from, place), (groups, order), target),
                3 => self.row::<S, 3>(simd, (from, place), (groups, order), target),
                _ => self.row::<S, 4>(simd, (from, place), (groups, order), target),
            }
        }
    }

    /// Copies `count` elements of a row of some channels, `W` at a time; `from` begins with those of the first channel.
    #[inline(always)]
    fn row<S: Vectors<T>, const W: usize>(
        &self,
        simd: S,
        (from, (channels, count)): (&[T], (Range<usize>, usize)),
        (groups, order): (&mut [T], &[usize]),
        target: &mut [T],
    ) {
        let (plane, wide) = (self.size[0] * self.size[1], channels.len());
        let exist = channels.end.min(self.panels.channels) - channels.start;
        for lane in (0..wide).step_by(S::LANES) {
            for start in pieces::<W>(count) {
                let places = (&from[lane * plane + start..], plane, exist - lane);
                let vectors = columns::<T, S, W>(simd, places, (&mut *groups, order));
                for j in 0..W {
                    simd.write(&mut target[(start + j) * wide + lane..], vectors[j]);
                }
            }
        }
    }
}

/// Where a row of at least `W` elements is read, `W` at a time; the last of these may overlap those before.
#[inline(always)]
pub(super) fn pieces<const W: usize>(width: usize) -> impl Iterator<Item = usize> {
    (0..width.div_ceil(W)).map(move |i| (W * i).min(width - W))
}

/// Transforms the tiles of some strips: a stack for each panel.
pub(super) struct Scatter<'a, 'b, T, S, X> {
    pub(super) simd: S,
    pub(super) source: &'b Source<'a, T>,
    pub(super) map: PhantomData<X>,
    /// Strips, counted over all images.
    pub(super) units: Range<usize>,
    /// Room for [`Source::strip_len`] elements.
    pub(super) strip: &'b mut [T],
    /// Elements from one panel's stack to the next.
    pub(super) distance: usize,
    pub(super) stacks: &'b mut [T],
}

impl<T: Element, S: Vectors<T>, X: Map<T, S>> NullaryFnOnce for Scatter<'_, '_, T, S, X> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { simd, source, map: _, units, strip, distance, stacks } = self;
        let grid = source.grid;
        let (columns, tiles) = (source.columns(X::FROM[1]), units.len() * grid.columns);
        let (groups, strip) = strip.split_at_mut(4 * S::LANES);
        let order = &group_order(simd, groups)[..S::LANES];
        for (at, unit) in units.enumerate() {
            for panel in 0..source.panels.count {
                let range = source.panels.range(panel);
                let stride = Stack { rows: tiles, width: range.len(), lanes: S::LANES }.stride();
                // A few vectors at a time, so that their strip stays in the first-level cache.
                for first in range.clone().step_by(VECTORS * S::LANES) {
                    let channels = first..(first + VECTORS * S::LANES).min(range.end);
                    source.strip(simd, (unit, X::FROM, channels.clone()), (groups, order), strip);
                    for tile in 0..grid.columns {
                        let from = tile * grid.shape.outputs[1] * channels.len();
                        let to = (at * grid.columns + tile) * range.len() + first - range.start;
                        for lane in (0..channels.len()).step_by(S::LANES) {
                            X::tile(
                                simd,
                                (&strip[from + lane..], [columns * channels.len(), channels.len()]),
                                (&mut stacks[panel * distance + to + lane..], [X::TO[1] * stride, stride]),
                            );
                        }
                    }
                }
            }
        }
    }
}

/// Transforms a stack of products back to tiles and writes the channels of one panel.
pub(super) struct Gather<'a, T, S, X> {
    pub(super) simd: S,
    pub(super) map: PhantomData<X>,
    pub(super) panels: Panels,
    pub(super) panel: usize,
    pub(super) grid: Grid,
    pub(super) units: Range<usize>,
    pub(super) stack: &'a [T],
    /// Added to each channel.
    pub(super) bias: Option<&'a [T]>,
    /// Room for a strip of one panel and four vectors.
    pub(super) strip: &'a mut [T],
    /// `images x channels x size`.
    pub(super) planes: Common<'a, T>,
    pub(super) size: [usize; 2],
}

impl<T: Element, S: Vectors<T>, X: Map<T, S>> NullaryFnOnce for Gather<'_, T, S, X> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let (simd, range, tiles) = (self.simd, self.panels.range(self.panel), self.grid.columns);
        let (width, [rows, columns]) = (range.len(), [X::TO[0], tiles * X::TO[1]]);
        let stride = Stack { rows: self.units.len() * tiles, width, lanes: S::LANES }.stride();
        let (groups, strip) = self.strip.split_at_mut(4 * S::LANES);
        let order = &group_order(simd, groups)[..S::LANES];
        for (at, unit) in self.units.clone().enumerate() {
            for tile in 0..tiles {
                let from = (at * tiles + tile) * width;
                for lane in (0..width).step_by(S::LANES) {
                    X::tile(
                        simd,
                        (&self.stack[from + lane..], [X::FROM[1] * stride, stride]),
                        (&mut strip[tile * X::TO[1] * width + lane..], [columns * width, width]),
                    );
                }
            }
            let plane = Planes {
                channels: self.panels.channels,
                size: self.size,
                bias: self.bias,
                planes: self.planes,
            };
            let (image, [top, left]) = self.grid.place(unit);
            let count = columns.min(self.size[1] - left);
            for row in 0..rows.min(self.size[0] - top) {
                let from = &strip[row * columns * width..];
                let channels = self.panels.existing(self.panel);
                let (place, groups) = ((image, channels, [top + row, left]), (&mut *groups, order));
                match count {
                    1 => plane.row::<S, 1>(simd, (place, count), (from, width), groups),
                    2 => plane.row::<S, 2>(simd, (place, count), (from, width), groups),
                    3 => plane.row::<S, 3>(simd, (place, count), (from, width), groups),
                    _ => plane.row::<S, 4>(simd, (place, count), (from, width), groups),
                }
            }
        }
    }
}

/// The planes that are written.
struct Planes<'a, T> {
    channels: usize,
    size: [usize; 2],
    bias: Option<&'a [T]>,
    planes: Common<'a, T>,
}

/// An image, some of its channels, a row and a column.
type Place = (usize, Range<usize>, [usize; 2]);

impl<T: Element> Planes<'_, T> {
    /// Copies a row of `count x width` channels into the planes, `W` columns at a time.
    #[inline(always)]
    fn row<S: Vectors<T>, const W: usize>(
        &self,
        simd: S,
        ((image, channels, [y, left]), count): (Place, usize),
        (from, width): (&[T], usize),
        (groups, order): (&mut [T], &[usize]),
    ) {
        let [height, columns] = self.size;
        for lane in (0..channels.len()).step_by(S::LANES) {
            for start in pieces::<W>(count) {
                let vectors = read_some::<T, S, W>(simd, &from[start * width + lane..], width);
                let at =
                    ((image * self.channels + channels.start + lane) * height + y) * columns + left + start;
                if W == 4 && self.whole(simd, at, channels.start + lane..channels.end, vectors) {
                    continue;
                }
                let vectors = simd.group(vectors);
                for j in 0..4 {
                    simd.write(&mut groups[j * S::LANES..], vectors[j]);
                }
                for (i, (channel, &group)) in (channels.start + lane..channels.end).zip(order).enumerate() {
                    let bias = self.bias.map_or(T::zero(), |bias| bias[channel]);
                    let at = at + i * height * columns;
                    // SAFETY: an output belongs to one strip and one panel, which one thread computes, and is written once at a time.
                    let to = unsafe { self.planes.part(at..at + W) };
                    to.iter_mut().zip(&groups[group * 4..][..W]).for_each(|(t, &s)| *t = s + bias);
                }
            }
        }
    }

    /// Copies four columns of the first channels, from `at` on, where there are as many as lanes and registers do for it.
    #[inline(always)]
    fn whole<S: Vectors<T>>(
        &self,
        simd: S,
        at: usize,
        channels: Range<usize>,
        mut vectors: [S::V; 4],
    ) -> bool {
        if channels.len() < S::LANES {
            return false;
        }
        // Zero where there is none, as below: a sum of 0 and -0 is 0.
        let bias = match self.bias {
            Some(bias) => simd.read(&bias[channels.start..]),
            None => simd.splat(T::zero()),
        };
        let one = simd.splat(T::one());
        for vector in &mut vectors {
            *vector = simd.fma(*vector, one, bias);
        }
        let plane = self.size[0] * self.size[1];
        let to = self.planes.place(at, (S::LANES - 1) * plane + 4);
        // SAFETY: an output belongs to one strip and one panel, which one thread computes, and is written once at a time.
        unsafe { simd.put_columns(to, plane, vectors) }
    }
}
