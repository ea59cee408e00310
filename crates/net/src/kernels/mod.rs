//! CPU kernels: matrix products, convolutions, pools, interpolation and copies on slices.
//!
//! Contract of every kernel: each output element is one chain of operations whose order depends on the reduction
//! alone, never on how many other elements are computed beside it. Hence the same bits for any batch size.

pub mod conv;
pub mod gemm;
pub mod interpolate;
pub mod pool;
pub mod select;

pub use gemm::{Kernels, Matrix};

use crate::tensor::Element;

/// Kernels in single precision.
pub(crate) fn f32_kernels() -> &'static dyn Kernels<f32> {
    &gemm::Portable
}

/// Kernels in double precision.
pub(crate) fn f64_kernels() -> &'static dyn Kernels<f64> {
    &gemm::Portable
}

/// `c += a b`, see [`Kernels::gemm`].
pub fn gemm<T: Element>(a: Matrix<'_, T>, b: Matrix<'_, T>, c: &mut [T], stride: usize) {
    T::kernels().gemm(a, b, c, stride);
}
