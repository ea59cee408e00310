//! The floating-point types of images.

use num_traits::Float;
use rustfft::FftNum;

/// `f32` or `f64`.
pub trait Real: Float + FftNum + std::iter::Sum + std::ops::AddAssign + Default {
    /// The nearest value of this type.
    fn of(value: f64) -> Self;
    /// This value in double precision (exact).
    fn f64(self) -> f64;
    /// This whole number (exact below 2^24).
    fn int(value: i32) -> Self;
    /// The integer part.
    ///
    /// # Safety
    /// The value lies in 0 .. 2^31.
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
