//! From filters to transformed filters and back.

use std::marker::PhantomData;
use std::ops::Range;

use pulp::NullaryFnOnce;

use super::layout::{Panels, Stack};
use super::minimal::{Map, elements};
use super::tiles::pieces;
use crate::kernels::simd::{Vectors, columns, group_order, prefetch, read_some};
use crate::kernels::team::{self, Common};
use crate::op::Scratch;
use crate::scratch::Aligned;
use crate::tensor::Element;

/// Filters, for each pair of a channel read and a channel written.
#[derive(Clone, Copy)]
pub(super) struct Filters<'a, T> {
    pub(super) taps: &'a [T],
    /// Distance of two channels written.
    pub(super) written: usize,
    /// Distance of two channels read.
    pub(super) read: usize,
    /// Whether the taps are read in reverse order.
    pub(super) flipped: bool,
}

/// Panels of channels read and of channels written, whose filters are transformed pair by pair.
#[derive(Clone, Copy)]
pub(super) struct Pairs {
    pub(super) reads: Panels,
    pub(super) writes: Panels,
    /// Elements of the largest pair.
    len: usize,
}

impl Pairs {
    /// Pairs whose filters have so many products.
    pub(super) fn new(reads: Panels, writes: Panels, products: [usize; 2]) -> Self {
        let len = Stack { rows: reads.widest(), width: writes.widest(), lanes: writes.lanes }.len(products);
        Self { reads, writes, len }
    }

    /// Elements of the largest pair.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Where the filters of a pair begin, where all are kept.
    pub(super) fn place(&self, part: usize, panel: usize) -> usize {
        (part * self.writes.count + panel) * self.len
    }
}

impl<T: Element> Filters<'_, T> {
    /// The transformed filters of one pair of panels.
    pub(super) fn pair<S: Vectors<T>, X: Map<T, S>>(
        self,
        simd: S,
        (pairs, part, panel): (Pairs, usize, usize),
        room: &mut [T],
        stack: &mut [T],
    ) {
        simd.vectorize(Spread {
            simd,
            map: PhantomData::<X>,
            filters: self,
            read: pairs.reads.existing(part),
            written: pairs.writes.existing(panel),
            room,
            width: pairs.writes.range(panel).len(),
            stack,
        });
    }

    /// The transformed filters of all pairs of panels.
    pub(super) fn transformed<S: Vectors<T>, X: Map<T, S>>(
        self,
        simd: S,
        pairs: Pairs,
        scratch: &mut Scratch<T>,
    ) -> Aligned<T> {
        let count = pairs.reads.count * pairs.writes.count;
        let mut stacks = scratch.take_aligned(count * pairs.len);
        let members = team::members(scratch, stacks.len() * COST, count);
        let common = Common::new(&mut stacks);
        team::side_by_side(members, scratch, |member, scratch| {
            let mut room = scratch.take_aligned(room::<S, T>(elements(X::FROM)));
            for pair in team::share(member, members, count) {
                let (part, panel) = (pair / pairs.writes.count, pair % pairs.writes.count);
                // SAFETY: each pair has a stack of its own, and one member.
                let stack = unsafe { common.part(pairs.place(part, panel)..(pair + 1) * pairs.len) };
                self.pair::<S, X>(simd, (pairs, part, panel), &mut room, stack);
            }
            scratch.give_aligned(room);
        });
        stacks
    }
}

/// Multiply-adds that take as long as one element of a transformed filter.
pub(super) const COST: usize = 8;

/// Transforms the filters of some channels written: a stack with a row for each channel read.
struct Spread<'a, 'b, T, S, X> {
    simd: S,
    map: PhantomData<X>,
    filters: Filters<'a, T>,
    /// Channels read.
    read: Range<usize>,
    /// Channels written.
    written: Range<usize>,
    /// Room for [`room`] elements.
    room: &'b mut [T],
    /// Channels written with those that fill up the last vector.
    width: usize,
    stack: &'b mut [T],
}

/// Elements of four vectors and of one for each tap: what [`Filters::pair`] works in.
pub(super) fn room<S: Vectors<T>, T>(taps: usize) -> usize {
    (4 + taps) * S::LANES
}

impl<T: Element, S: Vectors<T>, X: Map<T, S>> NullaryFnOnce for Spread<'_, '_, T, S, X> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        match elements(X::FROM) {
            3 => self.pieces::<3>(),
            _ => self.pieces::<4>(),
        }
    }
}

impl<T: Element, S: Vectors<T>, X: Map<T, S>> Spread<'_, '_, T, S, X> {
    /// Transforms them with taps read `W` at a time.
    #[inline(always)]
    fn pieces<const W: usize>(self) {
        let Self { simd, map: _, filters, read, written, room, width, stack } = self;
        let (stride, len) = (Stack { rows: read.len(), width, lanes: S::LANES }.stride(), elements(X::FROM));
        let (groups, taps) = room.split_at_mut(4 * S::LANES);
        let order = &group_order(simd, groups)[..S::LANES];
        // Vector by vector, so that the taps of its channels are read along their lines.
        for lane in (0..width).step_by(S::LANES) {
            let channels = written.start + lane..written.end;
            for (row, channel) in read.clone().enumerate() {
                filters.vectors::<S, W>(simd, (channel, channels.clone(), len), (&mut *groups, order), taps);
                X::tile(
                    simd,
                    (taps, [X::FROM[1] * S::LANES, S::LANES]),
                    (&mut stack[row * width + lane..], [X::TO[1] * stride, stride]),
                );
            }
        }
    }
}

