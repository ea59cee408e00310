//! Minimal filtering `F(m, k)`: `m` neighbouring outputs of a filter with `k` taps from `m + k - 1` products.
//!
//! `y = A^T ((G g) * (B^T d))` for outputs `y`, taps `g` and inputs `d` (Lavin and Gray, arXiv 1509.09308, equation 6). The
//! matrices are those of the Toom-Cook construction: products of polynomials from their values at points. Tiles of a plane are filtered
//! along both axes, tiles of a line along one.

use std::marker::PhantomData;

use super::layout::Shape;
use crate::kernels::simd::Vectors;
use crate::tensor::Element;

/// The maps of `F(M, K)` with its `N` products.
pub(super) trait Filtering<T, S: Vectors<T>, const M: usize, const N: usize, const K: usize> {
    /// `B^T`, of the inputs.
    type Input: Transform<T, S, N, N>;
    /// `G`, of the taps.
    type Filter: Transform<T, S, N, K>;
    /// `A^T`, of the outputs.
    type Output: Transform<T, S, M, N>;
    /// `A`, of the gradient of the outputs.
    type OutputGradient: Transform<T, S, N, M>;
    /// `G^T`, of the gradient of the products, which gives that of the taps.
    type FilterGradient: Transform<T, S, K, N>;
}

/// Linear maps of vectors, element by element.
pub(super) trait Transform<T, S: Vectors<T>, const R: usize, const C: usize> {
    /// From `C` vectors to `R`.
    fn apply(simd: S, x: [S::V; C]) -> [S::V; R];
}

/// The maps of whole tiles.
pub(super) trait Algorithm<T, S: Vectors<T>> {
    /// Sizes of tiles and filters.
    const SHAPE: Shape;
    /// Of the inputs.
    type Input: Map<T, S>;
    /// Of the taps.
    type Filter: Map<T, S>;
    /// Of the outputs.
    type Output: Map<T, S>;
    /// Of the gradient of the outputs.
    type OutputGradient: Map<T, S>;
    /// Of the gradient of the products.
    type FilterGradient: Map<T, S>;
}

/// A linear map of tiles whose elements are vectors.
pub(super) trait Map<T, S: Vectors<T>> {
    /// Rows and columns of a tile that is read.
    const FROM: [usize; 2];
    /// Rows and columns of a tile that is written.
    const TO: [usize; 2];

    /// Maps one tile. Element `(i, j)` lies at `i * rows + j * columns`, in the source with the first distances, in the
    /// result with the second.
    ///
    /// # Panics
    /// Where a slice does not hold all elements.
    fn tile(simd: S, from: (&[T], [usize; 2]), to: (&mut [T], [usize; 2]));
}

/// Elements of a tile.
pub(super) const fn elements([rows, columns]: [usize; 2]) -> usize {
    rows * columns
}

/// Tiles of `M x M` outputs from `N x N` products, with filters of `K x K` taps.
pub(super) struct Plane<F, const M: usize, const N: usize, const K: usize>(PhantomData<F>);

impl<F, const M: usize, const N: usize, const K: usize> Plane<F, M, N, K> {
    /// Sizes of tiles and filters.
    pub(super) const SHAPE: Shape = Shape { outputs: [M; 2], taps: [K; 2] };
}

impl<T: Element, S: Vectors<T>, F, const M: usize, const N: usize, const K: usize> Algorithm<T, S>
    for Plane<F, M, N, K>
where
    F: Filtering<T, S, M, N, K>,
{
    const SHAPE: Shape = Self::SHAPE;
    type Input = Both<F::Input, N, N>;
    type Filter = Both<F::Filter, N, K>;
    type Output = Both<F::Output, M, N>;
    type OutputGradient = Both<F::OutputGradient, N, M>;
    type FilterGradient = Both<F::FilterGradient, K, N>;
}

/// Tiles of `M` outputs beside each other from `N` products, with filters of `K` taps.
pub(super) struct Line<F, const M: usize, const N: usize, const K: usize>(PhantomData<F>);

impl<F, const M: usize, const N: usize, const K: usize> Line<F, M, N, K> {
    /// Sizes of tiles and filters.
    pub(super) const SHAPE: Shape = Shape { outputs: [1, M], taps: [1, K] };
}

impl<T: Element, S: Vectors<T>, F, const M: usize, const N: usize, const K: usize> Algorithm<T, S>
    for Line<F, M, N, K>
where
    F: Filtering<T, S, M, N, K>,
{
    const SHAPE: Shape = Self::SHAPE;
    type Input = Along<F::Input, N, N>;
    type Filter = Along<F::Filter, N, K>;
    type Output = Along<F::Output, M, N>;
    type OutputGradient = Along<F::OutputGradient, N, M>;
    type FilterGradient = Along<F::FilterGradient, K, N>;
}

/// A map of both axes: `matrix tile matrix^T`.
pub(super) struct Both<X, const R: usize, const C: usize>(PhantomData<X>);

impl<T: Element, S: Vectors<T>, X, const R: usize, const C: usize> Map<T, S> for Both<X, R, C>
where
    X: Transform<T, S, R, C>,
{
    const FROM: [usize; 2] = [C; 2];
    const TO: [usize; 2] = [R; 2];

    #[inline(always)]
    fn tile(
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
}

/// A map along the only row: `matrix tile`.
pub(super) struct Along<X, const R: usize, const C: usize>(PhantomData<X>);

impl<T: Element, S: Vectors<T>, X, const R: usize, const C: usize> Map<T, S> for Along<X, R, C>
where
    X: Transform<T, S, R, C>,
{
    const FROM: [usize; 2] = [1, C];
    const TO: [usize; 2] = [1, R];

    #[inline(always)]
    fn tile(
        simd: S,
        (from, [_, from_column]): (&[T], [usize; 2]),
        (to, [_, to_column]): (&mut [T], [usize; 2]),
    ) {
        assert!((C - 1) * from_column + S::LANES <= from.len());
        assert!((R - 1) * to_column + S::LANES <= to.len());
        // SAFETY: the last element of the source and that of the result were checked above.
        unsafe {
            let mut row = [simd.load(from.as_ptr()); C];
            for j in 1..C {
                row[j] = simd.load(from.as_ptr().add(j * from_column));
            }
            let row = X::apply(simd, row);
            for j in 0..R {
                simd.store(to.as_mut_ptr().add(j * to_column), row[j]);
            }
        }
    }
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
