//! The gradient of the weights: products of the transformed inputs and the transformed gradient of the outputs, summed over tiles,
//! are the gradient of the transformed filters.

use std::marker::PhantomData;
use std::ops::Range;

use super::filter::{Collect, Gradients, groups_room};
use super::layout::{Grid, Panels, Stack};
use super::minimal::{Algorithm, elements};
use super::plane;
use super::tiles::{Scatter, Source};
use crate::kernels::Start;
use crate::kernels::reading::Weights;
use crate::kernels::simd::Vectors;
use crate::kernels::team::{self, Common};
use crate::kernels::tile::{Block, Steps, VECTORS, vectors};
use crate::op::Scratch;
use crate::scratch::Aligned;
use crate::tensor::Element;

/// Elements of transformed tiles, of inputs or of outputs, that are held at a time.
const HELD: usize = 1 << 18;

impl<T: Element> Weights<'_, '_, T> {
    pub(super) fn run<S: Vectors<T>, A: Algorithm<T, S>>(self, simd: S) {
        let (g, products) = (self.geometry, A::SHAPE.products());
        let grid = Grid::over(plane(g.output), A::SHAPE);
        let [reads, writes] = [(g.in_channels, vectors::<T, S>()), (g.out_channels, VECTORS)]
            .map(|(channels, most)| Panels::new(channels, S::LANES, most));
        let (size, pad) = (plane(g.input), plane(g.pad));
        let x = Source { planes: self.x, panels: reads, size, pad, grid };
        let dy = Source { planes: self.dy, panels: writes, size: plane(g.output), pad: [0; 2], grid };
        let units = self.dy.len() / g.output_len() * grid.strips();
        let group = x.group(units, products, HELD).min(dy.group(units, products, HELD));
        let work = elements(products) * g.in_channels * g.out_channels * units * grid.columns;
        let pairs = reads.count * writes.count;
        let (taps, start) = (Common::new(&mut *self.dw), self.start);
        // Threads share pairs of panels; each transforms the tiles for itself, which takes a fraction of the products.
        let members = team::members(self.scratch, work, pairs);
        team::side_by_side(members, self.scratch, |member, scratch| {
            let pairs = team::share(member, members, pairs);
            let mut memory = Memory::take::<S, A>([&x, &dy], group, scratch);
            for first in (0..units).step_by(group) {
                let fresh = first == 0 && !matches!(start, Start::Result);
                let gradients = Gradients { taps, written: g.reduction(), fresh };
                let units = first..(first + group).min(units);
                let sum = Sum { simd, x, dy, units, pairs: pairs.clone() };
                sum.run::<A>(gradients, &mut memory);
            }
            memory.give(scratch);
        });
    }
}

/// The sum over some strips.
struct Sum<'a, T, S> {
    simd: S,
    x: Source<'a, T>,
    dy: Source<'a, T>,
    units: Range<usize>,
    /// Pairs of a panel of channels written and one of channels read.
    pairs: Range<usize>,
}

/// What the steps hand to each other.
struct Memory<T> {
    /// Transformed inputs and gradients of outputs, a stack for each panel of channels.
    tiles: [Aligned<T>; 2],
    /// Elements of such stacks.
    tiles_len: [usize; 2],
    /// Gradient of the transformed filters of one pair of panels.
    filters: Aligned<T>,
    strip: Aligned<T>,
    room: Aligned<T>,
    steps: Steps,
}

impl<T: Element> Memory<T> {
    fn take<S: Vectors<T>, A: Algorithm<T, S>>(
        sources: [&Source<'_, T>; 2],
        units: usize,
        scratch: &mut Scratch<T>,
    ) -> Self {
        let products = A::SHAPE.products();
        let (rows, lanes) = (units * sources[0].grid.columns, S::LANES);
        let tiles_len = sources.map(|s| Stack { rows, width: s.panels.widest(), lanes }.len(products));
        let [read, written] = sources.map(|s| s.panels.widest());
        let strip = sources[0].strip_len::<S>(products).max(sources[1].strip_len::<S>(A::SHAPE.outputs));
        Self {
            tiles: [0, 1].map(|i| scratch.take_aligned(sources[i].panels.count * tiles_len[i])),
            tiles_len,
            filters: scratch.take_aligned(Stack { rows: written, width: read, lanes }.len(products)),
            strip: scratch.take_aligned(strip),
            room: scratch.take_aligned(groups_room::<S, T>(elements(A::SHAPE.taps))),
            steps: Steps::default(),
        }
    }

    fn give(self, scratch: &mut Scratch<T>) {
        let Self { tiles: [x, dy], filters, strip, room, .. } = self;
        [x, dy, filters, strip, room].into_iter().for_each(|buffer| scratch.give_aligned(buffer));
    }
}

impl<T: Element, S: Vectors<T>> Sum<'_, T, S> {
    fn run<A: Algorithm<T, S>>(self, gradients: Gradients<'_, T>, memory: &mut Memory<T>) {
        let (simd, units) = (self.simd, self.units.clone());
        let [x, dy] = &mut memory.tiles;
        let map = PhantomData::<A::Input>;
        let (source, strip, distance) = (&self.x, &mut *memory.strip, memory.tiles_len[0]);
        simd.vectorize(Scatter { simd, map, source, units: units.clone(), strip, stacks: x, distance });
        let map = PhantomData::<A::OutputGradient>;
        let (source, strip, distance) = (&self.dy, &mut *memory.strip, memory.tiles_len[1]);
        simd.vectorize(Scatter { simd, map, source, units, strip, stacks: dy, distance });
        for pair in self.pairs.clone() {
            let (written, read) = (pair / self.x.panels.count, pair % self.x.panels.count);
            self.products::<A>((read, written), memory);
            simd.vectorize(Collect {
                simd,
                map: PhantomData::<A::FilterGradient>,
                gradients,
                read: self.x.panels.existing(read),
                written: self.dy.panels.existing(written),
                width: self.x.panels.range(read).len(),
                room: &mut memory.room,
                stack: &memory.filters,
            });
        }
    }

    /// The gradient of the transformed filters of one pair of panels.
    fn products<A: Algorithm<T, S>>(&self, (read, written): (usize, usize), memory: &mut Memory<T>) {
        let (lanes, tiles) = (S::LANES, self.units.len() * self.x.grid.columns);
        let (width, across) = (self.x.panels.range(read).len(), self.dy.panels.range(written).len());
        let rows = self.dy.panels.existing(written).len();
        let [x, dy] = [width, across].map(|width| Stack { rows: tiles, width, lanes }.stride());
        let filters = Stack { rows, width, lanes }.stride();
        memory.steps.set(tiles, across);
        for product in 0..elements(A::SHAPE.products()) {
            let block = Block {
                a: &memory.tiles[1][written * memory.tiles_len[1] + product * dy..],
                a_row: 1,
                steps: &memory.steps,
                depth: tiles,
                panel: &memory.tiles[0][read * memory.tiles_len[0] + product * x..],
                c: &mut memory.filters[product * filters..],
                rows,
                width,
                fresh: true,
            };
            block.run(self.simd);
        }
    }
}
