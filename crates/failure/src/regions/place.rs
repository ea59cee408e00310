//! Where regions lie.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::error::{FailureError, Result};

/// Channels, rows and columns of an item; a signal has one row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Planes {
    channels: usize,
    extent: [usize; 2],
}

impl Planes {
    pub(super) fn of(shape: &[usize]) -> Result<Self> {
        let (channels, extent) = match *shape {
            [1, channels, rows, columns] => (channels, [rows, columns]),
            [1, channels, length] => (channels, [1, length]),
            _ => (0, [0, 0]),
        };
        if channels * extent[0] * extent[1] == 0 {
            return Err(FailureError::invalid(format!(
                "an item must have the shape (1, C, H, W) or (1, C, L) and not be empty; it has {shape:?}"
            )));
        }
        Ok(Self { channels, extent })
    }
}

/// A rectangle of an item; of a signal, an interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Region {
    /// Number of the item.
    pub item: usize,
    /// First row and column, in pixels.
    pub corner: [usize; 2],
    /// Rows and columns, in pixels.
    pub extent: [usize; 2],
    /// Row and column among the regions of the item.
    pub at: [usize; 2],
    /// Channels, rows and columns of the whole item.
    pub whole: [usize; 3],
}

impl Region {
    /// Where its values lie among those of the item, line by line, channel after channel.
    pub fn spans(&self) -> Vec<Range<usize>> {
        let [channels, rows, columns] = self.whole;
        let lines = |channel| (0..self.extent[0]).map(move |row| channel * rows + self.corner[0] + row);
        let span = |line: usize| {
            let start = line * columns + self.corner[1];
            start..start + self.extent[1]
        };
        (0..channels).flat_map(lines).map(span).collect()
    }
}

/// Cuts an item into regions of about `edge`, row by row. Along each side they differ by at most a pixel.
pub(super) fn cut(item: usize, planes: Planes, edge: usize) -> Vec<Region> {
    let stretches = planes.extent.map(|length| divide(length, edge));
    let whole = [planes.channels, planes.extent[0], planes.extent[1]];
    let region = |(row, rows): (usize, &Range<usize>), (column, columns): (usize, &Range<usize>)| Region {
        item,
        corner: [rows.start, columns.start],
        extent: [rows.len(), columns.len()],
        at: [row, column],
        whole,
    };
    let [down, across] = &stretches;
    down.iter().enumerate().flat_map(|r| across.iter().enumerate().map(move |c| region(r, c))).collect()
}

/// Stretches of nearly equal length, of about `edge`.
fn divide(length: usize, edge: usize) -> Vec<Range<usize>> {
    let edge = edge.max(1);
    let count = ((length + edge / 2) / edge).max(1);
    (0..count).map(|i| i * length / count..(i + 1) * length / count).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regions_cover_every_pixel_once_and_are_nearly_alike() {
        for (shape, edge, count) in [
            (vec![1, 2, 10, 17], 5, 6),
            (vec![1, 1, 64, 64], 32, 4),
            (vec![1, 3, 7, 7], 32, 1),
            (vec![1, 1, 100], 32, 3),
        ] {
            let regions = cut(4, Planes::of(&shape).unwrap(), edge);
            assert_eq!(regions.len(), count, "{shape:?}");
            let mut times = vec![0; shape.iter().product()];
            regions.iter().flat_map(Region::spans).flatten().for_each(|i| times[i] += 1);
            assert!(times.iter().all(|&n| n == 1), "{shape:?}: {times:?}");
            for side in [0, 1] {
                let lengths: Vec<usize> = regions.iter().map(|r| r.extent[side]).collect();
                assert!(lengths.iter().max().unwrap() - lengths.iter().min().unwrap() <= 1, "{lengths:?}");
            }
        }
        assert!(Planes::of(&[2, 1, 8, 8]).is_err() && Planes::of(&[1, 1, 0]).is_err());
    }
}
