//! The algorithm `F(4, 3)`: four neighbouring outputs of a filter with three taps from six products.
//!
//! `y = A^T ((G g) * (B^T d))` for outputs `y`, taps `g` and inputs `d` (Lavin and Gray, arXiv 1509.09308, equation 6). The
//! matrices are those of the Toom-Cook construction for the points 0, +-a, +-b and infinity: products of polynomials
//! from their values there. The rows of +-a, and of +-b, differ in the sign of their odd terms, so each pair shares its sums.

use crate::kernels::simd::Vectors;
use crate::tensor::Element;

/// Outputs of a tile, along each axis.
pub(super) const OUTPUTS: usize = 4;
/// Taps of a filter, along each axis.
pub(super) const TAPS: usize = 3;
/// Products of a tile, along each axis, and inputs that it reads.
pub(super) const PRODUCTS: usize = OUTPUTS + TAPS - 1;

/// The points. With these, errors in single precision are half as large as with the usual 1 and 2, and all
/// constants but those of `G` are exact.
const A: f64 = 0.75;
const B: f64 = 1.5;
const AA: f64 = A * A;
const BB: f64 = B * B;
/// The product of the differences of a point and all other finite ones.
const AT_A: f64 = 2.0 * AA * (AA - BB);
const AT_B: f64 = 2.0 * BB * (BB - AA);

/// Linear maps of vectors, element by element.
pub(super) trait Transform<T, S: Vectors<T>, const R: usize, const C: usize> {
    /// From `C` vectors to `R`.
    fn apply(simd: S, x: [S::V; C]) -> [S::V; R];
}

/// `k x`.
#[inline(always)]
fn mul<T: Element, S: Vectors<T>>(simd: S, k: f64, x: S::V) -> S::V {
    simd.fma(simd.splat(T::of(k)), x, simd.splat(T::zero()))
}

/// `k x + y`.
#[inline(always)]
fn fma<T: Element, S: Vectors<T>>(simd: S, k: f64, x: S::V, y: S::V) -> S::V {
    simd.fma(simd.splat(T::of(k)), x, y)
}

/// `x + y` and `x - y`.
#[inline(always)]
fn both<T: Element, S: Vectors<T>>(simd: S, x: S::V, y: S::V) -> [S::V; 2] {
    [fma(simd, 1.0, y, x), fma(simd, -1.0, y, x)]
}

/// `B^T`, of the inputs.
pub(super) struct Input;

impl<T: Element, S: Vectors<T>> Transform<T, S, PRODUCTS, PRODUCTS> for Input {
    #[inline(always)]
    fn apply(simd: S, [x0, x1, x2, x3, x4, x5]: [S::V; PRODUCTS]) -> [S::V; PRODUCTS] {
        let (even_a, odd_a) = (fma(simd, -BB, x2, x4), fma(simd, -BB, x1, x3));
        let (even_b, odd_b) = (fma(simd, -AA, x2, x4), fma(simd, -AA, x1, x3));
        [
            fma(simd, AA * BB, x0, fma(simd, -AA - BB, x2, x4)),
            fma(simd, A, odd_a, even_a),
            fma(simd, -A, odd_a, even_a),
            fma(simd, B, odd_b, even_b),
            fma(simd, -B, odd_b, even_b),
            fma(simd, AA * BB, x1, fma(simd, -AA - BB, x3, x5)),
        ]
    }
}

/// `G`, of the taps.
pub(super) struct Filter;

impl<T: Element, S: Vectors<T>> Transform<T, S, PRODUCTS, TAPS> for Filter {
    #[inline(always)]
    fn apply(simd: S, [x0, x1, x2]: [S::V; TAPS]) -> [S::V; PRODUCTS] {
        let even_a = fma(simd, AA / AT_A, x2, mul(simd, 1.0 / AT_A, x0));
        let even_b = fma(simd, BB / AT_B, x2, mul(simd, 1.0 / AT_B, x0));
        [
            mul(simd, 1.0 / (AA * BB), x0),
            fma(simd, A / AT_A, x1, even_a),
            fma(simd, -A / AT_A, x1, even_a),
            fma(simd, B / AT_B, x1, even_b),
            fma(simd, -B / AT_B, x1, even_b),
            x2,
        ]
    }
}

/// `A^T`, of the outputs.
pub(super) struct Output;

impl<T: Element, S: Vectors<T>> Transform<T, S, OUTPUTS, PRODUCTS> for Output {
    #[inline(always)]
    fn apply(simd: S, [x0, a0, a1, b0, b1, x5]: [S::V; PRODUCTS]) -> [S::V; OUTPUTS] {
        let ([even_a, odd_a], [even_b, odd_b]) = (both(simd, a0, a1), both(simd, b0, b1));
        [
            fma(simd, 1.0, even_b, fma(simd, 1.0, even_a, x0)),
            fma(simd, B, odd_b, mul(simd, A, odd_a)),
            fma(simd, BB, even_b, mul(simd, AA, even_a)),
            fma(simd, B * BB, odd_b, fma(simd, A * AA, odd_a, x5)),
        ]
    }
}

/// `A`, of the gradient of the outputs.
pub(super) struct OutputGradient;

impl<T: Element, S: Vectors<T>> Transform<T, S, PRODUCTS, OUTPUTS> for OutputGradient {
    #[inline(always)]
    fn apply(simd: S, [x0, x1, x2, x3]: [S::V; OUTPUTS]) -> [S::V; PRODUCTS] {
        let (even_a, odd_a) = (fma(simd, AA, x2, x0), fma(simd, AA, x3, x1));
        let (even_b, odd_b) = (fma(simd, BB, x2, x0), fma(simd, BB, x3, x1));
        [
            x0,
            fma(simd, A, odd_a, even_a),
            fma(simd, -A, odd_a, even_a),
            fma(simd, B, odd_b, even_b),
            fma(simd, -B, odd_b, even_b),
            x3,
        ]
    }
}

/// `G^T`, of the gradient of the products, which gives that of the taps.
pub(super) struct FilterGradient;

impl<T: Element, S: Vectors<T>> Transform<T, S, TAPS, PRODUCTS> for FilterGradient {
    #[inline(always)]
    fn apply(simd: S, [x0, a0, a1, b0, b1, x5]: [S::V; PRODUCTS]) -> [S::V; TAPS] {
        let ([even_a, odd_a], [even_b, odd_b]) = (both(simd, a0, a1), both(simd, b0, b1));
        let first = fma(simd, 1.0 / AT_A, even_a, mul(simd, 1.0 / (AA * BB), x0));
        [
            fma(simd, 1.0 / AT_B, even_b, first),
            fma(simd, B / AT_B, odd_b, mul(simd, A / AT_A, odd_a)),
            fma(simd, BB / AT_B, even_b, fma(simd, AA / AT_A, even_a, x5)),
        ]
    }
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
