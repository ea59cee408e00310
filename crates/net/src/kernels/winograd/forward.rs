//! The output and, with flipped filters, the gradient of the input.

use std::marker::PhantomData;
use std::ops::Range;

use super::filter::{COST, Filters, Pairs, room};
use super::layout::{Grid, Panels, Stack};
use super::minimal::{Algorithm, elements};
use super::plane;
use super::tiles::{Gather, Scatter, Source};
use crate::kernels::conv::Geometry;
use crate::kernels::reading::{Forward, Preparation, Prepared, Side};
use crate::kernels::simd::Vectors;
use crate::kernels::team::{self, Common};
use crate::kernels::tile::{Block, Steps, vectors};
use crate::op::Scratch;
use crate::scratch::Aligned;
use crate::tensor::Element;

/// Elements of transformed tiles that are held at a time.
const HELD: usize = 1 << 17;

impl<T: Element> Forward<'_, '_, T> {
    pub(super) fn run<S: Vectors<T>, A: Algorithm<T, S>>(self, simd: S) {
        let (g, [taps, products]) = (self.geometry, [A::SHAPE.taps, A::SHAPE.products()]);
        let (input, output) = ((g.in_channels, plane(g.input)), (g.out_channels, plane(g.output)));
        let ((read, from), (written, to), pad) = match self.side {
            Side::Output => (input, output, plane(g.pad)),
            Side::Input => (output, input, [0, 1].map(|axis| taps[axis] - 1 - plane(g.pad)[axis])),
        };
        let (filters, pairs) = filters::<T, S, A>((g, self.side), self.taps.weights);
        let (grid, writes) = (Grid::over(to, A::SHAPE), pairs.writes);
        let source = Source { planes: self.from, panels: pairs.reads, size: from, pad, grid };
        // A unit is a strip of one image.
        let units = self.to.len() / (written * to[0] * to[1]) * grid.strips();
        let work = elements(products) * read * written * units * grid.columns;
        // Threads share strips, or, where there are more filters than tiles, panels of channels.
        let deep = written > units * grid.columns;
        let known = self.taps.prepared.and_then(|prepared| prepared.filters(elements(products)));
        // Who computes panels of channels transforms their filters.
        let making = if deep && known.is_none() { elements(products) * read * written * COST } else { 0 };
        let members = team::members(self.scratch, work + making, if deep { writes.count } else { units });
        // What several groups of strips or several threads need is transformed once: the tiles, where these are fewer.
        let group = if deep && known.is_none() { units } else { source.group(units, products, HELD) };
        let several = known.is_none() && (group < units || (members > 1 && !deep));
        let kept = several.then(|| filters.transformed::<S, A::Filter>(simd, pairs, self.scratch));
        let (kept_stacks, planes) = (known.or(kept.as_deref()), Common::new(&mut *self.to));
        let layer = Layer::<T, S> {
            simd,
            source,
            pairs,
            filters,
            kept: kept_stacks,
            bias: self.bias,
            size: to,
            planes,
        };
        team::side_by_side(members, self.scratch, |member, scratch| {
            let (units, panels) = match deep {
                true => (0..units, team::share(member, members, writes.count)),
                false => (team::share(member, members, units), 0..writes.count),
            };
            let mut memory = Memory::take::<S, A>(&layer, group.min(units.len()), scratch);
            for first in units.clone().step_by(group) {
                layer.strips::<A>(first..(first + group).min(units.end), panels.clone(), &mut memory);
            }
            memory.give(scratch);
        });
        if let Some(kept) = kept {
            self.scratch.give_aligned(kept);
        }
        (self.finish)(0, self.to);
    }
}

impl<T: Element> Preparation<'_, '_, T> {
    pub(super) fn run<S: Vectors<T>, A: Algorithm<T, S>>(self, simd: S) -> Prepared<T> {
        let (filters, pairs) = filters::<T, S, A>((self.geometry, self.side), self.weights);
        let filters = filters.transformed::<S, A::Filter>(simd, pairs, self.scratch);
        Prepared::new(filters, elements(A::SHAPE.products()))
    }
}

/// The filters that one side of a convolution reads, and their panels.
fn filters<'a, T, S: Vectors<T>, A: Algorithm<T, S>>(
    (g, side): (&Geometry, Side),
    taps: &'a [T],
) -> (Filters<'a, T>, Pairs) {
    let [input, output] = [(g.in_channels, g.kernel_len()), (g.out_channels, g.reduction())];
    let (flipped, [read, written]) = match side {
        Side::Output => (false, [input, output]),
        Side::Input => (true, [output, input]),
    };
    let reads = Panels::new(read.0, S::LANES, A::SHAPE.depth());
    let pairs = Pairs::new(reads, Panels::new(written.0, S::LANES, vectors::<T, S>()), A::SHAPE.products());
    (Filters { taps, written: written.1, read: read.1, flipped }, pairs)
}

