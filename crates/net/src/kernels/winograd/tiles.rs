//! From images to transformed tiles and back, vectors of channels at a time.

use std::marker::PhantomData;
use std::ops::Range;

use pulp::NullaryFnOnce;

use super::layout::{Grid, Panels, Stack};
use super::minimal::{Transform, transform};
use crate::kernels::simd::{Vectors, group_order};
use crate::kernels::team::Common;
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
    /// Columns of a strip for tiles of side `side`.
    fn columns(&self, side: usize) -> usize {
        (self.grid.columns - 1) * self.grid.side + side
    }

    /// How many of `units` strips to transform to `side x side` products at a time, so that they have no more than about `held`
    /// elements: groups of equal size, which do not depend on the instruction set.
    pub(super) fn group(&self, units: usize, side: usize, held: usize) -> usize {
        let most = (held / (side * side * self.grid.columns * self.panels.channels)).max(1);
        units.div_ceil(units.div_ceil(most).max(1)).max(1)
    }

    /// Elements of a strip for tiles of side `side`, and of four vectors.
    pub(super) fn strip_len<S: Vectors<T>>(&self, side: usize) -> usize {
        side * self.columns(side) * self.panels.padded() + 4 * S::LANES
    }

    /// Copies strip `unit`, counted over all images, to `side x columns x channels`. Channels that fill up the last vector are
    /// arbitrary: nothing reads what comes of them.
    #[inline(always)]
    fn strip<S: Vectors<T>>(
        &self,
        simd: S,
        (unit, side): (usize, usize),
        (groups, order): (&mut [T], &[usize]),
        strip: &mut [T],
    ) {
        let (columns, padded) = (self.columns(side), self.panels.padded());
        let [height, width] = self.size;
        let image = unit / self.grid.rows * self.panels.channels * height * width;
        let top = unit % self.grid.rows * self.grid.side;
        strip.fill(T::zero());
        let count = width.min(columns - self.pad[1]);
        for row in 0..side {
            let Some(y) = (top + row).checked_sub(self.pad[0]).filter(|&y| y < height) else { continue };
            let target = &mut strip[(row * columns + self.pad[1]) * padded..];
            let from = &self.planes[image + y * width..];
            match count {
                3 => self.row::<S, 3>(simd, (from, count), (groups, order), target),
                _ => self.row::<S, 4>(simd, (from, count), (groups, order), target),
            }
        }
    }

    /// Copies `count` elements of a row of all channels, `W` at a time.
    #[inline(always)]
    fn row<S: Vectors<T>, const W: usize>(
        &self,
        simd: S,
        (from, count): (&[T], usize),
        (groups, order): (&mut [T], &[usize]),
        target: &mut [T],
    ) {
        let (plane, padded) = (self.size[0] * self.size[1], self.panels.padded());
        for lane in (0..padded).step_by(S::LANES) {
            let channels = lane..(lane + S::LANES).min(self.panels.channels);
            for start in pieces::<W>(count) {
                for (channel, &group) in channels.clone().zip(order) {
                    groups[group * 4..][..W].copy_from_slice(&from[channel * plane + start..][..W]);
                }
                let vectors = simd.ungroup(read_four(simd, groups, S::LANES));
                for j in 0..W {
                    simd.write(&mut target[(start + j) * padded + lane..], vectors[j]);
                }
            }
        }
    }
}

/// Where a row of at least `W` elements is read, `W` at a time; the last of these may overlap those before.
#[inline(always)]
fn pieces<const W: usize>(width: usize) -> impl Iterator<Item = usize> {
    (0..width.div_ceil(W)).map(move |i| (W * i).min(width - W))
}

/// Four vectors, `distance` apart.
#[inline(always)]
pub(super) fn read_four<T, S: Vectors<T>>(simd: S, from: &[T], distance: usize) -> [S::V; 4] {
    let mut vectors = [simd.read(from); 4];
    for j in 1..4 {
        vectors[j] = simd.read(&from[j * distance..]);
    }
    vectors
}

/// Transforms the tiles of some strips: `matrix tile matrix^T`, a stack for each panel.
pub(super) struct Scatter<'a, 'b, T, S, X, const R: usize, const C: usize> {
    pub(super) simd: S,
    pub(super) source: &'b Source<'a, T>,
    pub(super) transform: PhantomData<X>,
    /// Strips, counted over all images.
    pub(super) units: Range<usize>,
    /// Room for [`Source::strip_len`] elements.
    pub(super) strip: &'b mut [T],
    /// Elements from one panel's stack to the next.
    pub(super) distance: usize,
    pub(super) stacks: &'b mut [T],
}

