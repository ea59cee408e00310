//! The driver of all matrix products: packs one factor into panels and walks tiles over the result.
//!
//! Convolutions are products whose factors are not stored as matrices but *gathered*: element `(k, j)` of the column
//! matrix of a padded image lies at `steps[k] + columns[j]`, for any stride and dilation. So one driver serves
//! forward pass, both gradients and plain products, and no column matrix exists in memory beyond a panel.

use std::ops::Range;

use pulp::NullaryFnOnce;

use super::simd::{Vectors, Work};
use super::team::{self, Common};
use super::tile::{ROWS, Tile, height, vectors};
use crate::op::Scratch;
use crate::tensor::Element;

/// Columns of the result that are evenly spaced in the second factor and in the result.
#[derive(Clone, Copy, Debug)]
pub struct Run {
    /// Offset of the first column in the second factor.
    pub b: usize,
    /// Offset of the first column in the result.
    pub c: usize,
    /// Number of columns.
    pub len: usize,
}

/// `c = start + a b`: every element of `c` is one chain of fused multiply-adds in the order of the steps.
#[derive(Clone, Copy, Debug)]
pub struct Product<'a, T> {
    /// First factor: element `(i, k)` lies at `i * a_row + a_steps[k]`.
    pub a: &'a [T],
    /// Rows of the first factor and of the result.
    pub rows: usize,
    /// Distance of two rows of the first factor.
    pub a_row: usize,
    /// Offsets of the reduction in the first factor.
    pub a_steps: &'a [usize],
    /// Second factor: element `(k, j)` lies at `b_steps[k]` + the offset of column `j`.
    pub b: &'a [T],
    /// Offsets of the reduction in the second factor, as many as `a_steps`.
    pub b_steps: &'a [usize],
    /// Distance of two columns of a run in the second factor.
    pub b_column: usize,
    /// The columns.
    pub runs: &'a [Run],
    /// Distance of two rows of the result.
    pub c_row: usize,
    /// Distance of two columns of a run in the result.
    pub c_column: usize,
    /// What the chains start from.
    pub start: Start<'a, T>,
}

/// What the chains of a [`Product`] start from.
#[derive(Clone, Copy, Debug)]
pub enum Start<'a, T> {
    /// Zero.
    Zero,
    /// A value for each row.
    Rows(&'a [T]),
    /// What the result holds.
    Result,
}

impl<T> Start<'_, T> {
    /// Overwrites a fresh result, adds to any other.
    pub fn fresh(fresh: bool) -> Self {
        if fresh { Start::Zero } else { Start::Result }
    }
}

/// The tables of a product under construction; kept between calls for their memory.
#[derive(Debug, Default)]
pub(crate) struct Tables {
    pub(crate) a_steps: Vec<usize>,
    pub(crate) b_steps: Vec<usize>,
    pub(crate) runs: Vec<Run>,
}

impl Tables {
    /// Empties all tables.
    pub(crate) fn clear(&mut self) {
        self.a_steps.clear();
        self.b_steps.clear();
        self.runs.clear();
    }

    /// Adds a run of columns; joins it to the last one if that goes on in both matrices (columns `1` apart).
    pub(crate) fn push(&mut self, run: Run, column: usize) {
        match self.runs.last_mut() {
            Some(last) if column == 1 && last.b + last.len == run.b && last.c + last.len == run.c => {
                last.len += run.len;
            }
            _ => self.runs.push(run),
        }
    }
}

/// Steps of the reduction that are packed at a time: what a panel keeps of them stays in the second-level cache.
const BLOCK: usize = 512;
/// Elements that are packed before the rows of the first factor pass over them.
const PACKED: usize = 1 << 16;
/// Rows of a panel that are packed at a time.
const LINES: usize = 64;
/// Elements copied at once.
const COPY: usize = 16;

/// A part of a run inside one panel.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Piece {
    b: usize,
    c: usize,
    /// First column in the panel.
    at: usize,
    len: usize,
}

/// Some columns of the result whose second factor is packed together.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Panel {
    /// Its first piece.
    first: usize,
    pieces: usize,
    columns: usize,
    /// Whether the columns lie beside each other in the result.
    dense: bool,
}

/// The cut of a product into panels; kept between calls for its memory.
#[derive(Debug, Default)]
pub(crate) struct Cut {
    pieces: Vec<Piece>,
    panels: Vec<Panel>,
}

