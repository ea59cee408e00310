//! The layout: stochastic gradient descent on the cross entropy of memberships, with negative sampling.

use super::curve::Curve;
use super::graph::FuzzyGraph;
use super::order::{Level, Move, Moves, Window};
use ndarray::Array2;
use pulp::{Simd, WithSimd};

/// Largest move along one axis before the learning rate, which falls from 1 to 0.
const CLIP: f32 = 4.0;
/// Keeps the repulsion of coinciding points finite.
const SOFTENING: f32 = 0.001;
/// Axes of a point that are moved at once.
const LANES: usize = 16;
/// Moves that are computed at once; while one waits for memory others go on.
const MOVES: usize = 64;

/// Moves `embedding` (points, dims) in place, with the same bits as umap-learn's
/// `optimize_layout_euclidean` in the order of the edges on one thread; a second thread orders moves ahead.
pub(super) fn optimise(
    embedding: &mut Array2<f32>,
    graph: &FuzzyGraph,
    curve: Curve,
    epochs: usize,
    seed: u64,
) {
    let mut layout = Layout::new(embedding, curve);
    let mut moves = Moves::new(graph, epochs, seed);
    let (mut now, mut ahead) = (Window::default(), Window::default());
    let mut more = moves.next(&mut now);
    while more {
        let make = Make { layout: &mut layout, window: &now };
        (_, more) = rayon::join(|| pulp::Arch::new().dispatch(make), || moves.next(&mut ahead));
        std::mem::swap(&mut now, &mut ahead);
    }
    layout.read(embedding);
}

/// All moves of a window, compiled for the instruction set (a closure would not be).
struct Make<'a> {
    layout: &'a mut Layout,
    window: &'a Window,
}

impl WithSimd for Make<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        for level in self.window.levels() {
            for level in level.chunks(MOVES) {
                let squared = self.layout.squared_distances(level);
                let coefficients = self.layout.coefficients(level, &squared);
                for (place, points) in level.moves.iter().enumerate() {
                    if squared[place] > 0.0 {
                        let pulls = place < level.attractions;
                        self.layout.shift(place, points, pulls, coefficients[place], self.window.rate);
                    }
                }
            }
        }
    }
}

/// Axes of a point, in a cache line of their own.
#[derive(Clone, Copy)]
#[repr(align(64))]
struct Piece([f32; LANES]);

/// Points in pieces of as many axes as vectors hold, the last one filled up with zeros, which do not move.
struct Layout {
    positions: Vec<Piece>,
    pieces: usize,
    dims: usize,
    a: f32,
    b: f32,
    /// The differences of the points of each move.
    apart: Vec<Piece>,
}

impl Layout {
    fn new(embedding: &Array2<f32>, curve: Curve) -> Self {
        let (points, dims) = embedding.dim();
        let pieces = dims.div_ceil(LANES);
        let mut positions = vec![Piece([0.0; LANES]); points * pieces];
        for ((point, axis), &value) in embedding.indexed_iter() {
            positions[point * pieces + axis / LANES].0[axis % LANES] = value;
        }
        let apart = vec![Piece([0.0; LANES]); MOVES * pieces];
        Self { positions, pieces, dims, a: curve.a as f32, b: curve.b as f32, apart }
    }

    fn read(&self, embedding: &mut Array2<f32>) {
        for ((point, axis), value) in embedding.indexed_iter_mut() {
            *value = self.positions[point * self.pieces + axis / LANES].0[axis % LANES];
        }
    }

    /// Squared distance of the points of each move, summed axis by axis, [`LANES`] moves side by side.
    #[inline(always)]
    fn squared_distances(&mut self, level: Level<'_>) -> [f32; MOVES] {
        let pieces = self.pieces;
        let mut squared = [0.0; MOVES];
        for piece in 0..pieces {
            let apart = &mut self.apart[piece * MOVES..(piece + 1) * MOVES];
            for (apart, points) in apart.iter_mut().zip(level.moves) {
                let head = self.positions[points.head as usize * pieces + piece].0;
                let other = self.positions[points.other as usize * pieces + piece].0;
                for lane in 0..LANES {
                    apart.0[lane] = head[lane] - other[lane];
                }
            }
            let axes = LANES.min(self.dims - piece * LANES);
            let groups = level.moves.len().div_ceil(LANES);
            let (apart, _) = apart.as_chunks::<LANES>();
            let (squared, _) = squared.as_chunks_mut::<LANES>();
            for (sums, apart) in squared.iter_mut().zip(apart).take(groups) {
                for axis in 0..axes {
                    for place in 0..LANES {
                        sums[place] += apart[place].0[axis] * apart[place].0[axis];
                    }
                }
            }
        }
        squared
    }

