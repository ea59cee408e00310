//! The layout: stochastic gradient descent on the cross entropy of memberships, with negative sampling.

use super::curve::Curve;
use super::graph::FuzzyGraph;
use ndarray::Array2;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Random points that push for each edge that pulls.
const NEGATIVE_SAMPLES: f64 = 5.0;
/// Largest move along one axis before the learning rate, which falls from 1 to 0.
const CLIP: f32 = 4.0;
/// Keeps the repulsion of coinciding points finite.
const SOFTENING: f32 = 0.001;
/// ChaCha stream of the layout, apart from the start's.
const STREAM: u64 = 2;

/// One edge and when it is next due, in epochs.
struct Edge {
    head: usize,
    tail: usize,
    period: f64,
    next: f64,
    next_negative: f64,
}

/// Moves `embedding` (points, dims) in place: umap-learn's `optimize_layout_euclidean` in the order of the
/// edges on one thread, which makes it reproducible.
pub(super) fn optimise(
    embedding: &mut Array2<f32>,
    graph: &FuzzyGraph,
    curve: Curve,
    epochs: usize,
    seed: u64,
) {
    let (points, dims) = embedding.dim();
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(STREAM);
    let mut edges = schedule(graph);
    let force = Force { a: curve.a as f32, b: curve.b as f32 };
    let Some(positions) = embedding.as_slice_mut() else { return };
    for epoch in 0..epochs {
        let now = epoch as f64;
        let rate = 1.0 - epoch as f32 / epochs as f32;
        for edge in edges.iter_mut().filter(|edge| edge.next <= now) {
            force.attract(positions, dims, edge, rate);
            edge.next += edge.period;
            let negative_period = edge.period / NEGATIVE_SAMPLES;
            let due = ((now - edge.next_negative) / negative_period) as usize;
            for _ in 0..due {
                // A product of 32-bit numbers; its bias is below points / 2^32.
                let other = ((u64::from(rng.next_u32()) * points as u64) >> 32) as usize;
                force.repel(positions, dims, edge.head, other, rate);
            }
            edge.next_negative += due as f64 * negative_period;
        }
    }
}

/// The strongest edges are drawn in every epoch, the others in proportion to their membership.
fn schedule(graph: &FuzzyGraph) -> Vec<Edge> {
    let strongest = graph.weights.iter().copied().fold(0.0, f32::max);
    let mut edges = Vec::with_capacity(graph.weights.len());
    for head in 0..graph.len() {
        edges.extend(graph.row(head).map(|(tail, weight)| {
            let period = f64::from(strongest) / f64::from(weight);
            Edge { head, tail, period, next: period, next_negative: period / NEGATIVE_SAMPLES }
        }));
    }
    edges
}

struct Force {
    a: f32,
    b: f32,
}

impl Force {
    /// Pulls both ends of an edge together.
    fn attract(&self, positions: &mut [f32], dims: usize, edge: &Edge, rate: f32) {
        let (head, tail) = (edge.head * dims, edge.tail * dims);
        let squared = squared_distance(&positions[head..head + dims], &positions[tail..tail + dims]);
        if squared <= 0.0 {
            return;
        }
        let power = squared.powf(self.b);
        let coefficient = -2.0 * self.a * self.b * power / (squared * (self.a * power + 1.0));
        for axis in 0..dims {
            let pull = (coefficient * (positions[head + axis] - positions[tail + axis])).clamp(-CLIP, CLIP);
            positions[head + axis] += pull * rate;
            positions[tail + axis] -= pull * rate;
        }
    }

    /// Pushes `head` away from `other`; coinciding points do not move.
    fn repel(&self, positions: &mut [f32], dims: usize, head: usize, other: usize, rate: f32) {
        let (head, other) = (head * dims, other * dims);
        let squared = squared_distance(&positions[head..head + dims], &positions[other..other + dims]);
        if squared <= 0.0 {
            return;
        }
        let power = squared.powf(self.b);
        let coefficient = 2.0 * self.b / ((SOFTENING + squared) * (self.a * power + 1.0));
        for axis in 0..dims {
            let push = (coefficient * (positions[head + axis] - positions[other + axis])).clamp(-CLIP, CLIP);
            positions[head + axis] += push * rate;
        }
    }
}

fn squared_distance(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(x, y)| (x - y) * (x - y)).sum()
}