impl Cut {
    /// Cuts the columns into panels of at most `width`.
    fn columns(&mut self, runs: &[Run], width: usize, (b_column, c_column): (usize, usize)) {
        self.pieces.clear();
        self.panels.clear();
        let mut open = Panel::at(0);
        for run in runs {
            let mut done = 0;
            while done < run.len {
                let len = (run.len - done).min(width - open.columns).min(COPY);
                let piece =
                    Piece { b: run.b + done * b_column, c: run.c + done * c_column, at: open.columns, len };
                let follows = self.pieces[open.first..].last().is_none_or(|p| p.c + p.len == piece.c);
                open.dense &= follows && c_column == 1;
                self.pieces.push(piece);
                open.pieces += 1;
                open.columns += len;
                done += len;
                if open.columns == width {
                    self.panels.push(open);
                    open = Panel::at(self.pieces.len());
                }
            }
        }
        if open.columns > 0 {
            self.panels.push(open);
        }
    }
}

impl Panel {
    fn at(first: usize) -> Self {
        Self { first, pieces: 0, columns: 0, dense: true }
    }
}

/// A product with the memory that it writes.
pub(super) struct Job<'a, 'b, T> {
    pub(super) product: &'b Product<'a, T>,
    pub(super) c: &'b mut [T],
    pub(super) scratch: &'b mut Scratch<T>,
}

impl<T: Element> Work<T> for Job<'_, '_, T> {
    fn run<S: Vectors<T>>(self, simd: S) {
        let Self { product, c, scratch } = self;
        product.check(c.len());
        let width = vectors::<T, S>() * S::LANES;
        let steps = product.a_steps.len();
        let block = steps.div_ceil(steps.div_ceil(BLOCK).max(1)).max(1);
        let mut cut = std::mem::take(&mut scratch.cut);
        cut.columns(product.runs, width, (product.b_column, product.c_column));
        // Threads share panels, or, where there are too few of these, rows.
        let (panels, tall) = (cut.panels.len(), product.rows.div_ceil(ROWS));
        let columns: usize = cut.panels.iter().map(|panel| panel.columns).sum();
        let members = match scratch.how.team > 1 && product.divides() {
            true => team::members(scratch, product.rows * steps * columns, panels.max(tall)),
            false => 1,
        };
        let c = Common::new(c);
        team::side_by_side(members, scratch, |member, scratch| {
            let (panels, rows) = match panels >= members {
                true => (team::share(member, members, panels), 0..product.rows),
                false => {
                    let rows = team::share(member, members, tall);
                    (0..panels, rows.start * ROWS..(rows.end * ROWS).min(product.rows))
                }
            };
            let panels = &cut.panels[panels];
            let group = (PACKED / (block * width)).clamp(1, panels.len().max(1));
            let mut memory = scratch.take_aligned(group * block * width);
            let mut spill = scratch.take(ROWS * width);
            for first in (0..steps.max(1)).step_by(block) {
                let last = (first + block).min(steps);
                for panels in panels.chunks(group) {
                    let mut pass = Pass {
                        simd,
                        product,
                        c,
                        packed: &mut memory,
                        spill: &mut spill,
                        pieces: &cut.pieces,
                        first,
                        last,
                    };
                    pass.run((panels, block * width), rows.clone());
                }
            }
            scratch.give_aligned(memory);
            scratch.give(spill);
        });
        scratch.cut = cut;
    }
}

impl<T> Product<'_, T> {
    /// Panics where an offset lies outside its slice: what the unchecked inner loop relies on.
    fn check(&self, c_len: usize) {
        let last = |offsets: &[usize]| offsets.iter().copied().max().unwrap_or(0);
        let reach = |run: &Run| run.len.saturating_sub(1);
        let columns: usize = self.runs.iter().map(|r| r.len).sum();
        assert_eq!(self.a_steps.len(), self.b_steps.len(), "both factors have the steps of the reduction");
        if self.rows == 0 || columns == 0 {
            return;
        }
        let c_last = self.runs.iter().map(|r| r.c + reach(r) * self.c_column).max().unwrap_or(0);
        assert!((self.rows - 1) * self.c_row + c_last < c_len, "the result exceeds its memory");
        if !self.a_steps.is_empty() {
            let a_last = (self.rows - 1) * self.a_row + last(self.a_steps);
            assert!(a_last < self.a.len(), "the first factor exceeds its memory");
        }
    }
}

