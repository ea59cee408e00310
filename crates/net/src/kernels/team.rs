//! Several threads at one kernel, where a batch has fewer images than there are threads.
//!
//! A team divides elements of the result and never a sum, so that no bit depends on its size.

use std::marker::PhantomData;
use std::ops::Range;

use rayon::prelude::*;

use crate::exec::denormals;
use crate::op::Scratch;
use crate::tensor::Element;

/// Multiply-adds that are worth another thread: about forty microseconds. Half as many made single small images slower.
const WORTH: usize = 1 << 21;

/// How many threads share `products` multiply-adds that fall into so many pieces.
pub(super) fn members<T>(scratch: &Scratch<T>, products: usize, pieces: usize) -> usize {
    scratch.how.team.min(products / WORTH).min(pieces).max(1)
}

/// Calls `work` once for each of `members`, side by side, with memory of its own.
pub(super) fn side_by_side<T: Element>(
    members: usize,
    scratch: &mut Scratch<T>,
    work: impl Fn(usize, &mut Scratch<T>) + Sync,
) {
    if members <= 1 {
        return work(0, scratch);
    }
    let mut helpers = scratch.take_helpers(members - 1);
    let mut all: Vec<&mut Scratch<T>> = vec![scratch];
    all.extend(&mut helpers);
    all.into_par_iter().with_max_len(1).enumerate().for_each(|(member, scratch)| {
        let _guard = denormals::flush();
        work(member, scratch);
    });
    scratch.give_helpers(helpers);
}

/// The part of `0..pieces` that a member takes.
pub(super) fn share(member: usize, members: usize, pieces: usize) -> Range<usize> {
    member * pieces / members..(member + 1) * pieces / members
}

/// A result that the members of a team write, each at places of its own.
#[derive(Clone, Copy, Debug)]
pub(super) struct Common<'a, T> {
    start: *mut T,
    len: usize,
    life: PhantomData<&'a mut [T]>,
}

// SAFETY: it stands for a slice that may go to other threads; who writes where is the contract of `part`.
unsafe impl<T: Send> Send for Common<'_, T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for Common<'_, T> {}

impl<'a, T> Common<'a, T> {
    pub(super) fn new(slice: &'a mut [T]) -> Self {
        Self { start: slice.as_mut_ptr(), len: slice.len(), life: PhantomData }
    }

    /// Where some elements begin.
    ///
    /// # Panics
    /// Where they lie outside.
    #[inline(always)]
    pub(super) fn place(&self, at: usize, len: usize) -> *mut T {
        assert!(at + len <= self.len);
        self.start.wrapping_add(at)
    }

    /// Some elements.
    ///
    /// # Safety
    /// While the part is borrowed, no other part may have any of its elements.
    ///
    /// # Panics
    /// Where the range lies outside.
    #[inline(always)]
    #[allow(clippy::mut_from_ref, reason = "the caller promises that parts do not overlap")]
    pub(super) unsafe fn part(&self, range: Range<usize>) -> &'a mut [T] {
        assert!(range.start <= range.end && range.end <= self.len);
        // SAFETY: within the slice, and nobody else has these elements, as the caller promises.
        unsafe { std::slice::from_raw_parts_mut(self.start.add(range.start), range.end - range.start) }
    }
}
