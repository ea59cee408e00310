//! How channels and tiles lie in memory while they are transformed.

use std::ops::Range;

use super::{four, three};

/// Channels cut into panels of whole vectors, as equal as possible.
#[derive(Clone, Copy, Debug)]
pub(super) struct Panels {
    /// Channels that exist; the last vector may reach beyond them.
    pub(super) channels: usize,
    pub(super) count: usize,
    vectors: usize,
    pub(super) lanes: usize,
}

impl Panels {
    /// Panels of at most so many vectors.
    pub(super) fn new(channels: usize, lanes: usize, most: usize) -> Self {
        let vectors = channels.div_ceil(lanes);
        Self { channels, count: vectors.div_ceil(most), vectors, lanes }
    }

    /// Channels with those that fill up the last vector.
    pub(super) fn padded(&self) -> usize {
        self.vectors * self.lanes
    }

    /// The channels of a panel, filled up.
    pub(super) fn range(&self, panel: usize) -> Range<usize> {
        let at = |p: usize| p * self.vectors / self.count * self.lanes;
        at(panel)..at(panel + 1)
    }

    /// The channels of a panel that exist.
    pub(super) fn existing(&self, panel: usize) -> Range<usize> {
        let range = self.range(panel);
        range.start..range.end.min(self.channels)
    }

    /// Channels of the widest panel.
    pub(super) fn widest(&self) -> usize {
        self.vectors.div_ceil(self.count) * self.lanes
    }
}

/// A matrix of `rows x width` for each product of the algorithm.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stack {
    pub(super) rows: usize,
    pub(super) width: usize,
    pub(super) lanes: usize,
}

impl Stack {
    /// Distance of two matrices: an odd number of vectors, so that the elements of a tile do not compete for one set of
    /// the cache.
    pub(super) fn stride(&self) -> usize {
        ((self.rows * self.width / self.lanes) | 1) * self.lanes
    }

    /// Elements of the matrices of so many products along each axis.
    pub(super) fn len(&self, products: usize) -> usize {
        products * products * self.stride()
    }
}

/// The tiles that cover a plane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Grid {
    /// Rows of tiles in an image: its *strips*.
    pub(super) rows: usize,
    /// Tiles of a strip.
    pub(super) columns: usize,
    /// Outputs of a tile, along each axis.
    pub(super) side: usize,
}

impl Grid {
    /// The tiles over a plane that take the fewest products.
    pub(super) fn over(plane: [usize; 2]) -> Self {
        let of = |side| Self { rows: plane[0].div_ceil(side), columns: plane[1].div_ceil(side), side };
        let [large, small] = [of(four::OUTPUTS), of(three::OUTPUTS)];
        let products = |grid: &Self, along: usize| grid.tiles() * along * along;
        match products(&small, three::PRODUCTS) < products(&large, four::PRODUCTS) {
            true => small,
            false => large,
        }
    }

    /// Tiles of an image.
    pub(super) fn tiles(&self) -> usize {
        self.rows * self.columns
    }
}