impl<T> Product<'_, T> {
    /// Whether no two rows and no two runs overlap in the result, as far as a look at one run after the other shows: rows are cells of
    /// `c_row` elements, a run lies within one, and the cells of further images are beyond those of all rows.
    fn divides(&self) -> bool {
        let cell = |c: usize| (c / self.c_row.max(1), c % self.c_row.max(1));
        let mut before: Option<(usize, usize)> = None;
        self.runs.iter().filter(|run| run.len > 0).all(|run| {
            let ((image, first), len) = (cell(run.c), (run.len - 1) * self.c_column + 1);
            let apart = before.is_none_or(|(last, end)| match image == last {
                true => first >= end,
                false => image >= last + self.rows,
            });
            before = Some((image, first + len));
            apart && first + len <= self.c_row
        })
    }
}

/// One block of steps over one group of panels.
struct Pass<'a, 'b, T, S> {
    simd: S,
    product: &'b Product<'a, T>,
    c: Common<'b, T>,
    packed: &'b mut [T],
    spill: &'b mut [T],
    pieces: &'b [Piece],
    first: usize,
    last: usize,
}

impl<T: Element, S: Vectors<T>> Pass<'_, '_, T, S> {
    fn run(&mut self, (panels, size): (&[Panel], usize), rows: Range<usize>) {
        for (slot, panel) in panels.iter().enumerate() {
            self.simd.vectorize(Pack {
                product: self.product,
                steps: &self.product.b_steps[self.first..self.last],
                pieces: &self.pieces[panel.first..panel.first + panel.pieces],
                width: panel.columns.div_ceil(S::LANES) * S::LANES,
                packed: &mut self.packed[slot * size..],
            });
        }
        let mut row = rows.start;
        while row < rows.end {
            let height = height::<T, S>(rows.end - row);
            for (slot, panel) in panels.iter().enumerate() {
                match height {
                    8 => self.tile::<8>(row, panel, slot * size),
                    6 => self.tile::<6>(row, panel, slot * size),
                    4 => self.tile::<4>(row, panel, slot * size),
                    3 => self.tile::<3>(row, panel, slot * size),
                    2 => self.tile::<2>(row, panel, slot * size),
                    _ => self.tile::<1>(row, panel, slot * size),
                }
            }
            row += height;
        }
    }

    /// Rows `row..row + M` of one panel.
    fn tile<const M: usize>(&mut self, row: usize, panel: &Panel, packed: usize) {
        let vectors = panel.columns.div_ceil(S::LANES);
        let width = vectors * S::LANES;
        let pieces = &self.pieces[panel.first..panel.first + panel.pieces];
        let start = match self.product.start {
            _ if self.first > 0 => None,
            Start::Zero => Some([T::zero(); M]),
            Start::Rows(values) => Some(std::array::from_fn(|i| values[row + i])),
            Start::Result => None,
        };
        let (c_row, c_column) = (self.product.c_row, self.product.c_column);
        let place = Place { c_row, c_column, pieces, rows: row..row + M, width };
        let direct = panel.dense && panel.columns == width && !pieces.is_empty();
        assert!(packed + (self.last - self.first) * width <= self.packed.len());
        let (c, c_row) = if direct {
            let (at, c_row) = (row * self.product.c_row + pieces[0].c, self.product.c_row);
            (self.c.place(at, (M - 1) * c_row + width), c_row)
        } else {
            if start.is_none() {
                place.gather(self.c, self.spill);
            }
            assert!(M * width <= self.spill.len());
            (self.spill.as_mut_ptr(), width)
        };
        let steps = &self.product.a_steps[self.first..self.last];
        let a = self.product.a[row * self.product.a_row..].as_ptr();
        let panel = self.packed[packed..].as_ptr();
        let (simd, a_row) = (self.simd, self.product.a_row);
        match vectors {
            1 => simd.vectorize(Tile::<T, S, M, 1> { simd, a, a_row, steps, panel, c, c_row, start }),
            2 => simd.vectorize(Tile::<T, S, M, 2> { simd, a, a_row, steps, panel, c, c_row, start }),
            _ => simd.vectorize(Tile::<T, S, M, 3> { simd, a, a_row, steps, panel, c, c_row, start }),
        }
        if !direct {
            place.scatter(self.spill, self.c);
        }
    }
}

/// Rows of one panel in the result, whose columns do not lie beside each other there.
struct Place<'a> {
    c_row: usize,
    c_column: usize,
    pieces: &'a [Piece],
    /// Rows.
    rows: Range<usize>,
    /// Columns of the dense tile.
    width: usize,
}

