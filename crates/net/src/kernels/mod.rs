//! CPU kernels: matrix products, convolutions, pools, interpolation and copies on slices.
//!
//! Contract of every kernel: each output element is one chain of operations whose order depends on the reduction
//! alone, never on how many other elements are computed beside it. Hence the same bits for any batch size, and,
//! as every step is a fused multiply-add, for any instruction set; only training on a [`matrix_unit`] has bits of its own.

mod bands;
#[cfg(target_arch = "x86_64")]
mod columns;
pub mod conv;
mod depthwise;
mod frame;
pub mod gemm;
pub mod interpolate;
pub mod matrix_unit;
pub mod pool;
mod product;
mod reading;
pub mod select;
mod simd;
mod team;
#[cfg(test)]
mod tests;
mod tile;
mod winograd;

pub use gemm::{Matrix, gemm};
pub(crate) use product::{Cut, Tables};
pub use product::{Product, Run, Start};
pub use reading::{Finish, Forward, Precision, Preparation, Prepared, Reading, Side, Taps, Weights};
pub(crate) use simd::widest;

use crate::op::Scratch;

/// Kernels for one floating-point type.
pub trait Kernels<T>: Send + Sync {
    /// Computes a product into `c`.
    fn product(&self, product: &Product<'_, T>, c: &mut [T], scratch: &mut Scratch<T>);

    /// Computes a convolution by an algorithm of its own where one pays, and says whether it did. Double precision, which serves to judge
    /// single precision, stays with the definition.
    fn shortcut(&self, reading: Reading<'_, '_, T>) -> bool;

    /// Brings weights into the form that [`Self::shortcut`] multiplies by, where making it is a large part of the work.
    fn prepare(&self, preparation: Preparation<'_, '_, T>) -> Option<Prepared<T>>;
}

/// Single precision, with the instruction set of this machine.
pub(crate) struct SingleKernels;

impl Kernels<f32> for SingleKernels {
    fn product(&self, product: &Product<'_, f32>, c: &mut [f32], scratch: &mut Scratch<f32>) {
        simd::single(product::Job { product, c, scratch });
    }

    fn shortcut(&self, reading: Reading<'_, '_, f32>) -> bool {
        if let Some(parts) = reading.parts()
            && matrix_unit::available()
            && matrix_unit::suits(&reading)
        {
            matrix_unit::run(reading, parts);
            return true;
        }
        if depthwise::suits(&reading) {
            depthwise::run(reading);
            return true;
        }
        let pays = winograd::pays(&reading);
        if pays {
            simd::single(reading);
        }
        pays
    }

    fn prepare(&self, preparation: Preparation<'_, '_, f32>) -> Option<Prepared<f32>> {
        let Preparation { geometry, side, ref scratch, .. } = preparation;
        let split = scratch.how.precision.parts(side == Side::Input).is_some();
        if split && matrix_unit::available() && matrix_unit::reads(geometry, side) {
            return None;
        }
        winograd::prepare(preparation, |making| simd::single(making))
    }
}

/// Double precision, with the instruction set of this machine.
pub(crate) struct DoubleKernels;

impl Kernels<f64> for DoubleKernels {
    fn product(&self, product: &Product<'_, f64>, c: &mut [f64], scratch: &mut Scratch<f64>) {
        simd::double(product::Job { product, c, scratch });
    }

    fn shortcut(&self, _: Reading<'_, '_, f64>) -> bool {
        false
    }

    fn prepare(&self, _: Preparation<'_, '_, f64>) -> Option<Prepared<f64>> {
        None
    }
}
