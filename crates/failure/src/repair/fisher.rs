//! The diagonal Fisher information of a model.

use std::ops::Range;

use modelmend_net::exec::Sink;
use modelmend_net::{Parameters, Settings};

use crate::error::Result;
use crate::monitor::Monitor;
use crate::problem::Problem;

/// Cases that are run at a time.
const BATCH: usize = 256;
/// Cases per chunk: each chunk sums up on its own, in an order that does not depend on the threads.
const CHUNK: usize = 64;

/// The mean over `cases` of the *squared gradient of each case's own loss*, for every weight (empirical Fisher information;
/// METHODS 1.5). The square of a summed gradient is something else: it forgets that gradients of single cases cancel.
///
/// # Errors
/// Execution errors, interruption, a model that mixes the images of a batch.
pub fn fisher(
    problem: &Problem,
    parameters: &Parameters<f32>,
    cases: &[usize],
    monitor: &dyn Monitor,
) -> Result<Parameters<f32>> {
    let mut total = parameters.zeros_like();
    let settings = Settings { chunk: CHUNK, ..Settings::default() };
    for (index, part) in cases.chunks(BATCH).enumerate() {
        monitor.check()?;
        let labels = problem.targets_of(part);
        let make = |_: Range<usize>| Squares(parameters.zeros_like());
        let input = [problem.input(part)];
        let result =
            problem.runtime().per_sample(parameters, &input, &[&problem.loss(&labels)], settings, make)?;
        for Squares(squares) in result.sinks {
            for (t, s) in total.iter_mut().zip(squares.iter()) {
                t.data_mut().iter_mut().zip(s.data()).for_each(|(t, s)| *t += s);
            }
        }
        monitor.progress((index * BATCH + part.len()).min(cases.len()), cases.len());
    }
    let count = cases.len().max(1) as f32;
    total.iter_mut().for_each(|t| t.data_mut().iter_mut().for_each(|t| *t /= count));
    Ok(total)
}

/// Adds up squared gradients.
struct Squares(Parameters<f32>);

impl Sink<f32> for Squares {
    fn parameter(&mut self, parameter: usize, _: Range<usize>, rows: &[f32]) {
        let Some(total) = self.0.iter_mut().nth(parameter) else { return };
        for row in rows.chunks_exact(total.len().max(1)) {
            total.data_mut().iter_mut().zip(row).for_each(|(t, g)| *t += g * g);
        }
    }

    fn images_at_once(&self) -> usize {
        1
    }
}
