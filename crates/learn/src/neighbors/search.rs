//! All blocks against all blocks.

use super::Rows;
use super::candidates::{Candidates, Sets};
use super::product::Panels;
use super::screen::{BLOCK, Frame, Near, Pair, Screened};
use rayon::prelude::*;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Blocks that one block, once laid out, is compared with.
const RUN: usize = 8;

/// The `k` nearest other rows of each row, with squared distances.
pub(super) fn among(rows: &Rows<'_>, k: usize) -> Vec<Vec<(f64, usize)>> {
    let frame = Frame::of(rows.iter(), rows.features);
    let screened = Screened::new(rows, &frame);
    let sets = Sets {
        queries: rows,
        reference: rows,
        screened_queries: &screened,
        screened_reference: &screened,
        frame: &frame,
        k,
    };
    let search = Search::new(sets, true);
    let blocks = screened.blocks();
    // Each block with itself first: limits are then low before the others come.
    search.compare((0..blocks).map(|block| (block, block..block + 1)).collect());
    let run = |block| {
        let starts = (block + 1..blocks).step_by(RUN);
        starts.map(move |first| (block, first..blocks.min(first + RUN)))
    };
    search.compare((0..blocks).flat_map(run).collect());
    search.finish()
}

/// The `k` reference rows nearest to each query, with squared distances.
pub(super) fn between(queries: &Rows<'_>, reference: &Rows<'_>, k: usize) -> Vec<Vec<(f64, usize)>> {
    let frame = Frame::of(queries.iter().chain(reference.iter()), queries.features);
    let (screened_queries, screened_reference) =
        (Screened::new(queries, &frame), Screened::new(reference, &frame));
    let sets = Sets {
        queries,
        reference,
        screened_queries: &screened_queries,
        screened_reference: &screened_reference,
        frame: &frame,
        k,
    };
    let search = Search::new(sets, false);
    search.compare((0..screened_queries.blocks()).map(|q| (q, 0..screened_reference.blocks())).collect());
    search.finish()
}

struct Search<'a> {
    sets: Sets<'a>,
    /// Queries and reference are the same rows: a pair of blocks serves both, and no row is its own
    /// neighbour.
    mutual: bool,
    /// Of each block of queries. What is found does not depend on the order in which blocks arrive.
    candidates: Vec<Mutex<Vec<Candidates>>>,
}

/// What a thread works in.
#[derive(Default)]
struct Room {
    panels: Panels,
    products: Vec<f32>,
    near: Vec<Near>,
}

impl<'a> Search<'a> {
    fn new(sets: Sets<'a>, mutual: bool) -> Self {
        let count = sets.queries.count;
        let block = |first| Mutex::new((first..count.min(first + BLOCK)).map(Candidates::of).collect());
        Self { mutual, candidates: (0..count).step_by(BLOCK).map(block).collect(), sets }
    }

    /// Compares blocks of queries with ranges of blocks of the reference.
    fn compare(&self, tasks: Vec<(usize, std::ops::Range<usize>)>) {
        tasks.into_par_iter().for_each_init(Room::default, |room, (queries, blocks)| {
            self.sets.screened_queries.panels(queries, &mut room.panels);
            blocks.for_each(|block| self.pair(queries, block, room));
        });
    }

    fn pair(&self, queries: usize, block: usize, room: &mut Room) {
        let both = self.mutual && queries != block;
        let limits =
            (self.limits(queries), if both { self.limits(block) } else { [f32::NEG_INFINITY; BLOCK] });
        let pair = Pair {
            queries: (self.sets.screened_queries, queries),
            reference: (self.sets.screened_reference, block),
        };
        pair.near(&room.panels, (&limits.0, &limits.1), &mut room.products, &mut room.near);
        let mut of_queries = self.lock(queries);
        for &Near { query, row, low } in &room.near {
            if both || !self.mutual || query != row {
                of_queries[query].offer(block * BLOCK + row, low, &self.sets);
            }
        }
        drop(of_queries);
        if both {
            let mut of_rows = self.lock(block);
            for &Near { query, row, low } in &room.near {
                of_rows[row].offer(queries * BLOCK + query, low, &self.sets);
            }
        }
    }

    /// The limits of a block as they are now; later ones are lower.
    fn limits(&self, block: usize) -> [f32; BLOCK] {
        let mut limits = [f32::NEG_INFINITY; BLOCK];
        limits.iter_mut().zip(self.lock(block).iter()).for_each(|(to, from)| *to = from.limit());
        limits
    }

    fn lock(&self, block: usize) -> MutexGuard<'_, Vec<Candidates>> {
        self.candidates[block].lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn finish(self) -> Vec<Vec<(f64, usize)>> {
        let sets = &self.sets;
        let nearest = |candidates: Mutex<Vec<Candidates>>| {
            let candidates = candidates.into_inner().unwrap_or_else(PoisonError::into_inner);
            candidates.into_iter().map(|mut of_query| of_query.finish(sets)).collect::<Vec<_>>()
        };
        self.candidates.into_par_iter().flat_map_iter(nearest).collect()
    }
}
