//! `F(4, 5)`: the points 0, +-a, +-b, +-c and infinity. The rows of +-a, of +-b and of +-c differ in the sign of their odd terms, so each
//! pair shares its sums.

use super::minimal::{Filtering, Transform, both, fma, mul};
use crate::kernels::simd::Vectors;
use crate::tensor::Element;

/// Taps of a filter.
pub(super) const TAPS: usize = 5;
/// Outputs of a tile.
pub(super) const OUTPUTS: usize = 4;
/// Products of a tile, and inputs that it reads.
pub(super) const PRODUCTS: usize = OUTPUTS + TAPS - 1;

/// The points. Of fourteen short fractions from 1/4 to 3 none have smaller errors in single precision by more than a few percent; those of 1, 2 and 3 are eight
/// times as large. All constants but those of `G` are exact.
const A: f64 = 0.625;
const B: f64 = 1.0;
const C: f64 = 2.0;
const AA: f64 = A * A;
const BB: f64 = B * B;
const CC: f64 = C * C;
/// The product of the differences of a point and all other finite ones.
const AT_ZERO: f64 = -AA * BB * CC;
const AT_A: f64 = 2.0 * AA * (AA - BB) * (AA - CC);
const AT_B: f64 = 2.0 * BB * (BB - AA) * (BB - CC);
const AT_C: f64 = 2.0 * CC * (CC - AA) * (CC - BB);

/// Four outputs of five taps.
pub(super) struct Five;

impl<T: Element, S: Vectors<T>> Filtering<T, S, OUTPUTS, PRODUCTS, TAPS> for Five {
    type Input = Input;
    type Filter = Filter;
    type Output = Output;
    type OutputGradient = OutputGradient;
    type FilterGradient = FilterGradient;
}

/// `x + p y` and `x - p y`: what the points `p` and `-p` have in common, even and odd powers.
#[inline(always)]
fn pair<T: Element, S: Vectors<T>>(simd: S, p: f64, x: S::V, y: S::V) -> [S::V; 2] {
    [fma(simd, p, y, x), fma(simd, -p, y, x)]
}

/// `(z - pp) (z - qq)`, by the terms of the powers of `z`.
#[inline(always)]
fn product_of_two<T: Element, S: Vectors<T>>(simd: S, [pp, qq]: [f64; 2], x: [S::V; 3]) -> S::V {
    fma(simd, pp * qq, x[0], fma(simd, -pp - qq, x[1], x[2]))
}

/// `(z - aa) (z - bb) (z - cc)`, by the terms of the powers of `z`.
#[inline(always)]
fn product_of_all<T: Element, S: Vectors<T>>(simd: S, x: [S::V; 4]) -> S::V {
    let high = fma(simd, -AA - BB - CC, x[2], x[3]);
    fma(simd, AT_ZERO, x[0], fma(simd, AA * BB + AA * CC + BB * CC, x[1], high))
}

/// The values at `p` and `-p` of a polynomial with these coefficients, divided by `scale`.
#[inline(always)]
fn values<T: Element, S: Vectors<T>>(simd: S, [p, scale]: [f64; 2], x: [S::V; TAPS]) -> [S::V; 2] {
    let pp = p * p;
    let even = fma(simd, pp * pp / scale, x[4], fma(simd, pp / scale, x[2], mul(simd, 1.0 / scale, x[0])));
    pair(simd, p, even, fma(simd, pp / scale, x[3], mul(simd, 1.0 / scale, x[1])))
}

/// `start` and the sum of one vector for each pair of points, with their factors divided by [`AT_A`], [`AT_B`] and [`AT_C`].
#[inline(always)]
fn sum<T: Element, S: Vectors<T>>(simd: S, k: [f64; 3], x: [S::V; 3], start: S::V) -> S::V {
    fma(simd, k[2] / AT_C, x[2], fma(simd, k[1] / AT_B, x[1], fma(simd, k[0] / AT_A, x[0], start)))
}

/// `B^T`, of the inputs.
pub(super) struct Input;

