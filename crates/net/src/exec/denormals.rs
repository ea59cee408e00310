//! Denormal floats cost a hundred cycles each on x86 and mean nothing here: while a chunk runs they count as zero.

use mode::{FLUSH, Word, read, write};

/// Restores the floating-point mode when dropped.
pub(crate) struct Guard {
    before: Word,
}

/// Makes denormal inputs and results zero on this thread until the guard is dropped, on x86-64 and 64-bit ARM.
pub(crate) fn flush() -> Guard {
    let before = read();
    write(before | FLUSH);
    Guard { before }
}

impl Drop for Guard {
    fn drop(&mut self) {
        write(self.before);
    }
}

/// The SSE control register.
#[cfg(target_arch = "x86_64")]
mod mode {
    pub(super) type Word = u32;

    /// Flush to zero, and denormals are zero.
    pub(super) const FLUSH: Word = 1 << 15 | 1 << 6;

    pub(super) fn read() -> Word {
        let mut value = 0u32;
        // SAFETY: stores the control register, which every x86-64 has, into a local.
        unsafe {
            std::arch::asm!("stmxcsr [{}]", in(reg) &raw mut value, options(nostack, preserves_flags));
        }
        value
    }

    pub(super) fn write(value: Word) {
        // SAFETY: differs from the value read only in the two denormal bits; rounding and exception masks stay.
        unsafe {
            std::arch::asm!("ldmxcsr [{}]", in(reg) &raw const value, options(nostack, preserves_flags, readonly));
        }
    }
}

/// The floating-point control register.
#[cfg(target_arch = "aarch64")]
mod mode {
    pub(super) type Word = u64;

    /// Flush to zero, inputs and results.
    pub(super) const FLUSH: Word = 1 << 24;

    pub(super) fn read() -> Word {
        let value;
        // SAFETY: copies the control register, which every 64-bit ARM has and every program may read.
        unsafe {
            std::arch::asm!("mrs {}, fpcr", out(reg) value, options(nomem, nostack, preserves_flags));
        }
        value
    }

    pub(super) fn write(value: Word) {
        // SAFETY: differs from the value read only in the bit for denormals; rounding and traps stay.
        unsafe {
            std::arch::asm!("msr fpcr, {}", in(reg) value, options(nostack, preserves_flags));
        }
    }
}

/// Elsewhere denormals stay what they are.
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
mod mode {
    pub(super) type Word = u8;

    pub(super) const FLUSH: Word = 0;

    pub(super) fn read() -> Word {
        0
    }

    pub(super) fn write(_: Word) {}
}

#[cfg(all(test, any(target_arch = "x86_64", target_arch = "aarch64")))]
mod tests {
    use std::hint::black_box;

    use super::*;

    #[test]
    fn denormals_are_zero_as_long_as_the_guard_lives() {
        let half = || black_box(f32::MIN_POSITIVE) * black_box(0.5);
        let denormal = half();
        let twice = || black_box(denormal) * black_box(2.0);
        assert_eq!(twice(), f32::MIN_POSITIVE);
        {
            let _guard = flush();
            assert_eq!(half().to_bits(), 0, "a result");
            assert_eq!(twice().to_bits(), 0, "an input");
        }
        assert_eq!((half(), twice()), (denormal, f32::MIN_POSITIVE));
    }
}
