//! What repairs read from the gradients of single cases.

use std::ops::Range;

use modelmend_net::exec::Sink;
use modelmend_net::{Parameters, Settings};

use crate::error::Result;
use crate::judge::Judge;
use crate::problem::Problem;
use modelmend_learn::monitor::Monitor;

/// Cases that are run at a time.
const BATCH: usize = 256;
/// Cases per chunk: each chunk sums up on its own, in an order that does not depend on the threads.
const CHUNK: usize = 64;

/// Hands the gradient of the loss of each of `cases`, with the unmodified weights, to the sinks of its chunk, and the sinks in
/// order to `merge`; returns the losses. `make` gets the number of cases before the batch, from which a sink counts, and the
/// images of its chunk within the batch.
pub(super) fn read<S: Sink<f32>>(
    problem: &Problem,
    cases: &[usize],
    monitor: &dyn Monitor,
    make: impl Fn(usize, Range<usize>) -> S + Sync,
    mut merge: impl FnMut(S),
) -> Result<Vec<f32>> {
    let settings = Settings { chunk: CHUNK, ..Settings::default() };
    let mut losses = Vec::with_capacity(cases.len());
    for part in cases.chunks(BATCH) {
        monitor.check()?;
        let (labels, input) = (problem.targets_of(part), [problem.input(part)?]);
        let (loss, before) = (problem.loss(&labels), losses.len());
        let make = |images| make(before, images);
        let read = problem.runtime().per_sample(problem.parameters(), &input, &[&loss], settings, make)?;
        losses.extend(read.losses);
        read.sinks.into_iter().for_each(&mut merge);
        monitor.progress(losses.len(), cases.len());
    }
    Ok(losses)
}

/// The sum over `cases` of `term(i, g)`, where `g` is an element of the gradient of case number `i` of them.
pub(super) fn sum(
    problem: &Problem,
    cases: &[usize],
    monitor: &dyn Monitor,
    term: impl Fn(usize, f32) -> f32 + Sync,
) -> Result<Parameters<f32>> {
    let mut total = problem.parameters().zeros_like();
    let make = |before, _| Sum { total: problem.parameters().zeros_like(), before, term: &term };
    read(problem, cases, monitor, make, |part| {
        for (t, s) in total.iter_mut().zip(part.total.iter()) {
            t.data_mut().iter_mut().zip(s.data()).for_each(|(t, s)| *t += s);
        }
    })?;
    Ok(total)
}

struct Sum<'a, F> {
    total: Parameters<f32>,
    before: usize,
    term: &'a F,
}

impl<F: Fn(usize, f32) -> f32 + Sync> Sink<f32> for Sum<'_, F> {
    fn parameter(&mut self, parameter: usize, images: Range<usize>, rows: &[f32]) {
        let Some(total) = self.total.iter_mut().nth(parameter) else { return };
        for (image, row) in images.zip(rows.chunks_exact(total.len().max(1))) {
            let case = self.before + image;
            total.data_mut().iter_mut().zip(row).for_each(|(t, g)| *t += (self.term)(case, *g));
        }
    }

    fn images_at_once(&self) -> usize {
        1
    }
}
