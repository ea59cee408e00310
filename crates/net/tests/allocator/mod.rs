//! The system's allocator, with counters beside it.
//!
//! It is the allocator of every test that includes it; `cargo test` runs the tests of a file side by side, so that only one may count at a time.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Bytes from which an allocation is large: a page.
pub(crate) const LARGE: usize = 4096;

/// Counts what is allocated, the most that ever was, and large allocations.
struct Counting;

static NOW: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);
static OVER: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call goes to the system's allocator unchanged; only counters are kept beside it.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let now = NOW.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
        PEAK.fetch_max(now, Ordering::Relaxed);
        if layout.size() >= LARGE {
            OVER.fetch_add(1, Ordering::Relaxed);
        }
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        NOW.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// One measurement at a time.
pub(crate) fn alone() -> MutexGuard<'static, ()> {
    static ONE: Mutex<()> = Mutex::new(());
    ONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs `work` and returns its result with the memory it took on top of what was there.
#[allow(dead_code, reason = "not every test measures a peak")]
pub(crate) fn measured<R>(work: impl FnOnce() -> R) -> (R, usize) {
    let before = NOW.load(Ordering::Relaxed);
    PEAK.store(before, Ordering::Relaxed);
    let result = work();
    (result, PEAK.load(Ordering::Relaxed).saturating_sub(before))
}

/// Runs `work` and returns its result with the number of large allocations in it.
#[allow(dead_code, reason = "not every test counts")]
pub(crate) fn large_allocations<R>(work: impl FnOnce() -> R) -> (R, usize) {
    let before = OVER.load(Ordering::Relaxed);
    let result = work();
    (result, OVER.load(Ordering::Relaxed) - before)
}
