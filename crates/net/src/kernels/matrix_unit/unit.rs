//! The unit itself: permission, configuration, and products of two tiles with two others.

use std::arch::asm;
use std::arch::x86_64::{__cpuid, __cpuid_count};
use std::marker::PhantomData;

/// Rows of a tile.
pub(super) const ROWS: usize = 16;
/// Products of one step of a sum, at most: numbers in a row of the first factor.
pub(super) const DEPTH: usize = 32;
/// Bytes of a row.
pub(super) const ROW: usize = 64;
/// Bytes of a tile.
pub(super) const BYTES: usize = ROWS * ROW;
/// Words of a tile.
pub(super) const TILE_WORDS: usize = BYTES / 4;

/// Whether the processor has the unit and the system lets this process use it.
pub(super) fn permitted() -> bool {
    const TILES_AND_BFLOAT16: u32 = 1 << 24 | 1 << 22;
    let vectors = is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512bf16");
    let unit = __cpuid(0).eax >= 7 && __cpuid_count(7, 0).edx & TILES_AND_BFLOAT16 == TILES_AND_BFLOAT16;
    vectors && unit && ask()
}

/// Asks the system for the state of the tiles, for all threads of this process.
fn ask() -> bool {
    const REQUEST_PERMISSION: i32 = 0x1023;
    const TILE_DATA: u64 = 18;
    // SAFETY: the call changes what this process may use, nothing else.
    unsafe { libc::syscall(libc::SYS_arch_prctl, REQUEST_PERMISSION, TILE_DATA) == 0 }
}

/// The configuration of the eight tiles, in the processor's layout: 0 to 3 sums, 4 and 5 first factors or further sums, 6 and 7 second factors.
#[repr(C, align(64))]
struct Shapes {
    palette: u8,
    start: u8,
    reserved: [u8; 14],
    row_bytes: [u16; 16],
    rows: [u8; 16],
}

/// The unit, configured for this thread, which it may not leave, until it is dropped.
#[derive(Debug)]
pub(super) struct Unit(PhantomData<*const ()>);

impl Unit {
    /// Configures the unit for sums whose steps have `depth` products, an even number up to [`DEPTH`].
    pub(super) fn configured(depth: usize) -> Self {
        assert!(super::available() && depth.is_multiple_of(2) && (2..=DEPTH).contains(&depth));
        let (mut row_bytes, mut rows) = ([0; 16], [0; 16]);
        for tile in 0..8 {
            row_bytes[tile] = if matches!(tile, 4 | 5) { 2 * depth as u16 } else { ROW as u16 };
            rows[tile] = if tile >= 6 { depth as u8 / 2 } else { ROWS as u8 };
        }
        let shapes = Shapes { palette: 1, start: 0, reserved: [0; 14], row_bytes, rows };
        // SAFETY: the unit is available and the shapes are within its limits.
        unsafe { asm!("ldtilecfg [{}]", in(reg) &raw const shapes, options(nostack, readonly)) };
        Self(PhantomData)
    }
}

impl Drop for Unit {
    fn drop(&mut self) {
        // SAFETY: only a configured unit is dropped.
        unsafe { asm!("tilerelease", options(nostack, nomem)) };
    }
}

/// Where the factors of four tiles of sums lie: two tiles of rows times two tiles of columns.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub(super) struct Factors {
    /// High parts of the two first factors.
    pub(super) a: [*const u8; 2],
    /// High parts of the two second factors.
    pub(super) b: [*const u8; 2],
    /// Bytes from the high to the low part of a first factor.
    pub(super) a_low: usize,
    /// Bytes from the high to the low part of a second factor.
    pub(super) b_low: usize,
    /// Bytes between rows of a first factor.
    pub(super) a_row: usize,
    /// Bytes between rows of a second factor: each has pairs of numbers, one pair for a column.
    pub(super) b_row: usize,
    /// Parts of each factor: the high one alone, or both.
    pub(super) parts: usize,
}

/// Sums of a tile, row by row.
pub(super) const SUMS: usize = ROWS * ROW / 4;

/// The products of both first with both second factors, added to the four sums.
macro_rules! products {
    () => {
        concat!(
            "tdpbf16ps tmm0, tmm4, tmm6\n",
            "tdpbf16ps tmm1, tmm5, tmm6\n",
            "tdpbf16ps tmm2, tmm4, tmm7\n",
            "tdpbf16ps tmm3, tmm5, tmm7",
        )
    };
}

