//! Memory that is used again, so that a steady state asks the system for none.

use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, PoisonError};

use crate::kernels::{Cut, Precision, Tables};
use crate::tensor::Element;

/// Free buffers that a [`Scratch`] keeps for itself.
const KEPT: usize = 64;
/// Free buffers that all threads share; more are given back to the system.
const POOLED: usize = 256;

/// Bytes of a cache line.
const LINE: usize = 64;

/// A buffer that begins at a cache line.
#[derive(Debug)]
pub(crate) struct Aligned<T> {
    buffer: Vec<T>,
    start: usize,
    end: usize,
}

impl<T> Aligned<T> {
    /// The buffer with what lies around it.
    pub(crate) fn into_buffer(self) -> Vec<T> {
        self.buffer
    }
}

impl<T> Deref for Aligned<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.buffer[self.start..self.end]
    }
}

impl<T> DerefMut for Aligned<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        &mut self.buffer[self.start..self.end]
    }
}

/// How kernels work.
#[derive(Clone, Copy, Debug)]
pub(crate) struct How {
    /// How exactly they compute.
    pub(crate) precision: Precision,
    /// Threads that may work together on one kernel.
    pub(crate) team: usize,
    /// Whether filters meet enough images to be transformed for small planes, where an image has a tile or two.
    pub(crate) small_planes: bool,
}

impl Default for How {
    fn default() -> Self {
        Self { precision: Precision::Single, team: 1, small_planes: true }
    }
}

/// Buffers that kernels borrow and give back; one thread at a time uses it.
#[derive(Debug)]
pub struct Scratch<T> {
    free: Vec<Vec<T>>,
    tables: Vec<Tables>,
    pub(crate) cut: Cut,
    pub(crate) how: How,
    /// Memory of the other threads of a team.
    helpers: Vec<Scratch<T>>,
    pool: Arc<Pool<T>>,
}

/// Free buffers of all threads. What leaves one thread's scratch, such as a gradient, comes back here: otherwise the
/// scratch that gets it would grow while that which made it asks for more.
#[derive(Debug)]
pub(crate) struct Pool<T>(Mutex<Vec<Vec<T>>>);

