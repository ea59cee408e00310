//! `F(3, 3)`: the points 0, +-a, c and infinity, for planes that tiles of 4x4 outputs would not fill.

use super::four::TAPS;
use super::minimal::{Filtering, Transform, both, fma, mul};
use crate::kernels::simd::Vectors;
use crate::tensor::Element;

/// Outputs of a tile.
pub(super) const OUTPUTS: usize = 3;
/// Products of a tile, and inputs that it reads.
pub(super) const PRODUCTS: usize = OUTPUTS + TAPS - 1;

/// The points. With these, errors in single precision are half as large as with the usual 1 and 2.
const A: f64 = 1.5;
const C: f64 = -0.5;
const AA: f64 = A * A;
const CC: f64 = C * C;
/// The products of the differences of a point and all other finite ones.
const AT_ZERO: f64 = AA * C;
const AT_A: f64 = 2.0 * AA * (A - C);
const AT_MINUS_A: f64 = -2.0 * AA * (A + C);
const AT_C: f64 = C * (CC - AA);

/// Three outputs of three taps.
pub(super) struct Three;

impl<T: Element, S: Vectors<T>> Filtering<T, S, OUTPUTS, PRODUCTS, TAPS> for Three {
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
    fn apply(simd: S, [x0, x1, x2, x3, x4]: [S::V; PRODUCTS]) -> [S::V; PRODUCTS] {
        // The factor of c is common to all rows but its own.
        let (d0, d1) = (fma(simd, -C, x0, x1), fma(simd, -C, x1, x2));
        let (d2, d3) = (fma(simd, -C, x2, x3), fma(simd, -C, x3, x4));
        [
            fma(simd, -AA, d0, d2),
            fma(simd, A, d1, d2),
            fma(simd, -A, d1, d2),
            fma(simd, -AA, x1, x3),
            fma(simd, -AA, d1, d3),
        ]
    }
}

/// `G`, of the taps.
pub(super) struct Filter;

impl<T: Element, S: Vectors<T>> Transform<T, S, PRODUCTS, TAPS> for Filter {
    #[inline(always)]
    fn apply(simd: S, [x0, x1, x2]: [S::V; TAPS]) -> [S::V; PRODUCTS] {
        let even = fma(simd, AA, x2, x0);
        [
            mul(simd, 1.0 / AT_ZERO, x0),
            mul(simd, 1.0 / AT_A, fma(simd, A, x1, even)),
            mul(simd, 1.0 / AT_MINUS_A, fma(simd, -A, x1, even)),
            mul(simd, 1.0 / AT_C, fma(simd, C, x1, fma(simd, CC, x2, x0))),
            x2,
        ]
    }
}

/// `A^T`, of the outputs.
pub(super) struct Output;

impl<T: Element, S: Vectors<T>> Transform<T, S, OUTPUTS, PRODUCTS> for Output {
    #[inline(always)]
    fn apply(simd: S, [x0, a0, a1, c, x4]: [S::V; PRODUCTS]) -> [S::V; OUTPUTS] {
        let [even, odd] = both(simd, a0, a1);
        [
            fma(simd, 1.0, c, fma(simd, 1.0, even, x0)),
            fma(simd, C, c, mul(simd, A, odd)),
            fma(simd, CC, c, fma(simd, AA, even, x4)),
        ]
    }
}

/// `A`, of the gradient of the outputs.
pub(super) struct OutputGradient;

impl<T: Element, S: Vectors<T>> Transform<T, S, PRODUCTS, OUTPUTS> for OutputGradient {
    #[inline(always)]
    fn apply(simd: S, [x0, x1, x2]: [S::V; OUTPUTS]) -> [S::V; PRODUCTS] {
        let even = fma(simd, AA, x2, x0);
        [x0, fma(simd, A, x1, even), fma(simd, -A, x1, even), fma(simd, C, x1, fma(simd, CC, x2, x0)), x2]
    }
}

/// `G^T`, of the gradient of the products, which gives that of the taps.
pub(super) struct FilterGradient;

impl<T: Element, S: Vectors<T>> Transform<T, S, TAPS, PRODUCTS> for FilterGradient {
    #[inline(always)]
    fn apply(simd: S, [x0, a0, a1, c, x4]: [S::V; PRODUCTS]) -> [S::V; TAPS] {
        let [even, odd] = both(simd, mul(simd, 1.0 / AT_A, a0), mul(simd, 1.0 / AT_MINUS_A, a1));
        let c = mul(simd, 1.0 / AT_C, c);
        [
            fma(simd, 1.0, c, fma(simd, 1.0 / AT_ZERO, x0, even)),
            fma(simd, C, c, mul(simd, A, odd)),
            fma(simd, CC, c, fma(simd, AA, even, x4)),
        ]
    }
}