impl Place<'_> {
    /// Copies the result into a dense tile.
    fn gather<T: Copy>(&self, c: Common<'_, T>, tile: &mut [T]) {
        for (row, target) in self.rows.clone().zip(tile.chunks_exact_mut(self.width)) {
            for piece in self.pieces {
                let source = self.span(c, row, piece).iter().step_by(self.c_column);
                target[piece.at..piece.at + piece.len].iter_mut().zip(source).for_each(|(t, &s)| *t = s);
            }
        }
    }

    /// Copies a dense tile into the result.
    fn scatter<T: Copy>(&self, tile: &[T], c: Common<'_, T>) {
        for (row, source) in self.rows.clone().zip(tile.chunks_exact(self.width)) {
            for piece in self.pieces {
                let source = &source[piece.at..piece.at + piece.len];
                let to = self.span(c, row, piece);
                if self.c_column == 1 {
                    to.iter_mut().zip(source).for_each(|(t, &s)| *t = s);
                } else {
                    to.iter_mut().step_by(self.c_column).zip(source).for_each(|(t, &s)| *t = s);
                }
            }
        }
    }

    /// From the first to the last column of a piece in one row.
    #[inline(always)]
    fn span<'c, T>(&self, c: Common<'c, T>, row: usize, piece: &Piece) -> &'c mut [T] {
        let at = row * self.c_row + piece.c;
        // SAFETY: a product that is shared has no columns between those of another part (`Product::divides`), and within a part one span
        // is borrowed at a time.
        unsafe { c.part(at..at + (piece.len - 1) * self.c_column + 1) }
    }
}

/// Packs the second factor of one panel: a row of `width` elements for each step.
struct Pack<'a, 'b, T> {
    product: &'b Product<'a, T>,
    steps: &'b [usize],
    pieces: &'b [Piece],
    width: usize,
    packed: &'b mut [T],
}

impl<T: Copy> NullaryFnOnce for Pack<'_, '_, T> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let longest = self.pieces.iter().map(|p| p.len).max().unwrap_or(0);
        match longest {
            _ if self.product.b_column != 1 => self.spaced(),
            0..=4 => self.copies::<4>(),
            5..=8 => self.copies::<8>(),
            _ => self.copies::<COPY>(),
        }
    }
}

impl<T: Copy> Pack<'_, '_, T> {
    /// Pieces in copies of `W` elements: what is written beyond a piece the next one overwrites. Piece by piece over
    /// a few rows at a time, so that the inner loop is a load and a store.
    #[inline(always)]
    fn copies<const W: usize>(self) {
        for (part, steps) in self.steps.chunks(LINES).enumerate() {
            let packed = &mut self.packed[part * LINES * self.width..];
            let last = steps.iter().copied().max().unwrap_or(0);
            for piece in self.pieces {
                let wide = piece.at + W <= self.width && last + piece.b + W <= self.product.b.len();
                if wide {
                    assert!((steps.len() - 1) * self.width + piece.at + W <= packed.len());
                    // SAFETY: no step is beyond `last`, whose copy was checked above in source and target. The
                    // offsets are locals because a write through a pointer might change anything else.
                    unsafe {
                        let (from, width) = (self.product.b.as_ptr().add(piece.b), self.width);
                        let mut to = packed.as_mut_ptr().add(piece.at);
                        for &step in steps {
                            let copied = from.add(step).cast::<[T; W]>().read_unaligned();
                            to.cast::<[T; W]>().write_unaligned(copied);
                            to = to.wrapping_add(width);
                        }
                    }
                } else {
                    for (line, &step) in packed.chunks_mut(self.width).zip(steps) {
                        let source = &self.product.b[step + piece.b..][..piece.len];
                        let target = &mut line[piece.at..piece.at + piece.len];
                        target.iter_mut().zip(source).for_each(|(t, &s)| *t = s);
                    }
                }
            }
        }
    }

    /// Pieces whose elements do not lie beside each other.
    #[inline(always)]
    fn spaced(self) {
        for (row, &step) in self.steps.iter().enumerate() {
            for piece in self.pieces {
                let source = self.product.b[step + piece.b..].iter().step_by(self.product.b_column);
                let target = &mut self.packed[row * self.width + piece.at..][..piece.len];
                target.iter_mut().zip(source).for_each(|(t, &s)| *t = s);
            }
        }
    }
}
