//! From filters to transformed filters and back.

use std::ops::Range;

use pulp::NullaryFnOnce;

use super::layout::Stack;
use super::minimal::{Filter, FilterGradient, PRODUCTS, transform};
use super::tiles::read_four;
use crate::kernels::simd::{Vectors, group_order};
use crate::tensor::Element;

/// Filters of 3x3 taps, for each pair of a channel read and a channel written.
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

/// Taps of a filter.
const TAPS: usize = 9;
/// Where the taps are read, four at a time.
const PIECES: [usize; 3] = [0, 4, 5];

/// Transforms the filters of some channels written: `G filter G^T`, a stack with a row for each channel read.
pub(super) struct Spread<'a, 'b, T, S> {
    pub(super) simd: S,
    pub(super) filters: Filters<'a, T>,
    /// Channels read.
    pub(super) read: Range<usize>,
    /// Channels written.
    pub(super) written: Range<usize>,
    /// Room for [`Spread::room`] elements.
    pub(super) room: &'b mut [T],
    /// Channels written with those that fill up the last vector.
    pub(super) width: usize,
    pub(super) stack: &'b mut [T],
}

impl<T: Element, S: Vectors<T>> Spread<'_, '_, T, S> {
    /// Elements of a row of `width` filters, in pieces, and those of a vector of them.
    pub(super) fn room(width: usize) -> usize {
        PIECES.len() * 4 * width + TAPS * S::LANES
    }
}

impl<T: Element, S: Vectors<T>> NullaryFnOnce for Spread<'_, '_, T, S> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { simd, filters, read, written, room, width, stack } = self;
        let stride = Stack { rows: read.len(), width, lanes: S::LANES }.stride();
        let (pieces, taps) = room.split_at_mut(PIECES.len() * 4 * width);
        let order = group_order(simd, &mut pieces[..4 * S::LANES]);
        pieces.fill(T::zero());
        for (row, channel) in read.enumerate() {
            filters.row::<S>(channel, written.clone(), &order, pieces);
            for lane in (0..width).step_by(S::LANES) {
                ungroup(simd, &pieces[lane * PIECES.len() * 4..], filters.flipped, taps);
                transform::<T, S, Filter, PRODUCTS, 3>(
                    simd,
                    (taps, [3 * S::LANES, S::LANES]),
                    (&mut stack[row * width + lane..], [PRODUCTS * stride, stride]),
                );
            }
        }
    }
}

impl<T: Element> Filters<'_, T> {
    /// Copies the filters of one channel read: for each vector of channels written and each piece of the taps, four
    /// taps of each channel in the order of [`Vectors::ungroup`].
    #[inline(always)]
    fn row<S: Vectors<T>>(&self, read: usize, channels: Range<usize>, order: &[usize], pieces: &mut [T]) {
        let first = channels.start * self.written + read * self.read;
        assert!(channels.is_empty() || first + (channels.len() - 1) * self.written + TAPS <= self.taps.len());
        assert!(channels.len().div_ceil(S::LANES) * S::LANES * PIECES.len() * 4 <= pieces.len());
        assert!(order[..S::LANES].iter().all(|&group| group < S::LANES));
        // SAFETY: the last filter, the last vector and the order within a vector were checked above.
        unsafe {
            let (mut from, mut to) = (self.taps.as_ptr().add(first), pieces.as_mut_ptr());
            let mut left = channels.len();
            while left > 0 {
                for &group in &order[..S::LANES.min(left)] {
                    for i in 0..PIECES.len() {
                        let piece = from.add(PIECES[i]).cast::<[T; 4]>().read_unaligned();
                        to.add((i * S::LANES + group) * 4).cast::<[T; 4]>().write_unaligned(piece);
                    }
                    from = from.wrapping_add(self.written);
                }
                to = to.wrapping_add(PIECES.len() * 4 * S::LANES);
                left -= S::LANES.min(left);
            }
        }
    }
}

/// From the pieces of a vector of filters to a vector for each tap.
#[inline(always)]
fn ungroup<T: Element, S: Vectors<T>>(simd: S, pieces: &[T], flipped: bool, taps: &mut [T]) {
    for i in 0..PIECES.len() {
        let vectors = simd.ungroup(read_four(simd, &pieces[i * 4 * S::LANES..], S::LANES));
        for j in 0..4 {
            let tap = PIECES[i] + j;
            let tap = if flipped { TAPS - 1 - tap } else { tap };
            simd.write(&mut taps[tap * S::LANES..], vectors[j]);
        }
    }
}

/// Where the gradients of filters go.
pub(super) struct Gradients<'a, T> {
    pub(super) taps: &'a mut [T],
    /// Distance of two channels written; those read follow each other.
    pub(super) written: usize,
    /// Whether the content is arbitrary and is to be overwritten.
    pub(super) fresh: bool,
}

/// Transforms the gradients of transformed filters back: `G^T gradient G`, from a stack with a row for each channel written
/// and a column for each channel read.
pub(super) struct Collect<'a, 'b, T, S> {
    pub(super) simd: S,
    pub(super) gradients: &'b mut Gradients<'a, T>,
    pub(super) read: Range<usize>,
    pub(super) written: Range<usize>,
    /// Channels read with those that fill up the last vector.
    pub(super) width: usize,
    /// Room for [`Collect::ROOM`] elements.
    pub(super) room: &'b mut [T],
    pub(super) stack: &'b [T],
}

impl<T: Element, S: Vectors<T>> Collect<'_, '_, T, S> {
    /// A vector for each tap, their groups, and the filters in order.
    pub(super) const ROOM: usize = (TAPS + 4 + TAPS) * S::LANES;
}

impl<T: Element, S: Vectors<T>> NullaryFnOnce for Collect<'_, '_, T, S> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { simd, gradients, read, written, width, room, stack } = self;
        let stride = Stack { rows: written.len(), width, lanes: S::LANES }.stride();
        let (taps, room) = room.split_at_mut(TAPS * S::LANES);
        let (groups, filters) = room.split_at_mut(4 * S::LANES);
        let order = group_order(simd, groups);
        for (row, channel) in written.enumerate() {
            for lane in (0..read.len()).step_by(S::LANES) {
                transform::<T, S, FilterGradient, 3, PRODUCTS>(
                    simd,
                    (&stack[row * width + lane..], [PRODUCTS * stride, stride]),
                    (taps, [3 * S::LANES, S::LANES]),
                );
                group(simd, taps, &order[..S::LANES], groups, filters);
                let len = (read.len() - lane).min(S::LANES) * TAPS;
                let at = channel * gradients.written + (read.start + lane) * TAPS;
                let to = gradients.taps[at..at + len].iter_mut().zip(filters.iter());
                match gradients.fresh {
                    true => to.for_each(|(t, &g)| *t = g),
                    false => to.for_each(|(t, &g)| *t += g),
                }
            }
        }
    }
}

/// From a vector for each tap to filters in order.
#[inline(always)]
fn group<T: Element, S: Vectors<T>>(
    simd: S,
    taps: &[T],
    order: &[usize],
    groups: &mut [T],
    filters: &mut [T],
) {
    for piece in PIECES {
        let vectors = simd.group(read_four(simd, &taps[piece * S::LANES..], S::LANES));
        for j in 0..4 {
            simd.write(&mut groups[j * S::LANES..], vectors[j]);
        }
        for (filter, &group) in filters.chunks_exact_mut(TAPS).zip(order) {
            filter[piece..piece + 4].copy_from_slice(&groups[group * 4..][..4]);
        }
    }
}
