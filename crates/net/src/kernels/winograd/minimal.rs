//! Minimal filtering `F(m, 3)`: `m` neighbouring outputs of a filter with three taps from `m + 2` products.
//!
//! `y = A^T ((G g) * (B^T d))` for outputs `y`, taps `g` and inputs `d` (Lavin and Gray, arXiv 1509.09308, equation 6). The
//! matrices are those of the Toom-Cook construction: products of polynomials from their values at points.

use crate::kernels::simd::Vectors;
use crate::tensor::Element;

/// Taps of a filter, along each axis.
pub(super) const TAPS: usize = 3;

/// The maps of one algorithm, with tiles of `M x M` outputs from `N x N` products.
pub(super) trait Algorithm<T, S: Vectors<T>, const M: usize, const N: usize> {
    /// `B^T`, of the inputs.
    type Input: Transform<T, S, N, N>;
    /// `G`, of the taps.
    type Filter: Transform<T, S, N, TAPS>;
    /// `A^T`, of the outputs.
    type Output: Transform<T, S, M, N>;
    /// `A`, of the gradient of the outputs.
    type OutputGradient: Transform<T, S, N, M>;
    /// `G^T`, of the gradient of the products, which gives that of the taps.
    type FilterGradient: Transform<T, S, TAPS, N>;
}

/// Linear maps of vectors, element by element.
pub(super) trait Transform<T, S: Vectors<T>, const R: usize, const C: usize> {
    /// From `C` vectors to `R`.
    fn apply(simd: S, x: [S::V; C]) -> [S::V; R];
}

/// `k x`.
#[inline(always)]
pub(super) fn mul<T: Element, S: Vectors<T>>(simd: S, k: f64, x: S::V) -> S::V {
    simd.fma(simd.splat(T::of(k)), x, simd.splat(T::zero()))
}

/// `k x + y`.
#[inline(always)]
pub(super) fn fma<T: Element, S: Vectors<T>>(simd: S, k: f64, x: S::V, y: S::V) -> S::V {
    simd.fma(simd.splat(T::of(k)), x, y)
}

/// `x + y` and `x - y`.
#[inline(always)]
pub(super) fn both<T: Element, S: Vectors<T>>(simd: S, x: S::V, y: S::V) -> [S::V; 2] {
    [fma(simd, 1.0, y, x), fma(simd, -1.0, y, x)]
}

/// Transforms one tile along both axes. Element `(i, j)` lies at `i * rows + j * columns`, in the source with the
/// first distances, in the result with the second.
///
/// # Panics
/// Where a slice does not hold all elements.
#[inline(always)]
pub(super) fn transform<
    T: Element,
    S: Vectors<T>,
    X: Transform<T, S, R, C>,
    const R: usize,
    const C: usize,
>(
    simd: S,
    (from, [from_row, from_column]): (&[T], [usize; 2]),
    (to, [to_row, to_column]): (&mut [T], [usize; 2]),
) {
    assert!((C - 1) * (from_row + from_column) + S::LANES <= from.len());
    assert!((R - 1) * (to_row + to_column) + S::LANES <= to.len());
    let (from, to) = (from.as_ptr(), to.as_mut_ptr());
    let mut half = [[simd.splat(T::zero()); C]; R];
    // SAFETY: the last element of the source and that of the result were checked above.
    unsafe {
        for j in 0..C {
            let mut column = [simd.load(from.add(j * from_column)); C];
            for i in 1..C {
                column[i] = simd.load(from.add(i * from_row + j * from_column));
            }
            let column = X::apply(simd, column);
            for i in 0..R {
                half[i][j] = column[i];
            }
        }
        for i in 0..R {
            let row = X::apply(simd, half[i]);
            for j in 0..R {
                simd.store(to.add(i * to_row + j * to_column), row[j]);
            }
        }
    }
}