impl<T: Element, S: Vectors<T>> Transform<T, S, PRODUCTS, PRODUCTS> for Input {
    #[inline(always)]
    fn apply(simd: S, [x0, x1, x2, x3, x4, x5, x6, x7]: [S::V; PRODUCTS]) -> [S::V; PRODUCTS] {
        let (even, odd) = ([x2, x4, x6], [x1, x3, x5]);
        let [a0, a1] =
            pair(simd, A, product_of_two(simd, [BB, CC], even), product_of_two(simd, [BB, CC], odd));
        let [b0, b1] =
            pair(simd, B, product_of_two(simd, [AA, CC], even), product_of_two(simd, [AA, CC], odd));
        let [c0, c1] =
            pair(simd, C, product_of_two(simd, [AA, BB], even), product_of_two(simd, [AA, BB], odd));
        let (first, last) = (product_of_all(simd, [x0, x2, x4, x6]), product_of_all(simd, [x1, x3, x5, x7]));
        [first, a0, a1, b0, b1, c0, c1, last]
    }
}

/// `G`, of the taps.
pub(super) struct Filter;

impl<T: Element, S: Vectors<T>> Transform<T, S, PRODUCTS, TAPS> for Filter {
    #[inline(always)]
    fn apply(simd: S, x: [S::V; TAPS]) -> [S::V; PRODUCTS] {
        let [a0, a1] = values(simd, [A, AT_A], x);
        let [b0, b1] = values(simd, [B, AT_B], x);
        let [c0, c1] = values(simd, [C, AT_C], x);
        [mul(simd, 1.0 / AT_ZERO, x[0]), a0, a1, b0, b1, c0, c1, x[4]]
    }
}

/// `A^T`, of the outputs.
pub(super) struct Output;

impl<T: Element, S: Vectors<T>> Transform<T, S, OUTPUTS, PRODUCTS> for Output {
    #[inline(always)]
    fn apply(simd: S, [x0, a0, a1, b0, b1, c0, c1, x7]: [S::V; PRODUCTS]) -> [S::V; OUTPUTS] {
        let ([even_a, odd_a], [even_b, odd_b]) = (both(simd, a0, a1), both(simd, b0, b1));
        let [even_c, odd_c] = both(simd, c0, c1);
        let last = fma(simd, C * CC, odd_c, fma(simd, B * BB, odd_b, fma(simd, A * AA, odd_a, x7)));
        [
            fma(simd, 1.0, even_c, fma(simd, 1.0, even_b, fma(simd, 1.0, even_a, x0))),
            fma(simd, C, odd_c, fma(simd, B, odd_b, mul(simd, A, odd_a))),
            fma(simd, CC, even_c, fma(simd, BB, even_b, mul(simd, AA, even_a))),
            last,
        ]
    }
}

/// `A`, of the gradient of the outputs.
pub(super) struct OutputGradient;

impl<T: Element, S: Vectors<T>> Transform<T, S, PRODUCTS, OUTPUTS> for OutputGradient {
    #[inline(always)]
    fn apply(simd: S, [x0, x1, x2, x3]: [S::V; OUTPUTS]) -> [S::V; PRODUCTS] {
        let [a0, a1] = pair(simd, A, fma(simd, AA, x2, x0), fma(simd, AA, x3, x1));
        let [b0, b1] = pair(simd, B, fma(simd, BB, x2, x0), fma(simd, BB, x3, x1));
        let [c0, c1] = pair(simd, C, fma(simd, CC, x2, x0), fma(simd, CC, x3, x1));
        [x0, a0, a1, b0, b1, c0, c1, x3]
    }
}

/// `G^T`, of the gradient of the products, which gives that of the taps.
pub(super) struct FilterGradient;

impl<T: Element, S: Vectors<T>> Transform<T, S, TAPS, PRODUCTS> for FilterGradient {
    #[inline(always)]
    fn apply(simd: S, [x0, a0, a1, b0, b1, c0, c1, x7]: [S::V; PRODUCTS]) -> [S::V; TAPS] {
        let ([even_a, odd_a], [even_b, odd_b]) = (both(simd, a0, a1), both(simd, b0, b1));
        let [even_c, odd_c] = both(simd, c0, c1);
        let (even, odd, zero) = ([even_a, even_b, even_c], [odd_a, odd_b, odd_c], simd.splat(T::zero()));
        [
            sum(simd, [1.0; 3], even, mul(simd, 1.0 / AT_ZERO, x0)),
            sum(simd, [A, B, C], odd, zero),
            sum(simd, [AA, BB, CC], even, zero),
            sum(simd, [A * AA, B * BB, C * CC], odd, zero),
            sum(simd, [AA * AA, BB * BB, CC * CC], even, x7),
        ]
    }
}
