//! Two neighbouring pixels of four orientations, and sums over points between such pairs.

use crate::orientation::{Four, LANES};
use crate::real::Real;

/// Two neighbours: the left one of all orientations, then the right one.
pub(crate) type Pair<T> = [T; 2 * LANES];

/// Reads two neighbours.
///
/// # Safety
/// There are two values at `from`.
#[inline(always)]
pub(crate) unsafe fn pair<T: Real>(from: *const Four<T>) -> Pair<T> {
    // SAFETY: as the caller promises.
    unsafe { from.cast::<Pair<T>>().read() }
}

/// Sums over points between left and right neighbours.
#[derive(Clone, Copy)]
pub(crate) struct Total<T> {
    values: Pair<T>,
    /// Times how far the points lie to the right.
    rights: Pair<T>,
}

impl<T: Real> Total<T> {
    #[inline(always)]
    pub(crate) fn new() -> Self {
        Self { values: [T::zero(); 2 * LANES], rights: [T::zero(); 2 * LANES] }
    }

    /// Adds a point at `right` in 0 .. 1 between two neighbours.
    #[inline(always)]
    pub(crate) fn add(&mut self, value: &Pair<T>, right: T) {
        for l in 0..2 * LANES {
            self.values[l] += value[l];
            self.rights[l] = value[l].mul_add(right, self.rights[l]);
        }
    }

    /// Adds a point at `right` between two neighbours and at `down` in 0 .. 1 between them and those below. One loop: compilers see its vectors.
    #[inline(always)]
    pub(crate) fn add_between(&mut self, above: &Pair<T>, below: &Pair<T>, right: T, down: T) {
        for l in 0..2 * LANES {
            let value = (below[l] - above[l]).mul_add(down, above[l]);
            self.values[l] += value;
            self.rights[l] = value.mul_add(right, self.rights[l]);
        }
    }

    /// The sum for each orientation.
    #[inline(always)]
    pub(crate) fn sum(&self) -> Four<T> {
        std::array::from_fn(|l| self.values[l] + (self.rights[l + LANES] - self.rights[l]))
    }
}
