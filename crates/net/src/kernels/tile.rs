//! The inner loop of every matrix product: a tile of the result that lives in registers.

use pulp::NullaryFnOnce;

use super::simd::Vectors;

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
