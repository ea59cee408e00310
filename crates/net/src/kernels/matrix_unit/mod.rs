//! Convolutions on the matrix unit of recent x86-64 processors (AMX): 16x16 tiles of sums of 32 products at a time, some sixteen times
//! as many as vectors do.
//!
//! The unit multiplies numbers of 8 significant bits (bfloat16) and adds in single precision. Each factor is therefore split into two such
//! numbers, `x = high + low + rest` with `|rest| <= 2^-16 |x|`, and a product is `high high + high low + low high`, at three times the price
//! (Henry, Tang and Heinecke, *Leveraging the bfloat16 artificial intelligence datatype for higher-precision computations*, ARITH 2019,
//! arXiv 1904.06376). What is lost is at most `3 * 2^-16` of each product, and up to 5e-6 of the largest result in the tests. Training bears that;
//! predictions, single gradients and bounds are not computed so, and follow the reference of other libraries more closely. Where a training asks for
//! [`Precision::Mixed`](super::Precision), gradients are computed from high parts alone, as usual in mixed precision (Micikevicius et al., arXiv 1710.03740).
//!
//! Planes with their zeros are read as one line, on which a tap of the filter is a shift. Positions are rows of the first factor, with their channels in one
//! cache line, so that at every shift the unit reads its tiles from the split images themselves, and there are no column matrices.
//!
//! The order of each sum depends on the shapes of the layer alone, hence the same bits for any number of threads and any batch. A machine without the unit
//! computes in another order: see [`available`].

#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
mod filters;
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
mod forward;
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
mod line;
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
mod lines;
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
mod rows;
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
mod six;
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
mod split;
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
mod unit;
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
mod weights;

use super::conv::Geometry;
use super::{Reading, Side};

/// Fewer channels than this leave most of a tile empty.
const CHANNELS: usize = 8;
/// Fewer positions than this, over all images, do not pay for the transposition of a gradient of the weights.
const POSITIONS: usize = 24;

/// Whether this machine has the unit and may use it. The environment variable `MODELMEND_PORTABLE` (any value) leaves it unused, for the bits
/// that other machines compute.
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
pub fn available() -> bool {
    use std::sync::OnceLock;
    static AVAILABLE: OnceLock<bool> = OnceLock::new();
    *AVAILABLE.get_or_init(|| std::env::var_os("MODELMEND_PORTABLE").is_none() && unit::permitted())
}

/// Whether this machine has the unit: it has not.
#[cfg(not(all(target_arch = "x86_64", target_os = "linux")))]
pub fn available() -> bool {
    false
}

/// Whether the unit computes this reading faster. For output and input gradient that depends on the shapes of the layer alone.
pub(super) fn suits(reading: &Reading<'_, '_, f32>) -> bool {
    match reading {
        Reading::Forward(forward) => reads(forward.geometry, forward.side),
        Reading::Weights(weights) => {
            let g = weights.geometry;
            let positions = weights.dy.len() / g.out_channels.max(1);
            let wide = [g.in_channels, g.out_channels].iter().all(|&c| c >= CHANNELS);
            covers(g) && wide && positions >= POSITIONS
        }
    }
}

/// Whether the unit computes this side of a convolution faster.
pub(super) fn reads(g: &Geometry, side: Side) -> bool {
    let read = if side == Side::Output { g.in_channels } else { g.out_channels };
    covers(g) && read >= CHANNELS
}

/// Whether the taps of a convolution are shifts of one line: no strides and no groups, and no more padding than taps reach.
fn covers(g: &Geometry) -> bool {
    let reach = |a: usize| (g.kernel[a] - 1) * g.dilation[a];
    g.groups == 1 && g.stride == [1; 3] && (0..3).all(|a| g.pad[a] <= reach(a))
}

/// Computes a reading that [`suits`] from so many parts of its factors, on a machine where the unit is [`available`].
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
pub(super) fn run(reading: Reading<'_, '_, f32>, parts: usize) {
    assert!(available(), "this machine has no matrix unit");
    // SAFETY: machines with the unit have the instructions.
    match reading {
        Reading::Forward(work) => unsafe { forward::run(work, parts) },
        Reading::Weights(work) => unsafe { weights::run(work, parts) },
    }
}

/// Computes nothing: no reading gets here.
#[cfg(not(all(target_arch = "x86_64", target_os = "linux")))]
pub(super) fn run(_: Reading<'_, '_, f32>, _: usize) {
    unreachable!("this machine has no matrix unit");
}