/// The products of one step from the high parts of the factors.
macro_rules! high {
    () => {
        concat!(
            "tileloadd tmm6, [{u} + {b_row}]\n",
            "tileloadd tmm7, [{v} + {b_row}]\n",
            "tileloadd tmm4, [{x} + {a_row}]\n",
            "tileloadd tmm5, [{y} + {a_row}]\n",
            products!(),
        )
    };
}

/// The products of one step from both parts: low ones of the first factor come first, so that a tile is loaded no more than twice.
macro_rules! high_and_low {
    () => {
        concat!(
            "tileloadd tmm6, [{u} + {b_row}]\n",
            "tileloadd tmm7, [{v} + {b_row}]\n",
            "add {x}, [{f} + 32]\n",
            "add {y}, [{f} + 32]\n",
            "tileloadd tmm4, [{x} + {a_row}]\n",
            "tileloadd tmm5, [{y} + {a_row}]\n",
            products!(),
            "\nsub {x}, [{f} + 32]\n",
            "sub {y}, [{f} + 32]\n",
            "tileloadd tmm4, [{x} + {a_row}]\n",
            "tileloadd tmm5, [{y} + {a_row}]\n",
            products!(),
            "\nadd {u}, [{f} + 40]\n",
            "add {v}, [{f} + 40]\n",
            "tileloadd tmm6, [{u} + {b_row}]\n",
            "tileloadd tmm7, [{v} + {b_row}]\n",
            products!(),
        )
    };
}

/// Four sums over all steps.
macro_rules! four_sums {
    ($products:expr, $factors:ident, $steps:ident, $tiles:ident) => {{
        let range = $steps.as_ptr_range();
        asm!(
            "tilezero tmm0",
            "tilezero tmm1",
            "tilezero tmm2",
            "tilezero tmm3",
            "2:",
            "mov {x}, [{step}]",
            "mov {u}, [{step} + 8]",
            "mov {y}, {x}",
            "mov {v}, {u}",
            "add {x}, [{f}]",
            "add {y}, [{f} + 8]",
            "add {u}, [{f} + 16]",
            "add {v}, [{f} + 24]",
            $products,
            "add {step}, 16",
            "cmp {step}, {end}",
            "jb 2b",
            "mov {x:e}, 64",
            "mov {y}, [{c}]",
            "tilestored [{y} + {x}], tmm0",
            "mov {y}, [{c} + 8]",
            "tilestored [{y} + {x}], tmm1",
            "mov {y}, [{c} + 16]",
            "tilestored [{y} + {x}], tmm2",
            "mov {y}, [{c} + 24]",
            "tilestored [{y} + {x}], tmm3",
            f = in(reg) &raw const *$factors,
            step = inout(reg) range.start => _,
            end = in(reg) range.end,
            a_row = in(reg) $factors.a_row,
            b_row = in(reg) $factors.b_row,
            c = in(reg) &raw const $tiles,
            x = out(reg) _,
            y = out(reg) _,
            u = out(reg) _,
            v = out(reg) _,
            out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
            out("tmm4") _, out("tmm5") _, out("tmm6") _, out("tmm7") _,
            options(nostack),
        );
    }};
}

impl Unit {
    /// Overwrites four tiles by the products of the factors, summed over all `steps`: for each one the bytes from its [`Factors`] to the tiles of the first and of
    /// the second factors. The tiles are those of the first second factor with both first ones, then of the second one. Without steps nothing happens.
    ///
    /// # Safety
    /// The rows of all tiles at all steps, high and low parts, lie in memory that may be read. The tiles of sums may be written; two of them may be the same
    /// where their factors are.
    pub(super) unsafe fn multiply(&self, factors: &Factors, steps: &[[usize; 2]], tiles: [*mut f32; 4]) {
        if steps.is_empty() {
            return;
        }
        // SAFETY: the unit is configured; the caller answers for what is read and written.
        unsafe {
            match factors.parts {
                1 => four_sums!(high!(), factors, steps, tiles),
                _ => four_sums!(high_and_low!(), factors, steps, tiles),
            }
        }
    }
}
