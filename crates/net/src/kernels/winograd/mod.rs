//! Convolutions by minimal filtering (Lavin and Gray, arXiv 1509.09308, after Winograd). Of planes with 3x3 taps: tiles of 4x4 outputs from
//! 36 products in place of 144, and tiles of 3x3 outputs from 25 in place of 81 where these fit a plane better. Of lines: 4 outputs from 8
//! products in place of 20 with five taps, from 6 in place of 12 with three.
//!
//! Tiles and filters are transformed with vectors of channels, so that an image fills whole vectors whatever its size;
//! between the transforms lie as many matrix products of tiles by channels. The transforms are chains of fused multiply-adds and the
//! products are those of [`super::tile`], so the contract of the kernels holds.

mod filter;
mod five;
mod forward;
mod four;
mod layout;
mod minimal;
mod three;
mod tiles;
mod weights;

use super::conv::Geometry;
use super::reading::{Precision, Preparation, Prepared, Reading, Side, Weights};
use super::simd::{Vectors, Work};
use crate::scratch::How;
use crate::tensor::Element;
use five::Five;
use four::Four;
use layout::{Grid, Shape};
use minimal::{Algorithm, Line, Plane};
use three::Three;

type PlaneFour = Plane<Four, { four::OUTPUTS }, { four::PRODUCTS }, { four::TAPS }>;
type PlaneThree = Plane<Three, { three::OUTPUTS }, { three::PRODUCTS }, { four::TAPS }>;
type LineThree = Line<Four, { four::OUTPUTS }, { four::PRODUCTS }, { four::TAPS }>;
type LineFive = Line<Five, { five::OUTPUTS }, { five::PRODUCTS }, { five::TAPS }>;

const SHAPES: [Shape; 4] = [PlaneFour::SHAPE, PlaneThree::SHAPE, LineThree::SHAPE, LineFive::SHAPE];

/// Fewer channels than this on either side do not pay for the transforms.
const CHANNELS: usize = 16;
/// Smaller planes leave tiles half empty.
const SMALLEST: usize = three::OUTPUTS;
/// Smaller planes have so few tiles in an image that the filters must meet several images, or be kept, to be worth transforming.
const SMALL: usize = 7;
/// Shorter lines have so few.
const SHORT: usize = 32;
/// Fewer tiles than this do not pay for the transforms of a gradient of the weights.
const TILES: usize = 16;

/// Whether minimal filtering is faster. That depends on the shapes of the layer and on [`How`] alone, but for the
/// gradient of the weights, whose sum depends on the number of images in any case.
pub(super) fn pays<T>(reading: &Reading<'_, '_, T>) -> bool {
    match reading {
        Reading::Forward(forward) => suits(forward.geometry, forward.scratch.how),
        Reading::Weights(Weights { geometry: g, dy, scratch, .. }) => {
            let images = dy.len() / g.output_len().max(1);
            scratch.how.precision != Precision::Direct
                && covers(g)
                && grid(g, Side::Output).is_some_and(|grid| images * grid.tiles() >= TILES)
        }
    }
}

/// Whether it pays for the output or the gradient of the input.
fn suits(g: &Geometry, how: How) -> bool {
    how.precision != Precision::Direct
        && covers(g)
        && (how.small_planes || g.kernel[1] == 1 || planes_have(g, [SMALL; 2]))
}

/// Whether the shapes of a convolution suit an algorithm.
fn covers(g: &Geometry) -> bool {
    let dense = g.stride == [1; 3] && g.dilation == [1; 3] && g.groups == 1 && g.kernel[0] == 1;
    let flat = g.input[0] == 1 && g.output[0] == 1 && (0..3).all(|axis| g.pad[axis] < g.kernel[axis]);
    let wide = [g.in_channels, g.out_channels].iter().all(|&c| c >= CHANNELS);
    let least = if g.kernel[1] == 1 { [1, SHORT] } else { [SMALLEST; 2] };
    dense && flat && wide && SHAPES.iter().any(|shape| shape.taps == plane(g.kernel)) && planes_have(g, least)
}

/// Whether input and output have at least so many rows and columns.
fn planes_have(g: &Geometry, least: [usize; 2]) -> bool {
    [g.input, g.output].into_iter().all(|size| plane(size).iter().zip(least).all(|(&n, least)| n >= least))
}

/// The tiles over the plane that a side of a convolution writes, of the algorithm that takes the fewest products.
fn grid(g: &Geometry, side: Side) -> Option<Grid> {
    let written = plane(if side == Side::Output { g.output } else { g.input });
    let suited = SHAPES.into_iter().filter(|shape| shape.taps == plane(g.kernel));
    suited.map(|shape| Grid::over(written, shape)).min_by_key(Grid::products)
}

/// Tiles that one thread takes at a time from which on their products hide the transforms of the filters.
const MANY: usize = 128;

/// Transforms filters for tiles so few that it pays to have them done once for all; `dispatch` chooses the vectors.
pub(super) fn prepare<T: Element>(
    preparation: Preparation<'_, '_, T>,
    dispatch: impl FnOnce(Making<'_, '_, T>),
) -> Option<Prepared<T>> {
    let g = preparation.geometry;
    if !suits(g, preparation.scratch.how) {
        return None;
    }
    let grid = grid(g, preparation.side)?;
    if preparation.images * grid.tiles() >= MANY {
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
        choose(self, simd);
    }
}

impl<T: Element> Work<T> for Reading<'_, '_, T> {
    fn run<S: Vectors<T>>(self, simd: S) {
        choose(self, simd);
    }
}

/// Work that any algorithm does.
trait Filtered<T> {
    /// The shapes of the convolution, and the side that is written in tiles.
    fn layer(&self) -> (&Geometry, Side);
    /// Does it by one algorithm.
    fn by<S: Vectors<T>, A: Algorithm<T, S>>(self, simd: S);
}

/// Does the work by the algorithm that takes the fewest products.
fn choose<T: Element, S: Vectors<T>>(work: impl Filtered<T>, simd: S) {
    let (g, side) = work.layer();
    match grid(g, side).map(|grid| grid.shape) {
        Some(PlaneThree::SHAPE) => work.by::<S, PlaneThree>(simd),
        Some(LineThree::SHAPE) => work.by::<S, LineThree>(simd),
        Some(LineFive::SHAPE) => work.by::<S, LineFive>(simd),
        _ => work.by::<S, PlaneFour>(simd),
    }
}

impl<T: Element> Filtered<T> for Making<'_, '_, T> {
    fn layer(&self) -> (&Geometry, Side) {
        (self.preparation.geometry, self.preparation.side)
    }

    fn by<S: Vectors<T>, A: Algorithm<T, S>>(self, simd: S) {
        *self.made = Some(self.preparation.run::<S, A>(simd));
    }
}

impl<T: Element> Filtered<T> for Reading<'_, '_, T> {
    fn layer(&self) -> (&Geometry, Side) {
        match self {
            Self::Forward(forward) => (forward.geometry, forward.side),
            Self::Weights(weights) => (weights.geometry, Side::Output),
        }
    }

    fn by<S: Vectors<T>, A: Algorithm<T, S>>(self, simd: S) {
        match self {
            Self::Forward(forward) => forward.run::<S, A>(simd),
            Self::Weights(weights) => weights.run::<S, A>(simd),
        }
    }
}

/// Height and width.
fn plane([_, height, width]: [usize; 3]) -> [usize; 2] {
    [height, width]
}
