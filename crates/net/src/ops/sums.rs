//! Sums in eight interleaved chains: quick and accurate in single precision, and always in the same order.

use crate::tensor::Element;

const LANES: usize = 8;

/// The sum of `values`; the order of additions depends on their number alone.
pub(super) fn sum<T: Element>(values: &[T]) -> T {
    sum_of(values, values, |v, _| v)
}

/// The sum of `f(a, b)` over two slices of the same length, in the order of [`sum`].
pub(super) fn sum_of<T: Element>(a: &[T], b: &[T], f: impl Fn(T, T) -> T) -> T {
    let mut lanes = [T::zero(); LANES];
    let (a_blocks, b_blocks) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let rest = a_blocks.remainder().iter().zip(b_blocks.remainder());
    for (a, b) in a_blocks.zip(b_blocks) {
        for ((lane, &a), &b) in lanes.iter_mut().zip(a).zip(b) {
            *lane += f(a, b);
        }
    }
    for (lane, (&a, &b)) in lanes.iter_mut().zip(rest) {
        *lane += f(a, b);
    }
    let [a, b, c, d, e, f, g, h] = lanes;
    ((a + e) + (c + g)) + ((b + f) + (d + h))
}