    /// What the differences are multiplied by: the derivative of the cross entropy.
    #[inline(always)]
    fn coefficients(&self, level: Level<'_>, squared: &[f32; MOVES]) -> [f32; MOVES] {
        let Self { a, b, .. } = *self;
        let mut powers = [0.0; MOVES];
        for place in 0..level.moves.len() {
            powers[place] = squared[place].powf(b);
        }
        let mut coefficients = [0.0; MOVES];
        for place in 0..MOVES {
            let (squared, power) = (squared[place], powers[place]);
            let pulls = place < level.attractions;
            let above = if pulls { -2.0 * a * b * power } else { 2.0 * b };
            let below = if pulls { squared } else { SOFTENING + squared };
            coefficients[place] = above / (below * (a * power + 1.0));
        }
        coefficients
    }

    /// Moves the points of one move along their difference.
    #[inline(always)]
    fn shift(&mut self, place: usize, points: &Move, pulls: bool, coefficient: f32, rate: f32) {
        for piece in 0..self.pieces {
            let mut by = self.apart[piece * MOVES + place].0;
            for v in &mut by {
                *v = (coefficient * *v).clamp(-CLIP, CLIP) * rate;
            }
            let head = &mut self.positions[points.head as usize * self.pieces + piece].0;
            for lane in 0..LANES {
                head[lane] += by[lane];
            }
            if pulls {
                let other = &mut self.positions[points.other as usize * self.pieces + piece].0;
                for lane in 0..LANES {
                    other[lane] -= by[lane];
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{Rng, RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    /// umap-learn's loop: every move behind the one before it.
    fn one_after_another(embedding: &mut Array2<f32>, graph: &FuzzyGraph, curve: Curve, epochs: usize) {
        let mut rng = ChaCha8Rng::seed_from_u64(SEED);
        rng.set_stream(2);
        let (a, b) = (curve.a as f32, curve.b as f32);
        let strongest = graph.weights.iter().copied().fold(0.0, f32::max);
        let mut edges: Vec<(usize, usize, f64, f64, f64)> = Vec::new();
        for head in 0..graph.len() {
            edges.extend(graph.row(head).map(|(tail, weight)| {
                let period = f64::from(strongest) / f64::from(weight);
                (head, tail, period, period, period / 5.0)
            }));
        }
        for epoch in 0..epochs {
            let (now, rate) = (epoch as f64, 1.0 - epoch as f32 / epochs as f32);
            for (head, tail, period, next, next_negative) in &mut edges {
                if *next > now {
                    continue;
                }
                let step = |embedding: &mut Array2<f32>, other: usize, pulls: bool| {
                    let apart = &embedding.row(*head) - &embedding.row(other);
                    let squared: f32 = apart.iter().map(|v| v * v).sum();
                    let power = squared.powf(b);
                    let coefficient = if pulls {
                        -2.0 * a * b * power / (squared * (a * power + 1.0))
                    } else {
                        2.0 * b / ((0.001 + squared) * (a * power + 1.0))
                    };
                    if squared > 0.0 {
                        let by = apart.mapv(|v| (coefficient * v).clamp(-4.0, 4.0) * rate);
                        embedding.row_mut(*head).zip_mut_with(&by, |v, by| *v += by);
                        if pulls {
                            embedding.row_mut(other).zip_mut_with(&by, |v, by| *v -= by);
                        }
                    }
                };
                step(embedding, *tail, true);
                *next += *period;
                let due = ((now - *next_negative) / (*period / 5.0)) as usize;
                for _ in 0..due {
                    let other = ((u64::from(rng.next_u32()) * graph.len() as u64) >> 32) as usize;
                    step(embedding, other, false);
                }
                *next_negative += due as f64 * (*period / 5.0);
            }
        }
    }

    const SEED: u64 = 3;

    /// Fewer and more moves than a window has, one piece and two, coinciding points.
    #[test]
    fn ordered_moves_give_the_bits_of_one_after_another() {
        let curve = Curve { a: 1.577, b: 0.895 };
        for (points, dims, epochs) in [(40, 2, 20), (40, 10, 20), (30, 19, 10), (220, 10, 4)] {
            let graph = FuzzyGraph::complete(points, |i, j| 1.0 / (1 + (i + j) % 3) as f32);
            let mut rng = ChaCha8Rng::seed_from_u64(dims as u64);
            let mut expected = Array2::from_shape_simple_fn((points, dims), || rng.random_range(0.0..10.0));
            let first = expected.row(0).to_owned();
            expected.row_mut(1).assign(&first);
            let mut found = expected.clone();
            one_after_another(&mut expected, &graph, curve, epochs);
            optimise(&mut found, &graph, curve, epochs, SEED);
            let bits = |x: &Array2<f32>| x.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
            assert!(bits(&found) == bits(&expected), "{points} points, {dims} dimensions");
            assert!(found.row(0) != first, "something moved");
        }
    }
}
