//! 3x3 convolutions by minimal filtering (Lavin and Gray, arXiv 1509.09308, after Winograd): tiles of 4x4 outputs from
//! 36 products in place of 144, and tiles of 3x3 outputs from 25 in place of 81 where these fit a plane better.
//!
//! Tiles and filters are transformed with vectors of channels, so that an image fills whole vectors whatever its size;
//! between the transforms lie as many matrix products of tiles by channels. The transforms are chains of fused multiply-adds and the
//! products are those of [`super::tile`], so the contract of the kernels holds.

mod filter;
mod forward;
mod four;
mod layout;
mod minimal;
mod three;
mod tiles;
mod weights;

use super::conv::Geometry;
use super::reading::{Preparation, Prepared, Reading, Side, Weights};
use super::simd::{Vectors, Work};
use crate::tensor::Element;
use four::Four;
use layout::Grid;
use minimal::{Algorithm, TAPS};
use three::Three;

/// Fewer channels than this on either side do not pay for the transforms.
const CHANNELS: usize = 16;
/// Smaller planes leave tiles half empty.
const SMALLEST: usize = three::OUTPUTS;
/// Smaller planes have so few tiles in an image that the filters must meet several images, or be kept, to be worth transforming.
const SMALL: usize = 7;
/// Fewer tiles than this do not pay for the transforms of a gradient of the weights.
const TILES: usize = 16;

/// Whether minimal filtering is faster. That depends on the shapes of the layer and on [`How`](crate::scratch::How) alone, but for the
/// gradient of the weights, whose sum depends on the number of images in any case.
pub(super) fn pays<T>(reading: &Reading<'_, '_, T>) -> bool {
    match reading {
        Reading::Forward(forward) => suits(forward.geometry, forward.scratch.how.small_planes),
        Reading::Weights(Weights { geometry: g, dy, .. }) => {
            let images = dy.len() / g.output_len().max(1);
            covers(g) && images * Grid::over([g.output[1], g.output[2]]).tiles() >= TILES
        }
    }
}

/// Whether it pays for the output or the gradient of the input.
fn suits(g: &Geometry, small_planes: bool) -> bool {
    covers(g) && (small_planes || planes_have(g, SMALL))
}

/// Whether the shapes of a convolution suit the algorithm.
fn covers(g: &Geometry) -> bool {
    let filter = g.kernel == [1, 3, 3] && g.stride == [1; 3] && g.dilation == [1; 3] && g.groups == 1;
    let flat = g.input[0] == 1 && g.output[0] == 1 && g.pad[0] == 0 && g.pad.iter().all(|&p| p <= 2);
    let wide = [g.in_channels, g.out_channels].iter().all(|&c| c >= CHANNELS);
    filter && flat && wide && planes_have(g, SMALLEST)
}

/// Whether input and output have at least so many rows and columns.
fn planes_have(g: &Geometry, least: usize) -> bool {
    [g.input, g.output].into_iter().all(|size| plane(size).iter().all(|&n| n >= least))
}

/// Tiles that one thread takes at a time from which on their products hide the transforms of the filters.
const MANY: usize = 128;

/// Transforms filters for tiles so few that it pays to have them done once for all; `dispatch` chooses the vectors.
pub(super) fn prepare<T: Element>(
    preparation: Preparation<'_, '_, T>,
    dispatch: impl FnOnce(Making<'_, '_, T>),
) -> Option<Prepared<T>> {
    let g = preparation.geometry;
    let grid = Grid::over(written(g, preparation.side));
    let elements = (grid.side + TAPS - 1).pow(2) * g.in_channels * g.out_channels;
    let suits = suits(g, preparation.scratch.how.small_planes);
    if !suits || preparation.images * grid.tiles() >= MANY || elements > preparation.room {
        return None;
    }
    let mut made = None;
    dispatch(Making { preparation, made: &mut made });
    made
}

/// A preparation and where its result goes.
pub(super) struct Making<'a, 'b, T> {
    preparation: Preparation<'a, 'b, T>,
    made: &'b mut Option<Prepared<T>>,
}

impl<T: Element> Work<T> for Making<'_, '_, T> {
    fn run<S: Vectors<T>>(self, simd: S) {
        let plane = written(self.preparation.geometry, self.preparation.side);
        *self.made = Some(match Grid::over(plane).side {
            three::OUTPUTS => self.preparation.run::<S, Three, { three::OUTPUTS }, { three::PRODUCTS }>(simd),
            _ => self.preparation.run::<S, Four, { four::OUTPUTS }, { four::PRODUCTS }>(simd),
        });
    }
}

impl<T: Element> Work<T> for Reading<'_, '_, T> {
    fn run<S: Vectors<T>>(self, simd: S) {
        let plane = match &self {
            Self::Forward(forward) => written(forward.geometry, forward.side),
            Self::Weights(weights) => written(weights.geometry, Side::Output),
        };
        match Grid::over(plane).side {
            three::OUTPUTS => with::<T, S, Three, { three::OUTPUTS }, { three::PRODUCTS }>(self, simd),
            _ => with::<T, S, Four, { four::OUTPUTS }, { four::PRODUCTS }>(self, simd),
        }
    }
}

/// Computes a reading by one algorithm.
fn with<T: Element, S: Vectors<T>, A: Algorithm<T, S, M, N>, const M: usize, const N: usize>(
    reading: Reading<'_, '_, T>,
    simd: S,
) {
    match reading {
        Reading::Forward(forward) => forward.run::<S, A, M, N>(simd),
        Reading::Weights(weights) => weights.run::<S, A, M, N>(simd),
    }
}

/// The plane that a side of a convolution writes.
fn written(g: &Geometry, side: Side) -> [usize; 2] {
    plane(if side == Side::Output { g.output } else { g.input })
}

/// Height and width.
fn plane([_, height, width]: [usize; 3]) -> [usize; 2] {
    [height, width]
}
