//! The floating-point types of images.

use std::sync::Arc;

use num_traits::Float;
use rustfft::{Fft, FftNum, FftPlanner};

use crate::backprojection::Rows;
use crate::rays::{Project, Spread};

/// `f32` or `f64`.
pub trait Real: Float + FftNum + std::iter::Sum + std::ops::AddAssign + Default + Compiled {
    /// The nearest value of this type.
    fn of(value: f64) -> Self;
    /// This value in double precision (exact).
    fn f64(self) -> f64;
    /// This whole number (exact below 2^24).
    fn int(value: i32) -> Self;
    /// The integer part.
    ///
    /// # Safety
    /// It lies in -2^31 .. 2^31.
    unsafe fn whole(self) -> i32;
}

impl Real for f32 {
    #[inline(always)]
    fn of(value: f64) -> Self {
        value as f32
    }
    #[inline(always)]
    fn f64(self) -> f64 {
        f64::from(self)
    }
    #[inline(always)]
    fn int(value: i32) -> Self {
        value as f32
    }
    #[inline(always)]
    unsafe fn whole(self) -> i32 {
        // SAFETY: as the caller promises.
        unsafe { self.to_int_unchecked() }
    }
}

impl Real for f64 {
    #[inline(always)]
    fn of(value: f64) -> Self {
        value
    }
    #[inline(always)]
    fn f64(self) -> f64 {
        self
    }
    #[inline(always)]
    fn int(value: i32) -> Self {
        f64::from(value)
    }
    #[inline(always)]
    unsafe fn whole(self) -> i32 {
        // SAFETY: as the caller promises.
        unsafe { self.to_int_unchecked() }
    }
}

/// What takes compilers long, compiled here for each type and not again in every crate that uses it.
pub trait Compiled: Sized {
    /// Projects with the vectors of this machine.
    fn project(work: Project<'_, Self>);
    /// Projects back, unfiltered and transposed, with the vectors of this machine.
    fn spread(work: Spread<'_, Self>);
    /// Adds filtered projections with the vectors of this machine.
    fn back(work: Rows<'_, Self>);
    /// Fourier transforms of a size: forward, inverse.
    fn transforms(size: usize) -> [Arc<dyn Fft<Self>>; 2];
}

macro_rules! compiled {
    ($($real:ty),*) => {$(
        impl Compiled for $real {
            fn project(work: Project<'_, Self>) {
                pulp::Arch::new().dispatch(work);
            }
            fn spread(work: Spread<'_, Self>) {
                pulp::Arch::new().dispatch(work);
            }
            fn back(work: Rows<'_, Self>) {
                pulp::Arch::new().dispatch(work);
            }
            fn transforms(size: usize) -> [Arc<dyn Fft<Self>>; 2] {
                let mut planner = FftPlanner::new();
                [planner.plan_fft_forward(size), planner.plan_fft_inverse(size)]
            }
        }
    )*};
}
compiled!(f32, f64);