/// A forward reading that is set up.
struct Layer<'a, 'b, T, S> {
    simd: S,
    source: Source<'a, T>,
    pairs: Pairs,
    filters: Filters<'a, T>,
    /// Transformed filters of all pairs of panels, where there are any.
    kept: Option<&'b [T]>,
    bias: Option<&'a [T]>,
    size: [usize; 2],
    planes: Common<'b, T>,
}

/// What the steps hand to each other.
struct Memory<T> {
    /// Transformed tiles, a stack for each panel of channels read.
    tiles: Aligned<T>,
    /// Elements of such a stack.
    tiles_len: usize,
    /// Transformed filters of one pair of panels, where those of all pairs are not kept.
    filters: Aligned<T>,
    /// Products of one panel of channels written.
    products: Aligned<T>,
    strip: Aligned<T>,
    output: Aligned<T>,
    room: Aligned<T>,
    steps: Steps,
}

impl<T: Element> Memory<T> {
    fn take<S: Vectors<T>, A: Algorithm<T, S>>(
        layer: &Layer<'_, '_, T, S>,
        units: usize,
        scratch: &mut Scratch<T>,
    ) -> Self {
        let (source, products, outputs) = (&layer.source, A::SHAPE.products(), A::SHAPE.outputs);
        let (rows, lanes, columns) = (units * source.grid.columns, S::LANES, source.grid.columns);
        let (read, written) = (source.panels.widest(), layer.pairs.writes.widest());
        let tiles_len = Stack { rows, width: read, lanes }.len(products);
        let filters = if layer.kept.is_some() { 0 } else { layer.pairs.len() };
        let mut steps = Steps::default();
        steps.set(read, 1);
        Self {
            tiles: scratch.take_aligned(source.panels.count * tiles_len),
            tiles_len,
            filters: scratch.take_aligned(filters),
            products: scratch.take_aligned(Stack { rows, width: written, lanes }.len(products)),
            strip: scratch.take_aligned(source.strip_len::<S>(products)),
            output: scratch.take_aligned(elements(outputs) * columns * written + 4 * lanes),
            room: scratch.take_aligned(room::<S, T>(elements(A::SHAPE.taps))),
            steps,
        }
    }

    fn give(self, scratch: &mut Scratch<T>) {
        let Self { tiles, filters, products, strip, output, room, .. } = self;
        [tiles, filters, products, strip, output, room]
            .into_iter()
            .for_each(|buffer| scratch.give_aligned(buffer));
    }
}

impl<T: Element, S: Vectors<T>> Layer<'_, '_, T, S> {
    /// Some panels of the output of some strips.
    fn strips<A: Algorithm<T, S>>(&self, units: Range<usize>, panels: Range<usize>, memory: &mut Memory<T>) {
        let simd = self.simd;
        simd.vectorize(Scatter {
            simd,
            map: PhantomData::<A::Input>,
            source: &self.source,
            units: units.clone(),
            strip: &mut memory.strip,
            stacks: &mut memory.tiles,
            distance: memory.tiles_len,
        });
        for panel in panels {
            for part in 0..self.source.panels.count {
                self.products::<A>((part, panel), units.clone(), memory);
            }
            simd.vectorize(Gather {
                simd,
                map: PhantomData::<A::Output>,
                panels: self.pairs.writes,
                panel,
                grid: self.source.grid,
                units: units.clone(),
                stack: &memory.products,
                bias: self.bias,
                strip: &mut memory.output,
                planes: self.planes,
                size: self.size,
            });
        }
    }

    /// Adds the products of one panel of channels read to those of one panel of channels written.
    fn products<A: Algorithm<T, S>>(
        &self,
        (part, panel): (usize, usize),
        units: Range<usize>,
        memory: &mut Memory<T>,
    ) {
        let (simd, lanes, rows) = (self.simd, S::LANES, units.len() * self.source.grid.columns);
        let (read, width) = (self.source.panels.range(part).len(), self.pairs.writes.range(panel).len());
        let channels = self.source.panels.existing(part);
        let filters = Stack { rows: channels.len(), width, lanes };
        let stack = match self.kept {
            Some(kept) => &kept[self.pairs.place(part, panel)..],
            None => {
                let which = (self.pairs, part, panel);
                self.filters.pair::<S, A::Filter>(simd, which, &mut memory.room, &mut memory.filters);
                &*memory.filters
            }
        };
        let (tiles, products) = (Stack { rows, width: read, lanes }, Stack { rows, width, lanes });
        for product in 0..elements(A::SHAPE.products()) {
            let block = Block {
                a: &memory.tiles[part * memory.tiles_len + product * tiles.stride()..],
                a_row: read,
                steps: &memory.steps,
                depth: channels.len(),
                panel: &stack[product * filters.stride()..],
                c: &mut memory.products[product * products.stride()..],
                rows,
                width,
                fresh: part == 0,
            };
            block.run(simd);
        }
    }
}
