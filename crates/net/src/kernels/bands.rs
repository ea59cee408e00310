//! Rows that meet the padding: in small planes many products have a factor that is zero for certain.
//!
//! A 3x3 kernel over a padded 3x3 plane reads a row of zeros in six of nine cases at the upper and the lower edge. Rows of the result whose kernel rows read data are
//! computed together, without the others: the sums lose terms that are zero and keep their bits.

use std::ops::Range;

/// Neighbouring rows with the taps that they need.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Band {
    /// Rows.
    pub(super) rows: Range<usize>,
    /// Taps.
    pub(super) taps: Range<usize>,
}

/// Elements of a vector, for the price of a band: a narrow one wastes the rest of its last vector.
const LANES: usize = 16;

/// The bands of so many rows of `width` columns, or all rows with all taps where that takes no more.
pub(super) fn bands(
    (rows, taps): (usize, usize),
    width: usize,
    needed: impl Fn(usize) -> Range<usize>,
) -> Vec<Band> {
    let mut found: Vec<Band> = Vec::new();
    for row in 0..rows {
        let taps = needed(row);
        match found.last_mut().filter(|band| band.taps == taps) {
            Some(band) => band.rows.end = row + 1,
            None => found.push(Band { rows: row..row + 1, taps }),
        }
    }
    let whole = Band { rows: 0..rows, taps: 0..taps };
    let price = |band: &Band| (band.rows.len() * width).div_ceil(LANES) * band.taps.len();
    if found.iter().map(price).sum::<usize>() < price(&whole) { found } else { vec![whole] }
}

/// Which of `count` places `step` apart, the first at `first`, lie within `0..len`.
pub(super) fn within((first, step, count): (isize, usize, usize), len: usize) -> Range<usize> {
    let step = step.max(1) as isize;
    let until = |end: isize| ((end - first + step - 1).div_euclid(step).max(0) as usize).min(count);
    let start = until(0);
    start..until(len as isize).max(start)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_within_are_those_that_one_finds_by_looking() {
        for (first, step, count, len) in
            [(-1, 1, 3, 3), (2, 1, 3, 3), (-5, 2, 3, 4), (-4, 3, 4, 2), (7, 2, 3, 4)]
        {
            let looked: Vec<usize> =
                (0..count).filter(|&i| (0..len as isize).contains(&(first + (i * step) as isize))).collect();
            assert_eq!(within((first, step, count), len).collect::<Vec<usize>>(), looked);
        }
    }

    #[test]
    fn rows_are_divided_where_that_saves_vectors() {
        let needed = |row: usize| within((row as isize - 1, 1, 3), 3);
        let divided = bands((3, 3), 12, needed);
        let expected = [(0..1, 1..3), (1..2, 0..3), (2..3, 0..2)];
        assert_eq!(divided, expected.map(|(rows, taps)| Band { rows, taps }));
        assert_eq!(bands((3, 3), 3, needed).len(), 1, "one image fills no vector");
        let large = bands((100, 3), 100, |row| within((row as isize - 1, 1, 3), 100));
        assert_eq!(large.iter().map(|b| b.rows.len()).collect::<Vec<_>>(), [1, 98, 1]);
    }
}
