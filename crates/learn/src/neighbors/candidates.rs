//! The rows that may still be among the nearest of one query.

use super::Rows;
use super::screen::{Frame, Screened};

/// Candidates that are kept before those that are out are looked for: so many, and twice the neighbours.
const ROOM: usize = 32;

/// The two sets that are compared, as they are and screened, and how many neighbours are wanted, at least 1.
pub(super) struct Sets<'a> {
    pub(super) queries: &'a Rows<'a>,
    pub(super) reference: &'a Rows<'a>,
    pub(super) screened_queries: &'a Screened,
    pub(super) screened_reference: &'a Screened,
    pub(super) frame: &'a Frame,
    pub(super) k: usize,
}

/// A row and the bounds of its squared distance.
#[derive(Clone, Copy)]
struct Candidate {
    row: usize,
    low: f32,
    high: f32,
}

/// Candidates of one query, in any order.
pub(super) struct Candidates {
    query: usize,
    rows: Vec<Candidate>,
    /// A row at a greater squared distance is not among the nearest.
    limit: f32,
}

impl Candidates {
    pub(super) fn of(query: usize) -> Self {
        Self { query, rows: Vec::new(), limit: f32::INFINITY }
    }

    pub(super) fn limit(&self) -> f32 {
        self.limit
    }

    /// Takes a row whose squared distance is at least `low`. Each row is offered once, in any order.
    pub(super) fn offer(&mut self, row: usize, low: f32, sets: &Sets<'_>) {
        if low > self.limit {
            return;
        }
        let width = sets.screened_queries.slack(self.query) + sets.screened_reference.slack(row);
        self.rows.push(Candidate { row, low, high: low + 2.0 * width });
        if self.rows.len() >= 2 * sets.k + ROOM {
            self.drop_distant(sets);
            // Where bounds do not tell rows apart, distances do, so that memory stays bounded.
            if self.rows.len() > sets.k + ROOM / 2 {
                self.settle(sets);
            }
        }
    }

    /// The k-th nearest is no farther than the k-th least upper bound.
    fn drop_distant(&mut self, sets: &Sets<'_>) {
        if self.rows.len() > sets.k {
            let by_high = |a: &Candidate, b: &Candidate| a.high.total_cmp(&b.high);
            let (_, kth, _) = self.rows.select_nth_unstable_by(sets.k - 1, by_high);
            self.limit = self.limit.min(kth.high);
        }
        self.rows.retain(|candidate| candidate.low <= self.limit);
    }

    /// Keeps the nearest by exact distances.
    fn settle(&mut self, sets: &Sets<'_>) {
        let nearest = self.exact(sets);
        if let Some(&(squared, _)) = nearest.last() {
            self.limit = self.limit.min(sets.frame.squared(squared));
        }
        self.rows.retain(|candidate| nearest.iter().any(|&(_, row)| row == candidate.row));
    }

    fn exact(&mut self, sets: &Sets<'_>) -> Vec<(f64, usize)> {
        self.rows.sort_unstable_by_key(|candidate| candidate.row);
        let rows = self.rows.iter().map(|candidate| candidate.row);
        sets.reference.nearest(sets.queries.row(self.query), rows, sets.k)
    }

    /// The nearest rows with their exact squared distances.
    pub(super) fn finish(&mut self, sets: &Sets<'_>) -> Vec<(f64, usize)> {
        self.drop_distant(sets);
        self.exact(sets)
    }
}