impl<T: Element, S: Vectors<T>, X: Transform<T, S, R, C>, const R: usize, const C: usize> NullaryFnOnce
    for Scatter<'_, '_, T, S, X, R, C>
{
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { simd, source, transform: _, units, strip, distance, stacks } = self;
        let (columns, padded) = (source.columns(C), source.panels.padded());
        let tiles = units.len() * source.grid.columns;
        let (groups, strip) = strip.split_at_mut(4 * S::LANES);
        let order = &group_order(simd, groups)[..S::LANES];
        for (at, unit) in units.enumerate() {
            source.strip(simd, (unit, C), (groups, order), strip);
            for panel in 0..source.panels.count {
                let range = source.panels.range(panel);
                let stack = Stack { rows: tiles, width: range.len(), lanes: S::LANES };
                let stacks = &mut stacks[panel * distance..];
                for tile in 0..source.grid.columns {
                    let to = (at * source.grid.columns + tile) * range.len();
                    for lane in range.clone().step_by(S::LANES) {
                        let from = &strip[tile * source.grid.side * padded + lane..];
                        let to = to + lane - range.start;
                        transform::<T, S, X, R, C>(
                            simd,
                            (from, [columns * padded, padded]),
                            (&mut stacks[to..], [R * stack.stride(), stack.stride()]),
                        );
                    }
                }
            }
        }
    }
}

/// Transforms a stack of products back to tiles, `matrix tile matrix^T`, and writes the channels of one panel.
pub(super) struct Gather<'a, T, S, X, const R: usize, const C: usize> {
    pub(super) simd: S,
    pub(super) transform: PhantomData<X>,
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

impl<T: Element, S: Vectors<T>, X: Transform<T, S, R, C>, const R: usize, const C: usize> NullaryFnOnce
    for Gather<'_, T, S, X, R, C>
{
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let (simd, range) = (self.simd, self.panels.range(self.panel));
        let (width, columns) = (range.len(), self.grid.columns);
        let rows = self.units.len() * columns;
        let stride = Stack { rows, width, lanes: S::LANES }.stride();
        let (groups, strip) = self.strip.split_at_mut(4 * S::LANES);
        let order = &group_order(simd, groups)[..S::LANES];
        for (at, unit) in self.units.clone().enumerate() {
            for tile in 0..columns {
                let from = (at * columns + tile) * width;
                for lane in (0..width).step_by(S::LANES) {
                    transform::<T, S, X, R, C>(
                        simd,
                        (&self.stack[from + lane..], [C * stride, stride]),
                        (&mut strip[tile * R * width + lane..], [columns * R * width, width]),
                    );
                }
            }
            let plane = Planes {
                channels: self.panels.channels,
                size: self.size,
                bias: self.bias,
                planes: self.planes,
            };
            let (image, top) = (unit / self.grid.rows, unit % self.grid.rows * R);
            for row in 0..R.min(self.size[0] - top) {
                let from = &strip[row * columns * R * width..];
                let channels = self.panels.existing(self.panel);
                let (place, groups) = ((image, channels, top + row), (&mut *groups, order));
                match self.size[1] {
                    3 => plane.row::<S, 3>(simd, place, (from, width), groups),
                    _ => plane.row::<S, 4>(simd, place, (from, width), groups),
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

impl<T: Element> Planes<'_, T> {
    /// Copies a row of `columns x width` channels into the planes, `W` columns at a time.
    #[inline(always)]
    fn row<S: Vectors<T>, const W: usize>(
        &self,
        simd: S,
        (image, channels, y): (usize, Range<usize>, usize),
        (from, width): (&[T], usize),
        (groups, order): (&mut [T], &[usize]),
    ) {
        let [height, columns] = self.size;
        for lane in (0..channels.len()).step_by(S::LANES) {
            for start in pieces::<W>(columns) {
                let mut vectors = [simd.read(&from[start * width + lane..]); 4];
                for j in 1..W {
                    vectors[j] = simd.read(&from[(start + j) * width + lane..]);
                }
                let vectors = simd.group(vectors);
                for j in 0..4 {
                    simd.write(&mut groups[j * S::LANES..], vectors[j]);
                }
                for (channel, &group) in (channels.start + lane..channels.end).zip(order) {
                    let bias = self.bias.map_or(T::zero(), |bias| bias[channel]);
                    let at = ((image * self.channels + channel) * height + y) * columns + start;
                    // SAFETY: a row of a plane belongs to one strip and one panel, which one thread computes, and is written once at a time.
                    let to = unsafe { self.planes.part(at..at + W) };
                    to.iter_mut().zip(&groups[group * 4..][..W]).for_each(|(t, &s)| *t = s + bias);
                }
            }
        }
    }
}
