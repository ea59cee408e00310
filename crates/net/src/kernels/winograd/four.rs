//! `F(4, 3)`: the points 0, +-a, +-b and infinity. The rows of +-a, and of +-b, differ in the sign of their odd terms, so each pair
//! shares its sums.

use super::minimal::{Filtering, Transform, both, fma, mul};
use crate::kernels::simd::Vectors;
use crate::tensor::Element;

/// Taps of a filter.
pub(super) const TAPS: usize = 3;
/// Outputs of a tile.
pub(super) const OUTPUTS: usize = 4;
/// Products of a tile, and inputs that it reads.
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

/// Four outputs of three taps.
pub(super) struct Four;

impl<T: Element, S: Vectors<T>> Filtering<T, S, OUTPUTS, PRODUCTS, TAPS> for Four {
    type Input = Input;
    type Filter = Filter;
    type Output = Output;
    type OutputGradient = OutputGradient;
    type FilterGradient = FilterGradient;
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
