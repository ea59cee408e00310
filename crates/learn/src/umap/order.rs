//! The moves of the layout in an order in which many can be computed side by side.
//!
//! Every move reads two points and writes one or both. It has to come behind earlier moves that wrote what it
//! reads or read what it writes, and may come before all others. Its level is the length of the longest chain
//! of moves that have to come before it, so that moves of one level are independent; taken level by level,
//! moves give the same bits as one after another. Of 10,000 points and 65,536 moves a level has 55 on
//! average.

use super::graph::FuzzyGraph;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Random points that push for each edge that pulls.
const NEGATIVE_SAMPLES: f64 = 5.0;
/// ChaCha stream of the layout, apart from the start's.
const STREAM: u64 = 2;
/// Moves that are ordered at once; what is known of them stays in the cache.
const WINDOW: usize = 1 << 16;

/// The points of an attraction, or of a repulsion of `head` by `other`.
#[derive(Clone, Copy, Default)]
pub(super) struct Move {
    pub(super) head: u32,
    pub(super) other: u32,
}

/// Independent moves: attractions, then repulsions.
#[derive(Clone, Copy)]
pub(super) struct Level<'a> {
    pub(super) moves: &'a [Move],
    pub(super) attractions: usize,
}

impl<'a> Level<'a> {
    /// The same in pieces of at most `size` moves.
    pub(super) fn chunks(self, size: usize) -> impl Iterator<Item = Level<'a>> {
        let place = move |(number, moves)| Level {
            moves,
            attractions: self.attractions.saturating_sub(number * size).min(size),
        };
        self.moves.chunks(size).enumerate().map(place)
    }
}

/// Consecutive moves of one epoch, ordered by level.
#[derive(Default)]
pub(super) struct Window {
    /// The share of epochs that are left.
    pub(super) rate: f32,
    moves: Vec<Move>,
    /// The attractions and repulsions of each level.
    counts: Vec<[usize; 2]>,
}

impl Window {
    /// Groups of independent moves, to be made in this order.
    pub(super) fn levels(&self) -> impl Iterator<Item = Level<'_>> {
        let mut rest = &self.moves[..];
        self.counts.iter().map(move |&[attractions, repulsions]| {
            let (moves, behind) = rest.split_at(attractions + repulsions);
            rest = behind;
            Level { moves, attractions }
        })
    }

    /// A counting sort by level and kind.
    fn fill(&mut self, drawn: &[Drawn]) {
        let mut place = 0;
        let mut places: Vec<usize> = Vec::with_capacity(2 * self.counts.len());
        for count in self.counts.as_flattened() {
            places.push(place);
            place += count;
        }
        self.moves.resize(place, Move::default());
        for drawn in drawn {
            let place = &mut places[drawn.rank as usize];
            self.moves[*place] = drawn.points;
            *place += 1;
        }
    }
}

/// A move and twice its level, for repulsions one more.
struct Drawn {
    points: Move,
    rank: u32,
}

/// One edge and when it is next due, in epochs.
struct Edge {
    head: u32,
    tail: u32,
    period: f64,
    next: f64,
    next_negative: f64,
}

/// The first levels that may write and read a point behind the moves so far.
#[derive(Clone, Copy, Default)]
struct Free {
    to_write: u32,
    to_read: u32,
}

/// Draws moves in the order of umap-learn's `optimize_layout_euclidean`: epoch by epoch, edge by edge, each
/// edge behind its attraction the repulsions that are due.
pub(super) struct Moves {
    edges: Vec<Edge>,
    epochs: usize,
    epoch: usize,
    /// The edge of this epoch that comes next.
    place: usize,
    rng: ChaCha8Rng,
    free: Vec<Free>,
    drawn: Vec<Drawn>,
}

impl Moves {
    pub(super) fn new(graph: &FuzzyGraph, epochs: usize, seed: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(STREAM);
        Self {
            edges: schedule(graph),
            epochs,
            epoch: 0,
            place: 0,
            rng,
            free: vec![Free::default(); graph.len()],
            drawn: Vec::new(),
        }
    }

    /// Fills in the next moves, of one epoch; false behind the last ones.
    pub(super) fn next(&mut self, window: &mut Window) -> bool {
        if self.epoch == self.epochs {
            return false;
        }
        window.rate = 1.0 - self.epoch as f32 / self.epochs as f32;
        self.free.fill(Free::default());
        self.drawn.clear();
        window.counts.clear();
        while self.place < self.edges.len() && self.drawn.len() < WINDOW {
            self.draw(self.place, &mut window.counts);
            self.place += 1;
        }
        window.fill(&self.drawn);
        if self.place == self.edges.len() {
            (self.epoch, self.place) = (self.epoch + 1, 0);
        }
        true
    }

    fn draw(&mut self, place: usize, counts: &mut Vec<[usize; 2]>) {
        let (now, edge) = (self.epoch as f64, &mut self.edges[place]);
        if edge.next > now {
            return;
        }
        let Edge { head, tail, .. } = *edge;
        edge.next += edge.period;
        let negative_period = edge.period / NEGATIVE_SAMPLES;
        let due = ((now - edge.next_negative) / negative_period) as usize;
        edge.next_negative += due as f64 * negative_period;
        let (head_free, tail_free) = (self.free[head as usize], self.free[tail as usize]);
        let mut level = head_free.to_write.max(tail_free.to_write);
        let mut push = |other, level: u32, kind: usize| {
            // Levels have no gaps: a move comes right behind one that it has to wait for.
            if level as usize == counts.len() {
                counts.push([0; 2]);
            }
            counts[level as usize][kind] += 1;
            self.drawn.push(Drawn { points: Move { head, other }, rank: 2 * level + kind as u32 });
        };
        push(tail, level, 0);
        self.free[tail as usize] = Free { to_write: level + 1, to_read: level + 1 };
        for _ in 0..due {
            // A product of 32-bit numbers; its bias is below points / 2^32.
            let other = ((u64::from(self.rng.next_u32()) * self.free.len() as u64) >> 32) as u32;
            // A point does not push itself.
            if other != head {
                let other_free = &mut self.free[other as usize];
                level = other_free.to_read.max(level + 1);
                other_free.to_write = other_free.to_write.max(level + 1);
                push(other, level, 1);
            }
        }
        self.free[head as usize] = Free { to_write: level + 1, to_read: level + 1 };
    }
}

/// The strongest edges are drawn in every epoch, the others in proportion to their membership.
fn schedule(graph: &FuzzyGraph) -> Vec<Edge> {
    let strongest = graph.weights.iter().copied().fold(0.0, f32::max);
    let mut edges = Vec::with_capacity(graph.weights.len());
    for head in 0..graph.len() {
        edges.extend(graph.row(head).map(|(tail, weight)| {
            let period = f64::from(strongest) / f64::from(weight);
            let next_negative = period / NEGATIVE_SAMPLES;
            Edge { head: head as u32, tail: tail as u32, period, next: period, next_negative }
        }));
    }
    edges
}
