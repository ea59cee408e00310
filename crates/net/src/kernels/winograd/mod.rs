//! 3x3 convolutions by minimal filtering (Lavin and Gray, arXiv 1509.09308, after Winograd): tiles of 4x4 outputs from
//! 36 products in place of 144.
//!
//! Tiles and filters are transformed with vectors of channels, so that an image fills whole vectors whatever its size;
//! between the transforms lie 36 matrix products of tiles by channels. The transforms are chains of fused multiply-adds and the
//! products are those of [`super::tile`], so the contract of the kernels holds.

mod filter;
mod forward;
mod layout;
mod minimal;
mod tiles;
mod weights;

use super::conv::Geometry;
use super::reading::{Reading, Weights};
use super::simd::{Vectors, Work};
use crate::tensor::Element;
use layout::Grid;

/// Fewer channels than this on either side do not pay for the transforms.
const CHANNELS: usize = 16;
/// Smaller planes waste too much of their tiles, and a single image would pay more for the filters than it saves.
const PLANE: usize = 7;
/// Fewer tiles than this do not pay for the transforms of a gradient of the weights.
const TILES: usize = 16;

/// Whether minimal filtering is faster. That depends on the shapes of the layer alone, but for the gradient of the weights,
/// whose sum depends on the number of images in any case.
pub(super) fn pays<T>(reading: &Reading<'_, '_, T>) -> bool {
    match reading {
        Reading::Forward(forward) => covers(forward.geometry),
        Reading::Weights(Weights { geometry: g, dy, .. }) => {
            let images = dy.len() / g.output_len().max(1);
            covers(g) && images * Grid::over([g.output[1], g.output[2]]).tiles() >= TILES
        }
    }
}

/// Whether the shapes of a convolution suit the algorithm.
fn covers(g: &Geometry) -> bool {
    let filter = g.kernel == [1, 3, 3] && g.stride == [1; 3] && g.dilation == [1; 3] && g.groups == 1;
    let flat = g.input[0] == 1 && g.output[0] == 1 && g.pad[0] == 0 && g.pad.iter().all(|&p| p <= 2);
    let wide = [g.in_channels, g.out_channels].iter().all(|&c| c >= CHANNELS);
    filter && flat && wide && g.output[1..].iter().all(|&s| s >= PLANE)
}

impl<T: Element> Work<T> for Reading<'_, '_, T> {
    fn run<S: Vectors<T>>(self, simd: S) {
        match self {
            Self::Forward(forward) => forward.run(simd),
            Self::Weights(weights) => weights.run(simd),
        }
    }
}

/// Height and width.
fn plane([_, height, width]: [usize; 3]) -> [usize; 2] {
    [height, width]
}
