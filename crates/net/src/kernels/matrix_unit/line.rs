//! Planes with zeros around them, read as one line.

use crate::kernels::Side;
use crate::kernels::conv::Geometry;
use crate::kernels::frame::strides;

/// Positions, or channels, along a side of a tile.
pub(super) const TILE: usize = 16;

/// A convolution on lines: `to[p] = sum over taps of w[tap] from[p + shift[tap]]`, at the places of the result among the positions `p`.
#[derive(Debug)]
pub(super) struct Line {
    /// Depth, height and width of the plane that is read.
    pub(super) from: [usize; 3],
    /// Zeros before it along each axis.
    pub(super) before: [usize; 3],
    /// Its size with the zeros between rows, planes and images.
    pub(super) size: [usize; 3],
    /// Size of the plane that is written.
    pub(super) to: [usize; 3],
    /// Shifts of the taps, in the order of the weights.
    pub(super) shifts: Vec<usize>,
}

impl Line {
    /// The line of the output, or of the gradient of the input.
    pub(super) fn new(g: &Geometry, side: Side) -> Self {
        let reach: [usize; 3] = std::array::from_fn(|a| (g.kernel[a] - 1) * g.dilation[a]);
        let (from, to, before) = match side {
            Side::Output => (g.input, g.output, g.pad),
            Side::Input => (g.output, g.input, std::array::from_fn(|a| reach[a] - g.pad[a])),
        };
        // Zeros behind a row are those before the next one.
        let after = |a: usize| (to[a] + reach[a]).saturating_sub(before[a] + from[a]);
        let size: [usize; 3] = std::array::from_fn(|a| from[a] + before[a].max(after(a)));
        let [d, h, w] = strides(size);
        let [taps_d, taps_h, taps_w] = g.kernel;
        let mut shifts = Vec::with_capacity(taps_d * taps_h * taps_w);
        for i in 0..taps_d {
            for j in 0..taps_h {
                for k in 0..taps_w {
                    shifts.push(i * g.dilation[0] * d + j * g.dilation[1] * h + k * g.dilation[2] * w);
                }
            }
        }
        if side == Side::Input {
            shifts.reverse();
        }
        Self { from, before, size, to, shifts }
    }

    /// Positions from the first to behind the last of the result.
    pub(super) fn span(&self) -> usize {
        let [d, h, w] = strides(self.size);
        (self.to[0] - 1) * d + (self.to[1] - 1) * h + (self.to[2] - 1) * w + 1
    }

    /// The greatest shift.
    pub(super) fn reach(&self) -> usize {
        self.shifts.iter().copied().max().unwrap_or(0)
    }

    /// Positions from one image to the next, where several follow each other.
    pub(super) fn volume(&self) -> usize {
        self.size.iter().product()
    }

    /// Positions from the beginning to behind the last element of an image.
    pub(super) fn end(&self) -> usize {
        let [d, h, w] = strides(self.size);
        let last = |a: usize| self.before[a] + self.from[a] - 1;
        last(0) * d + last(1) * h + last(2) * w + 1
    }

    /// The rows of elements of a plane.
    pub(super) fn rows(&self) -> Vec<Row> {
        let ([depth, height, width], [_, rows, columns]) = (self.from, self.size);
        if self.from == self.size {
            let count = depth * height * width;
            return vec![Row { from: 0, at: 0, count, covered: count }];
        }
        let place = |z: usize, y: usize| {
            let at = ((z + self.before[0]) * rows + y + self.before[1]) * columns + self.before[2];
            Row { from: (z * height + y) * width, at, count: width, covered: self.volume() - at }
        };
        let mut found: Vec<Row> = (0..depth * height).map(|i| place(i / height, i % height)).collect();
        for i in 1..found.len() {
            found[i - 1].covered = found[i].at - found[i - 1].at;
        }
        found
    }

    /// The results in each tile of positions.
    pub(super) fn spots(&self) -> Vec<Spot> {
        let mut spots = vec![Spot { mask: 0, first: 0 }; self.span().div_ceil(TILE)];
        let [d, h, w] = strides(self.size);
        for row in 0..self.to[0] * self.to[1] {
            let start = row / self.to[1] * d + row % self.to[1] * h;
            for p in (0..self.to[2]).map(|x| start + x * w) {
                spots[p / TILE].mask |= 1 << (p % TILE);
            }
        }
        let mut first = 0;
        for spot in &mut spots {
            spot.first = first;
            first += spot.mask.count_ones() as usize;
        }
        spots
    }
}

/// A row of elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Row {
    /// Where it begins in the plane.
    pub(super) from: usize,
    /// Where it begins on the line.
    pub(super) at: usize,
    /// Elements.
    pub(super) count: usize,
    /// Elements and the zeros behind them.
    pub(super) covered: usize,
}

/// The results in one tile: they follow each other in the plane that is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Spot {
    /// Positions that are results.
    pub(super) mask: u16,
    /// Place of the first one in the plane.
    pub(super) first: usize,
}

/// So many cache lines that neighbouring lines do not compete for one set of the cache.
pub(super) fn spread(elements: usize, per_cache_line: usize) -> usize {
    (elements.div_ceil(per_cache_line) | 1) * per_cache_line
}

#[cfg(test)]
mod tests {
    use super::super::covers;
    use super::*;

    #[test]
    fn results_lie_in_order_between_the_borders() {
        let g = Geometry {
            in_channels: 1,
            out_channels: 1,
            groups: 1,
            input: [1, 3, 4],
            output: [1, 3, 4],
            kernel: [1, 3, 3],
            stride: [1; 3],
            dilation: [1; 3],
            pad: [0, 1, 1],
        };
        let line = Line::new(&g, Side::Output);
        assert_eq!((line.size, line.span(), line.reach(), line.end()), ([1, 4, 5], 14, 12, 20));
        assert_eq!(line.spots(), [Spot { mask: 0b0011_1101_1110_1111, first: 0 }]);
        let [first, second] = [(0, 6, 4, 5), (4, 11, 4, 5)];
        let row = |(from, at, count, covered)| Row { from, at, count, covered };
        assert_eq!(line.rows(), [row(first), row(second), row((8, 16, 4, 4))]);
        assert_eq!(Line::new(&g, Side::Input).shifts[0], 12);
        assert!(covers(&g) && !covers(&Geometry { pad: [0, 3, 1], ..g }));
    }
}
