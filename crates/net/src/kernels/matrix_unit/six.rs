//! Sums of six tiles that share their first factor.

use std::arch::asm;

use super::unit::{BYTES, ROW, Unit};

/// Sums that are computed at a time: two of the eight tiles are left for the factors.
pub(super) const SIX: usize = 6;

/// Where the factors of six sums lie. Rows of all tiles follow each other.
#[derive(Clone, Copy, Debug)]
pub(super) struct OneBySix {
    /// The first factor: for each step a tile of high and, where there are two parts, a tile of low ones.
    pub(super) a: *const u8,
    /// The second factors: for each step a tile of high parts.
    pub(super) b: [*const u8; SIX],
    /// Bytes from the high to the low part of a second factor.
    pub(super) b_low: usize,
    /// Parts of each factor: the high one alone, or both.
    pub(super) parts: usize,
}

/// Where sums begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Begin {
    Zero,
    /// With what the tiles hold.
    Tiles,
}

/// A line for each of the six sums.
macro_rules! six {
    ($line:ident) => {
        concat!(
            $line!("0", "b0", "0"),
            $line!("1", "b1", "8"),
            $line!("2", "b2", "16"),
            $line!("3", "b3", "24"),
            $line!("4", "b4", "32"),
            $line!("5", "b5", "40")
        )
    };
}

macro_rules! zero {
    ($tile:literal, $b:literal, $place:literal) => {
        concat!("tilezero tmm", $tile, "\n")
    };
}

macro_rules! held {
    ($tile:literal, $b:literal, $place:literal) => {
        concat!("mov {t}, [{c} + ", $place, "]\ntileloadd tmm", $tile, ", [{t} + {row}]\n")
    };
}

macro_rules! kept {
    ($tile:literal, $b:literal, $place:literal) => {
        concat!("mov {t}, [{c} + ", $place, "]\ntilestored [{t} + {row}], tmm", $tile, "\n")
    };
}

macro_rules! high {
    ($tile:literal, $b:literal, $place:literal) => {
        concat!("tileloadd tmm7, [{", $b, "} + {row}]\ntdpbf16ps tmm", $tile, ", tmm6, tmm7\n")
    };
}

macro_rules! low {
    ($tile:literal, $b:literal, $place:literal) => {
        concat!(
            "lea {t}, [{",
            $b,
            "} + {low}]\ntileloadd tmm7, [{t} + {row}]\ntdpbf16ps tmm",
            $tile,
            ", tmm6, tmm7\n"
        )
    };
}

macro_rules! advance {
    ($tile:literal, $b:literal, $place:literal) => {
        concat!("add {", $b, "}, 1024\n")
    };
}

/// Products of one step from the high parts.
macro_rules! from_high {
    () => {
        concat!(
            "tileloadd tmm6, [{a} + {row}]\n",
            six!(high),
            "add {a}, 1024 /* low parts {low} bytes behind stay unread */\n"
        )
    };
}

/// Products of one step from both parts: low ones of the first factor come first, so that its tiles are loaded once.
macro_rules! from_both {
    () => {
        concat!(
            "tileloadd tmm6, [{a} + {row} + 1024]\n",
            six!(high),
            "tileloadd tmm6, [{a} + {row}]\n",
            six!(high),
            six!(low),
            "add {a}, 2048\n"
        )
    };
}

macro_rules! sums {
    ($begin:expr, $products:expr, $factors:ident, $steps:ident, $tiles:ident) => {{
        let [b0, b1, b2, b3, b4, b5] = $factors.b;
        asm!(
            $begin,
            "2:",
            $products,
            six!(advance),
            "dec {steps}",
            "jnz 2b",
            six!(kept),
            a = inout(reg) $factors.a => _,
            b0 = inout(reg) b0 => _,
            b1 = inout(reg) b1 => _,
            b2 = inout(reg) b2 => _,
            b3 = inout(reg) b3 => _,
            b4 = inout(reg) b4 => _,
            b5 = inout(reg) b5 => _,
            low = in(reg) $factors.b_low,
            row = in(reg) ROW,
            steps = inout(reg) $steps => _,
            c = in(reg) &raw const $tiles,
            t = out(reg) _,
            out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
            out("tmm4") _, out("tmm5") _, out("tmm6") _, out("tmm7") _,
            options(nostack),
        );
    }};
}

const _: () = assert!(BYTES == 1024);

impl Unit {
    /// Products of the first with all second factors over so many steps, added to six tiles or overwriting them. Without steps nothing happens.
    ///
    /// # Safety
    /// The unit is configured for whole tiles. The tiles of all steps, high and low parts, lie in memory that may be read. The tiles of sums may be written; two of them may
    /// be the same where their factors are.
    pub(super) unsafe fn multiply_six(
        &self,
        factors: &OneBySix,
        steps: usize,
        tiles: [*mut f32; SIX],
        begin: Begin,
    ) {
        if steps == 0 {
            return;
        }
        // SAFETY: the unit is configured; the caller answers for what is read and written.
        unsafe {
            match (begin, factors.parts) {
                (Begin::Zero, 1) => sums!(six!(zero), from_high!(), factors, steps, tiles),
                (Begin::Zero, _) => sums!(six!(zero), from_both!(), factors, steps, tiles),
                (Begin::Tiles, 1) => sums!(six!(held), from_high!(), factors, steps, tiles),
                (Begin::Tiles, _) => sums!(six!(held), from_both!(), factors, steps, tiles),
            }
        }
    }
}
