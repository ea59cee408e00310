//! The inner loop of every matrix product: a tile of the result that lives in registers.

use pulp::NullaryFnOnce;

use super::simd::Vectors;
use crate::tensor::Element;

/// `M` rows times `N` vectors of columns of `c += a b`.
///
/// Every element is one chain of fused multiply-adds in the order of `steps`; the tile shape does not enter.
pub(super) struct Tile<'a, T, S, const M: usize, const N: usize> {
    pub(super) simd: S,
    /// First row; element `(i, k)` lies at `i * a_row + steps[k]`.
    pub(super) a: *const T,
    pub(super) a_row: usize,
    pub(super) steps: &'a [usize],
    /// `steps.len()` rows of `N` vectors.
    pub(super) panel: *const T,
    /// First row; rows lie `c_row` apart and hold `N` vectors.
    pub(super) c: *mut T,
    pub(super) c_row: usize,
    /// What the chains of each row start from; `None` continues those in `c`.
    pub(super) start: Option<[T; M]>,
}

impl<T: Copy, S: Vectors<T>, const M: usize, const N: usize> NullaryFnOnce for Tile<'_, T, S, M, N> {
    type Output = ();

    #[inline(always)]
    #[allow(clippy::needless_range_loop, reason = "closures would not be compiled for the instruction set")]
    fn call(self) {
        let Self { simd, a, a_row, steps, panel, c, c_row, start } = self;
        // SAFETY: the driver checked that all steps of all rows lie in `a`, that the panel has a row for each step,
        // and that `c` has M rows of N vectors.
        unsafe {
            let mut sums: [[S::V; N]; M];
            match start {
                Some(values) => {
                    sums = [[simd.splat(values[0]); N]; M];
                    for i in 1..M {
                        sums[i] = [simd.splat(values[i]); N];
                    }
                }
                None => {
                    sums = [[simd.load(c); N]; M];
                    for i in 0..M {
                        for j in 0..N {
                            sums[i][j] = simd.load(c.add(i * c_row + j * S::LANES));
                        }
                    }
                }
            }
            let mut row = panel;
            for &step in steps {
                let from = a.add(step);
                let mut b = [simd.load(row); N];
                for j in 1..N {
                    b[j] = simd.load(row.add(j * S::LANES));
                }
                row = row.add(N * S::LANES);
                for i in 0..M {
                    let factor = simd.splat(*from.add(i * a_row));
                    for j in 0..N {
                        sums[i][j] = simd.fma(factor, b[j], sums[i][j]);
                    }
                }
            }
            for i in 0..M {
                for j in 0..N {
                    simd.store(c.add(i * c_row + j * S::LANES), sums[i][j]);
                }
            }
        }
    }
}

/// Most rows of a tile.
pub(super) const ROWS: usize = 8;
/// Most vectors of columns of a tile.
pub(super) const VECTORS: usize = 3;

/// Vectors of columns of a tile: 8 rows of 3 in 32 registers, 6 of 2 in 16. Tiles of 4 rows of 3 would take all 16, and the compiler moves sums about.
pub(super) const fn vectors<T, S: Vectors<T>>() -> usize {
    if S::REGISTERS >= 32 { VECTORS } else { 2 }
}

/// The height of the next tile, with so many rows left: no tile is so low that its multiply-adds wait for each other, where that can be.
pub(super) fn height<T, S: Vectors<T>>(rows: usize) -> usize {
    match rows {
        8 | 10.. if S::REGISTERS >= 32 => ROWS,
        7 | 8 => 4,
        6.. => 6,
        5 => 3,
        _ => rows,
    }
}

/// The steps of a reduction, equally far apart.
#[derive(Debug, Default)]
pub(super) struct Steps {
    /// `0, distance, 2 x distance, ...`
    offsets: Vec<usize>,
    distance: usize,
}

impl Steps {
    /// Makes these `count` steps, `distance` apart.
    pub(super) fn set(&mut self, count: usize, distance: usize) {
        self.distance = distance;
        self.offsets.clear();
        self.offsets.extend((0..count).map(|step| step * distance));
    }
}

/// One packed panel against all rows: `c = a b`, or `c += a b`, with dense rows of the result.
pub(super) struct Block<'a, 'b, T> {
    /// First factor: element `(i, k)` lies at `i * a_row` and step `k`.
    pub(super) a: &'a [T],
    pub(super) a_row: usize,
    pub(super) steps: &'a Steps,
    /// Steps that are taken.
    pub(super) depth: usize,
    /// Second factor: `depth` rows of `width` elements.
    pub(super) panel: &'a [T],
    /// `rows x width`.
    pub(super) c: &'b mut [T],
    pub(super) rows: usize,
    /// Up to three vectors.
    pub(super) width: usize,
    /// Whether the result has arbitrary content and is to be overwritten.
    pub(super) fresh: bool,
}

impl<T: Element> Block<'_, '_, T> {
    pub(super) fn run<S: Vectors<T>>(mut self, simd: S) {
        let reach = (self.rows - 1) * self.a_row + self.depth.saturating_sub(1) * self.steps.distance;
        assert!(reach < self.a.len(), "the first factor exceeds its memory");
        assert!(self.depth * self.width <= self.panel.len(), "the second factor exceeds its memory");
        assert!(self.rows * self.width <= self.c.len(), "the result exceeds its memory");
        let mut row = 0;
        while row < self.rows {
            let height = height::<T, S>(self.rows - row);
            match height {
                8 => self.tile::<S, 8>(simd, row),
                6 => self.tile::<S, 6>(simd, row),
                4 => self.tile::<S, 4>(simd, row),
                3 => self.tile::<S, 3>(simd, row),
                2 => self.tile::<S, 2>(simd, row),
                _ => self.tile::<S, 1>(simd, row),
            }
            row += height;
        }
    }

    fn tile<S: Vectors<T>, const M: usize>(&mut self, simd: S, row: usize) {
        let (a_row, steps, c_row) = (self.a_row, &self.steps.offsets[..self.depth], self.width);
        let (a, panel) = (self.a[row * a_row..].as_ptr(), self.panel.as_ptr());
        let c = self.c[row * c_row..].as_mut_ptr();
        let start = self.fresh.then_some([T::zero(); M]);
        match self.width / S::LANES {
            1 => simd.vectorize(Tile::<T, S, M, 1> { simd, a, a_row, steps, panel, c, c_row, start }),
            2 => simd.vectorize(Tile::<T, S, M, 2> { simd, a, a_row, steps, panel, c, c_row, start }),
            _ => simd.vectorize(Tile::<T, S, M, 3> { simd, a, a_row, steps, panel, c, c_row, start }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::simd::{Work, scalar, single};
    use super::*;

    /// Walks over any number of rows.
    struct Walk;

    impl Work<f32> for Walk {
        fn run<S: Vectors<f32>>(self, _: S) {
            for rows in 1..60 {
                let mut row = 0;
                while row < rows {
                    let height = height::<f32, S>(rows - row);
                    assert!([1, 2, 3, 4, 6, 8].contains(&height), "{height} rows have no tile");
                    let registers = (height + 1) * vectors::<f32, S>() + 1;
                    assert!(registers <= S::REGISTERS, "{height} rows take {registers} registers");
                    row += height;
                }
                assert_eq!(row, rows);
            }
        }
    }

    #[test]
    fn tiles_cover_any_number_of_rows_and_fit_into_the_registers() {
        scalar(Walk);
        single(Walk);
    }
}
