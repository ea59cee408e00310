//! Shapes to draw into images and signals, and where.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// A shape; on a signal each is the interval that its size covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// A square of this edge.
    Square,
    /// A disc of this diameter.
    Disc,
    /// A flying bird of this span, drawn for this purpose: what no body holds.
    Bird,
}

/// The outline of the bird from tip to tip, in shares of its span, as (right, down) of its middle; wings, tail and beak.
const BIRD: [(f64, f64); 15] = [
    (-0.50, -0.18),
    (-0.30, -0.30),
    (-0.12, -0.16),
    (-0.05, -0.03),
    (0.00, -0.10),
    (0.03, -0.16),
    (0.07, -0.09),
    (0.08, -0.02),
    (0.22, -0.20),
    (0.40, -0.26),
    (0.50, -0.10),
    (0.30, -0.10),
    (0.12, 0.10),
    (0.04, 0.30),
    (-0.06, 0.12),
];

/// The lower edge of the left wing closes the outline.
const CLOSE: (f64, f64) = (-0.28, -0.12);

/// The pixels of a shape somewhere in an item of so many rows and columns.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spot {
    shape: Shape,
    /// Edge, diameter or span in pixels.
    size: f64,
    rows: usize,
    columns: usize,
    /// Row and column of its middle.
    middle: [f64; 2],
}

/// Standard deviation of the blur of an attack's target in pixels (METHODS 2.5).
const BLUR: f64 = 2.0;
/// The blur reaches so many standard deviations.
const REACH: f64 = 4.0;

impl Spot {
    /// A place near the middle that follows from the seed and the number of the item: at most an eighth of the item away from it.
    pub fn draw(
        (shape, size): (Shape, usize),
        (rows, columns): (usize, usize),
        (seed, item): (u64, u64),
    ) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(item);
        let mut near = |extent: usize| {
            let room = extent as f64 / 8.0;
            (extent as f64 - 1.0) / 2.0 + rng.random_range(-room..=room)
        };
        Self { shape, size: size as f64, rows, columns, middle: [near(rows), near(columns)] }
    }

    /// The size of a shape that nobody names: a quarter of the shorter side, of a signal's length.
    pub fn usual_size(rows: usize, columns: usize) -> usize {
        let shorter = if rows == 1 { columns } else { rows.min(columns) };
        shorter.div_ceil(4)
    }

    /// Which pixels it covers, row by row.
    pub fn mask(&self) -> Vec<bool> {
        let at = |index: usize| {
            let down = (index / self.columns) as f64 - self.middle[0];
            let right = (index % self.columns) as f64 - self.middle[1];
            if self.rows == 1 { right.abs() <= self.size / 2.0 } else { self.covers(right, down) }
        };
        (0..self.rows * self.columns).map(at).collect()
    }

    fn covers(&self, right: f64, down: f64) -> bool {
        let half = self.size / 2.0;
        match self.shape {
            Shape::Square => right.abs() <= half && down.abs() <= half,
            Shape::Disc => right.hypot(down) <= half,
            Shape::Bird => inside_bird(right / self.size, down / self.size),
        }
    }

    /// The mask, blurred by a Gaussian of two pixels; values from 0 to 1.
    pub fn blurred(&self) -> Vec<f32> {
        let mask: Vec<f64> = self.mask().iter().map(|&covered| f64::from(u8::from(covered))).collect();
        let along_rows = smooth(&mask, self.columns, 1);
        let both = if self.rows == 1 { along_rows } else { smooth(&along_rows, self.rows, self.columns) };
        both.into_iter().map(|value| value as f32).collect()
    }
}

/// Whether a point lies inside the outline of the bird (a ray to the right crosses it an odd number of times).
fn inside_bird(x: f64, y: f64) -> bool {
    let from = BIRD.iter().chain([&CLOSE]);
    let to = from.clone().cycle().skip(1);
    let crosses = |((ax, ay), (bx, by)): (&(f64, f64), &(f64, f64))| {
        (*ay > y) != (*by > y) && x < ax + (y - ay) / (by - ay) * (bx - ax)
    };
    from.zip(to).filter(|&edge| crosses(edge)).count() % 2 == 1
}

/// Convolution with a Gaussian along lines of `length` values that lie `stride` apart; zeros outside.
fn smooth(values: &[f64], length: usize, stride: usize) -> Vec<f64> {
    let reach = (REACH * BLUR) as i64;
    let weights: Vec<f64> = (-reach..=reach).map(|d| (-0.5 * (d as f64 / BLUR).powi(2)).exp()).collect();
    let total: f64 = weights.iter().sum();
    let at = |index: usize| {
        let place = (index / stride % length) as i64;
        let weighed =
            (-reach..=reach).zip(&weights).filter(|(d, _)| (0..length as i64).contains(&(place + d)));
        let value = |d: i64| values.get((index as i64 + d * stride as i64) as usize).copied().unwrap_or(0.0);
        weighed.map(|(d, weight)| weight * value(d)).sum::<f64>() / total
    };
    (0..values.len()).map(at).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spot(shape: Shape, size: usize) -> Spot {
        Spot::draw((shape, size), (64, 80), (3, 5))
    }

    #[test]
    fn shapes_have_the_area_of_their_size_and_lie_near_the_middle() {
        for (shape, area) in [(Shape::Square, 400.0), (Shape::Disc, 314.2), (Shape::Bird, 67.0)] {
            let spot = spot(shape, 20);
            let count = spot.mask().iter().filter(|covered| **covered).count() as f64;
            assert!((count / area - 1.0).abs() < 0.15, "{shape:?}: {count}");
            assert!((spot.middle[0] - 31.5).abs() <= 8.0 && (spot.middle[1] - 39.5).abs() <= 10.0);
            assert_eq!(spot, self::spot(shape, 20));
        }
        let places: Vec<[f64; 2]> =
            (0..9).map(|item| Spot::draw((Shape::Disc, 3), (64, 80), (3, item)).middle).collect();
        assert!(places.windows(2).all(|two| two[0] != two[1]));
        let signal = Spot::draw((Shape::Bird, 11), (1, 100), (3, 0));
        let covered = signal.mask().iter().filter(|covered| **covered).count();
        assert!((10..=12).contains(&covered));
    }

    #[test]
    fn a_blur_keeps_the_sum_and_softens_the_edge() {
        let spot = spot(Shape::Square, 21);
        let sharp = spot.mask().iter().filter(|covered| **covered).count() as f64;
        let soft = spot.blurred();
        let sum: f64 = soft.iter().map(|&v| f64::from(v)).sum();
        assert!((sum / sharp - 1.0).abs() < 1e-6, "{sum} {sharp}");
        assert!(soft.iter().any(|&v| v > 0.99) && soft.iter().any(|&v| v > 0.1 && v < 0.9));
        let whole = Spot { size: 500.0, ..spot }.blurred();
        assert!((whole[32 * 80 + 40] - 1.0).abs() < 1e-6 && whole[0] < 0.5);
    }
}
