//! How channels and tiles lie in memory while they are transformed.

use std::ops::Range;

use super::minimal::elements;
use crate::kernels::tile::VECTORS;

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
    /// Panels of at most `most` vectors.
    pub(super) fn new(channels: usize, lanes: usize, most: usize) -> Self {
        let vectors = channels.div_ceil(lanes);
        Self { channels, count: vectors.div_ceil(most), vectors, lanes }
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

    /// Elements of the matrices of tiles of so many rows and columns.
    pub(super) fn len(&self, tile: [usize; 2]) -> usize {
        elements(tile) * self.stride()
    }
}

/// Sizes of an algorithm: rows and columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shape {
    /// Outputs of a tile.
    pub(super) outputs: [usize; 2],
    /// Taps of a filter.
    pub(super) taps: [usize; 2],
}

impl Shape {
    /// Products of a tile, and inputs that it reads.
    pub(super) fn products(&self) -> [usize; 2] {
        [0, 1].map(|axis| self.outputs[axis] + self.taps[axis] - 1)
    }

    /// Vectors of channels read whose products are summed at a time: as many as the filters of a pair of panels leave room for in the second-level
    /// cache.
    pub(super) fn depth(&self) -> usize {
        (FILTERS / elements(self.products())).max(VECTORS)
    }
}

/// Vectors of transformed filters of a panel of channels read, for each channel written.
const FILTERS: usize = 96;
/// Tiles of a strip where tiles are one row high: enough for a matrix product, and few enough that even long lines have strips for a team.
const LINE: usize = 32;

/// The tiles that cover a plane, in *strips*.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Grid {
    pub(super) shape: Shape,
    /// Rows of tiles in an image.
    rows: usize,
    /// Strips that a row of tiles is cut into.
    cuts: usize,
    /// Tiles of a strip.
    pub(super) columns: usize,
}

impl Grid {
    pub(super) fn over(plane: [usize; 2], shape: Shape) -> Self {
        let [rows, tiles] = [0, 1].map(|axis| plane[axis].div_ceil(shape.outputs[axis]));
        let most = if shape.outputs[0] == 1 { LINE } else { tiles };
        let columns = tiles.div_ceil(tiles.div_ceil(most));
        Self { shape, rows, cuts: tiles.div_ceil(columns), columns }
    }

    /// Strips of an image.
    pub(super) fn strips(&self) -> usize {
        self.rows * self.cuts
    }

    /// Tiles of an image, with those that fill up the last strip.
    pub(super) fn tiles(&self) -> usize {
        self.strips() * self.columns
    }

    /// Products of an image for a pair of channels.
    pub(super) fn products(&self) -> usize {
        self.tiles() * elements(self.shape.products())
    }

    /// The image of a strip, counted over all images, and the row and the column of its first output.
    pub(super) fn place(&self, unit: usize) -> (usize, [usize; 2]) {
        let (image, strip) = (unit / self.strips(), unit % self.strips());
        let [row, column] = [strip / self.cuts, strip % self.cuts * self.columns];
        (image, [row * self.shape.outputs[0], column * self.shape.outputs[1]])
    }
}