/// Channels read whose taps are asked for before they are needed: they come from the second-level cache or from beyond.
const AHEAD: usize = 4;

impl<T: Element> Filters<'_, T> {
    /// A vector for each of the `len` taps of one channel read: of the first of the channels written.
    #[inline(always)]
    fn vectors<S: Vectors<T>, const W: usize>(
        &self,
        simd: S,
        (read, written, len): (usize, Range<usize>, usize),
        (groups, order): (&mut [T], &[usize]),
        taps: &mut [T],
    ) {
        let first = written.start * self.written + read * self.read;
        for place in 0..S::LANES {
            prefetch(self.taps.as_ptr().wrapping_add(first + place * self.written + AHEAD * self.read));
        }
        for start in pieces::<W>(len) {
            let places = (&self.taps[first + start..], self.written, written.len());
            let vectors = columns::<T, S, W>(simd, places, (&mut *groups, order));
            for j in 0..W {
                let tap = start + j;
                let tap = if self.flipped { len - 1 - tap } else { tap };
                simd.write(&mut taps[tap * S::LANES..], vectors[j]);
            }
        }
    }
}

/// Where the gradients of filters go.
#[derive(Clone, Copy)]
pub(super) struct Gradients<'a, T> {
    pub(super) taps: Common<'a, T>,
    /// Distance of two channels written; those read follow each other.
    pub(super) written: usize,
    /// Whether the content is arbitrary and is to be overwritten.
    pub(super) fresh: bool,
}

/// Transforms the gradients of transformed filters back, from a stack with a row for each channel written
/// and a column for each channel read.
pub(super) struct Collect<'a, 'b, T, S, X> {
    pub(super) simd: S,
    pub(super) map: PhantomData<X>,
    pub(super) gradients: Gradients<'a, T>,
    pub(super) read: Range<usize>,
    pub(super) written: Range<usize>,
    /// Channels read with those that fill up the last vector.
    pub(super) width: usize,
    /// Room for [`groups_room`] elements.
    pub(super) room: &'b mut [T],
    pub(super) stack: &'b [T],
}

/// Elements of a vector for each of `len` taps, of their groups, and of the filters in order: what [`Collect`] works in.
pub(super) fn groups_room<S: Vectors<T>, T>(len: usize) -> usize {
    (len + 4 + len) * S::LANES
}

impl<T: Element, S: Vectors<T>, X: Map<T, S>> NullaryFnOnce for Collect<'_, '_, T, S, X> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { simd, map: _, gradients, read, written, width, room, stack } = self;
        let stride = Stack { rows: written.len(), width, lanes: S::LANES }.stride();
        let filter = elements(X::TO);
        let (taps, room) = room.split_at_mut(filter * S::LANES);
        let (groups, filters) = room.split_at_mut(4 * S::LANES);
        let order = &group_order(simd, groups)[..S::LANES];
        for (row, channel) in written.enumerate() {
            for lane in (0..read.len()).step_by(S::LANES) {
                X::tile(
                    simd,
                    (&stack[row * width + lane..], [X::FROM[1] * stride, stride]),
                    (taps, [X::TO[1] * S::LANES, S::LANES]),
                );
                let len = (read.len() - lane).min(S::LANES) * filter;
                let at = channel * gradients.written + (read.start + lane) * filter;
                // SAFETY: the filters of a pair of channels belong to one pair of panels, which one thread computes.
                let to = unsafe { gradients.taps.part(at..at + len) };
                if gradients.fresh && put(simd, (taps, filter), to) {
                    continue;
                }
                match filter {
                    3 => group::<T, S, 3>(simd, (taps, filter), order, groups, filters),
                    _ => group::<T, S, 4>(simd, (taps, filter), order, groups, filters),
                }
                let to = to.iter_mut().zip(filters.iter());
                match gradients.fresh {
                    true => to.for_each(|(t, &g)| *t = g),
                    false => to.for_each(|(t, &g)| *t += g),
                }
            }
        }
    }
}

/// Writes filters of at least four taps from a vector for each tap, where there are as many as lanes and registers do for it.
#[inline(always)]
fn put<T: Element, S: Vectors<T>>(simd: S, (taps, len): (&[T], usize), to: &mut [T]) -> bool {
    if len < 4 || to.len() < S::LANES * len {
        return false;
    }
    for piece in pieces::<4>(len) {
        let vectors = read_some::<T, S, 4>(simd, &taps[piece * S::LANES..], S::LANES);
        // SAFETY: the last filter has four taps from this piece on.
        if !unsafe { simd.put_columns(to.as_mut_ptr().add(piece), len, vectors) } {
            return false;
        }
    }
    true
}

/// From a vector for each of `len` taps to filters in order.
#[inline(always)]
fn group<T: Element, S: Vectors<T>, const W: usize>(
    simd: S,
    (taps, len): (&[T], usize),
    order: &[usize],
    groups: &mut [T],
    filters: &mut [T],
) {
    for piece in pieces::<W>(len) {
        let vectors = simd.group(read_some::<T, S, W>(simd, &taps[piece * S::LANES..], S::LANES));
        for j in 0..4 {
            simd.write(&mut groups[j * S::LANES..], vectors[j]);
        }
        for (filter, &group) in filters.chunks_exact_mut(len).zip(order) {
            filter[piece..piece + W].copy_from_slice(&groups[group * 4..][..W]);
        }
    }
}
