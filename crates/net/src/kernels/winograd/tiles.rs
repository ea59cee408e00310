//! From images to transformed tiles and back, vectors of channels at a time.

use std::marker::PhantomData;
use std::ops::Range;

use pulp::NullaryFnOnce;

use super::layout::{Grid, Panels, Stack};
use super::minimal::{PRODUCTS, Transform, transform};
use crate::kernels::simd::Vectors;
use crate::tensor::Element;

/// Planes that are cut into tiles of `C x C`, `step` apart.
#[derive(Clone, Copy)]
pub(super) struct Source<'a, T> {
    /// `images x channels x size`.
    pub(super) planes: &'a [T],
    pub(super) panels: Panels,
    pub(super) size: [usize; 2],
    /// Zeros before the plane.
    pub(super) pad: [usize; 2],
    pub(super) step: usize,
    pub(super) grid: Grid,
}

impl<T: Element> Source<'_, T> {
    /// Columns of a strip for tiles of side `side`.
    fn columns(&self, side: usize) -> usize {
        (self.grid.columns - 1) * self.step + side
    }

    /// How many of `units` strips to transform at a time, so that they have no more than about `held` elements: groups of equal
    /// size.
    pub(super) fn group(&self, units: usize, held: usize) -> usize {
        let most = (held / (PRODUCTS * PRODUCTS * self.grid.columns * self.panels.padded())).max(1);
        units.div_ceil(units.div_ceil(most).max(1)).max(1)
    }

    /// Elements of a strip for tiles of side `side`.
    pub(super) fn strip_len(&self, side: usize) -> usize {
        side * self.columns(side) * self.panels.padded()
    }

    /// Copies strip `unit`, counted over all images, to `strip x columns x channels`.
    fn strip(&self, unit: usize, side: usize, strip: &mut [T]) {
        let (columns, padded) = (self.columns(side), self.panels.padded());
        let [height, width] = self.size;
        let image = unit / self.grid.rows * self.panels.channels * height * width;
        let top = unit % self.grid.rows * self.step;
        strip.fill(T::zero());
        let count = width.min(columns - self.pad[1]);
        for row in 0..side {
            let Some(y) = (top + row).checked_sub(self.pad[0]).filter(|&y| y < height) else { continue };
            let target = &mut strip[(row * columns + self.pad[1]) * padded..];
            for channel in 0..self.panels.channels {
                let from = &self.planes[image + (channel * height + y) * width..][..count];
                target[channel..].iter_mut().step_by(padded).zip(from).for_each(|(t, &s)| *t = s);
            }
        }
    }
}

/// Transforms the tiles of some strips: `matrix tile matrix^T`, a stack for each panel.
pub(super) struct Scatter<'a, 'b, T, S, X, const R: usize, const C: usize> {
    pub(super) simd: S,
    pub(super) source: &'b Source<'a, T>,
    pub(super) transform: PhantomData<X>,
    /// Strips, counted over all images.
    pub(super) units: Range<usize>,
    /// Room for a strip.
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
        for (at, unit) in units.enumerate() {
            source.strip(unit, C, strip);
            for panel in 0..source.panels.count {
                let range = source.panels.range(panel);
                let stack = Stack { rows: tiles, width: range.len(), lanes: S::LANES };
                let stacks = &mut stacks[panel * distance..];
                for tile in 0..source.grid.columns {
                    let to = (at * source.grid.columns + tile) * range.len();
                    for lane in range.clone().step_by(S::LANES) {
                        let from = &strip[tile * source.step * padded + lane..];
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
    /// Room for a strip of one panel.
    pub(super) strip: &'a mut [T],
    /// `images x channels x size`.
    pub(super) planes: &'a mut [T],
    pub(super) size: [usize; 2],
}

impl<T: Element, S: Vectors<T>, X: Transform<T, S, R, C>, const R: usize, const C: usize> NullaryFnOnce for Gather<'_, T, S, X, R, C> {
    type Output = ();

    #[inline(always)]
    fn call(mut self) {
        let (simd, range) = (self.simd, self.panels.range(self.panel));
        let width = range.len();
        let rows = self.units.len() * self.grid.columns;
        let stride = Stack { rows, width, lanes: S::LANES }.stride();
        for (at, unit) in self.units.clone().enumerate() {
            for tile in 0..self.grid.columns {
                let from = (at * self.grid.columns + tile) * width;
                for lane in (0..width).step_by(S::LANES) {
                    let to = &mut self.strip[tile * R * width + lane..];
                    transform::<T, S, X, R, C>(
                        simd,
                        (&self.stack[from + lane..], [C * stride, stride]),
                        (to, [self.grid.columns * R * width, width]),
                    );
                }
            }
            self.planes(unit);
        }
    }
}

impl<T: Element, S: Vectors<T>, X: Transform<T, S, R, C>, const R: usize, const C: usize> Gather<'_, T, S, X, R, C> {
    /// Copies the strip into the planes.
    #[inline(always)]
    fn planes(&mut self, unit: usize) {
        let [height, width] = self.size;
        let (range, columns) = (self.panels.range(self.panel), self.grid.columns * R);
        let top = unit % self.grid.rows * R;
        for channel in self.panels.existing(self.panel) {
            let plane = (unit / self.grid.rows * self.panels.channels + channel) * height;
            let bias = self.bias.map_or(T::zero(), |bias| bias[channel]);
            for row in 0..R.min(height - top) {
                let from = self.strip[row * columns * range.len() + channel - range.start..].iter();
                let to = &mut self.planes[(plane + top + row) * width..][..width];
                to.iter_mut().zip(from.step_by(range.len())).for_each(|(t, &s)| *t = s + bias);
            }
        }
    }
}