impl<T> Default for Pool<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T> Pool<T> {
    /// Gives a buffer to all threads.
    pub(crate) fn give(&self, buffer: Vec<T>) {
        let mut free = self.lock();
        if buffer.capacity() > 0 && free.len() < POOLED {
            free.push(buffer);
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Vec<T>>> {
        // Free buffers stay free whatever a panicking thread did.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Default for Scratch<T> {
    fn default() -> Self {
        Self::of(Arc::default())
    }
}

impl<T> Scratch<T> {
    /// An empty scratch that shares what it has too much of.
    pub(crate) fn of(pool: Arc<Pool<T>>) -> Self {
        Self {
            free: Vec::new(),
            tables: Vec::new(),
            cut: Cut::default(),
            how: How::default(),
            helpers: Vec::new(),
            pool,
        }
    }

    /// An empty scratch for kernels that compute so exactly.
    pub fn with_precision(precision: Precision) -> Self {
        Self { how: How { precision, ..How::default() }, ..Self::default() }
    }

    /// Memory for so many other threads, which must come back.
    pub(crate) fn take_helpers(&mut self, count: usize) -> Vec<Self> {
        let mut helpers = std::mem::take(&mut self.helpers);
        helpers.resize_with(count.max(helpers.len()), || Self::of(Arc::clone(&self.pool)));
        self.helpers = helpers.split_off(count);
        helpers
    }

    /// Gives the memory of other threads back.
    pub(crate) fn give_helpers(&mut self, helpers: Vec<Self>) {
        self.helpers.extend(helpers);
    }

    /// Gives a buffer back.
    pub fn give(&mut self, buffer: Vec<T>) {
        if self.free.len() >= KEPT {
            self.pool.give(buffer);
        } else if buffer.capacity() > 0 {
            self.free.push(buffer);
        }
    }

    /// Empty tables for a product.
    pub(crate) fn take_tables(&mut self) -> Tables {
        let mut tables = self.tables.pop().unwrap_or_default();
        tables.clear();
        tables
    }

    /// Gives tables back.
    pub(crate) fn give_tables(&mut self, tables: Tables) {
        self.tables.push(tables);
    }
}

impl<T: Element> Scratch<T> {
    /// A buffer of `len` elements with *arbitrary content*.
    pub fn take(&mut self, len: usize) -> Vec<T> {
        self.take_with_room(len, len)
    }

    /// [`Self::take`] from a buffer with room for `room` elements, where these are more.
    pub(crate) fn take_with_room(&mut self, len: usize, room: usize) -> Vec<T> {
        let room = room.max(len);
        let known = fitting(&mut self.free, room).or_else(|| fitting(&mut self.pool.lock(), room));
        let mut buffer = known.unwrap_or_else(|| Vec::with_capacity(room));
        buffer.resize(len, T::zero());
        buffer
    }

    /// A buffer of `len` elements with arbitrary content that begins at a cache line, so that no vector lies across two.
    pub(crate) fn take_aligned(&mut self, len: usize) -> Aligned<T> {
        let spare = LINE / size_of::<T>();
        let end = len + spare;
        // It comes back before the next value is made, at the length that it had: the buffer of any value that does not live now will do.
        let known = smallest(&mut self.free, end, usize::MAX).or_else(|| fitting(&mut self.pool.lock(), end));
        let mut buffer = known.unwrap_or_else(|| Vec::with_capacity(end));
        if buffer.len() < end {
            buffer.resize(end, T::zero());
        }
        let start = buffer.as_ptr().align_offset(LINE).min(spare);
        Aligned { buffer, start, end }
    }

    /// Gives an aligned buffer back.
    pub(crate) fn give_aligned(&mut self, aligned: Aligned<T>) {
        self.give(aligned.buffer);
    }

    /// A buffer of `len` zeros.
    pub fn zeros(&mut self, len: usize) -> Vec<T> {
        let mut buffer = self.take(len);
        buffer.fill(T::zero());
        buffer
    }
}

/// The smallest buffer that is large enough. One more than twice as large is kept for others, since growing it again
/// would fill it with zeros.
fn fitting<T>(free: &mut Vec<Vec<T>>, len: usize) -> Option<Vec<T>> {
    smallest(free, len, 2 * len)
}

/// The smallest buffer with a capacity from `least` to `most`.
fn smallest<T>(free: &mut Vec<Vec<T>>, least: usize, most: usize) -> Option<Vec<T>> {
    let fits = |&i: &usize| (least..=most).contains(&free[i].capacity());
    let best = (0..free.len()).filter(fits).min_by_key(|&i| free[i].capacity())?;
    Some(free.swap_remove(best))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_given_back_is_taken_again_by_any_thread() {
        let pool = Arc::new(Pool::default());
        let (mut one, mut other) = (Scratch::<f32>::of(pool.clone()), Scratch::of(pool.clone()));
        let buffer = one.take(100);
        let address = buffer.as_ptr();
        pool.give(buffer);
        let (small, large) = (other.take(40), other.take(60));
        assert_ne!(small.as_ptr(), address, "more than twice as large");
        assert_eq!(large.as_ptr(), address);
    }

    #[test]
    fn a_kernel_borrows_a_large_buffer_as_it_is() {
        let mut scratch = Scratch::<f32>::default();
        let value = scratch.take(1000);
        let address = value.as_ptr();
        scratch.give(value);
        let aligned = scratch.take_aligned(64);
        assert!(aligned.as_ptr() >= address && aligned.len() >= 64 && aligned.len() <= 64 + LINE / 4);
        assert!(aligned.as_ptr().align_offset(LINE) == 0 && scratch.free.is_empty());
        scratch.give_aligned(aligned);
        assert_eq!(scratch.free[0].len(), 1000);
    }

    #[test]
    fn the_number_of_free_buffers_is_bounded() {
        let pool = Arc::new(Pool::default());
        let mut scratch = Scratch::<f32>::of(pool.clone());
        (0..2 * (KEPT + POOLED)).for_each(|_| scratch.give(vec![0.0; 8]));
        assert_eq!((scratch.free.len(), pool.lock().len()), (KEPT, POOLED));
    }
}
