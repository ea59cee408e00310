//! Core-seconds of the work that a study is made of, measured on its own cases.

use std::time::Instant;

use anyhow::{Context as _, Result};
use modelmend_failure::finetune::{FinetuneCases, FinetuneSettings, finetune};
use modelmend_failure::represent::{Representation, features, gradients};
use modelmend_failure::subtype::embed;
use modelmend_failure::{Judge, Problem};
use modelmend_learn::monitor::Silent;
use modelmend_learn::neighbors::nearest_neighbors;
use modelmend_study::schema::ClassificationStudy;
use ndarray::Array2;

use super::super::choose::finetuning;
use super::super::represent::settings;

/// Cases that are predicted, and rows that are embedded.
const MEASURED: usize = 1024;
/// Cases of what takes longer.
const FEW: usize = 128;

/// Core-seconds of one unit of each kind of work.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rates {
    /// Cases that were predicted for this.
    pub(super) measured: usize,
    /// Share of these that the network gets wrong.
    pub(super) failing: f64,
    /// To predict a case.
    pub(super) predict: f64,
    /// To take the features of a case.
    pub(super) features: f64,
    /// To take the projected gradient of a case.
    pub(super) gradient: f64,
    /// To learn from a case once.
    pub(super) learn: f64,
    /// To embed a row, apart from the search for its neighbours.
    pub(super) embed: f64,
    /// To compare two rows in that search.
    pub(super) compare: f64,
    /// To compare two cases by their features.
    pub(super) beside: f64,
}

impl Rates {
    pub(super) fn measure(problem: &Problem, study: &ClassificationStudy) -> Result<Self> {
        let one = rayon::ThreadPoolBuilder::new().num_threads(1).build()?;
        one.install(|| Self::on_this_thread(problem, study))
    }

    fn on_this_thread(problem: &Problem, study: &ClassificationStudy) -> Result<Self> {
        let cases = spread(problem.count(), MEASURED);
        let few = spread(problem.count(), FEW);
        let weights = problem.parameters();
        // What is computed once, whatever the number of cases, is not part of the rate.
        problem.predict(weights, &few)?;
        let (predicted, predict) = timed(|| problem.predict(weights, &cases))?;
        let (activations, features) = timed(|| features(problem, weights, &few, &Silent))?;
        let dims = study.subtype.projection as usize;
        let (rows, gradient) = timed(|| gradients(problem, weights, &few, (dims, 0), &Silent))?;
        let (embed, compare) = embedding(study, &rows)?;
        let predict = predict / cases.len() as f64;
        Ok(Self {
            measured: cases.len(),
            failing: predicted.iter().filter(|p| !p.correct).count() as f64 / cases.len() as f64,
            predict,
            features: features / few.len() as f64,
            gradient: gradient / few.len() as f64,
            learn: learning(problem, study, &few, predict)?,
            embed,
            compare,
            beside: compare * activations.matrix.ncols() as f64 / rows.matrix.ncols() as f64,
        })
    }
}

/// Core-seconds to learn from a case once: an epoch, without the looks at the cases before and after it.
fn learning(problem: &Problem, study: &ClassificationStudy, few: &[usize], predict: f64) -> Result<f64> {
    let section = study.finetune.clone().unwrap_or_default();
    let settings = FinetuneSettings { epochs: 1, ..finetuning(&section) };
    let cases = FinetuneCases { train: few, train_correct: few, validation: &[], validation_correct: &[] };
    let (_, seconds) = timed(|| finetune(problem, cases, &settings, 0, &Silent))?;
    let (learned, looked_at) = (2 * few.len(), 3 * few.len());
    Ok((seconds - looked_at as f64 * predict).max(0.0) / learned as f64)
}

/// Core-seconds to embed a row, and to compare two rows in the search for neighbours.
fn embedding(study: &ClassificationStudy, rows: &Representation) -> Result<(f64, f64)> {
    // What the numbers are does not matter, but none may repeat: many equal distances make a search longer.
    let width = rows.matrix.ncols();
    let noise = Array2::from_shape_fn((MEASURED, width), |(row, column)| {
        let number = (row * width + column) as u32;
        (number.wrapping_mul(2_654_435_769) >> 8) as f32 / (1 << 24) as f32
    });
    let settings = settings(&study.subtype);
    let (_, search) = timed(|| nearest_neighbors(noise.view(), settings.neighbors))?;
    let (_, all) = timed(|| embed(noise.view(), &settings, 0))?;
    let count = MEASURED as f64;
    Ok(((all - search).max(0.0) / count, search / (count * count)))
}

/// At most so many cases, evenly spread over all.
fn spread(count: usize, most: usize) -> Vec<usize> {
    let wanted = count.min(most);
    (0..wanted).map(|i| i * count / wanted).collect()
}

/// A result with the core-seconds that it took on this thread.
fn timed<T, E: Into<anyhow::Error>>(work: impl FnOnce() -> Result<T, E>) -> Result<(T, f64)> {
    let (start, before) = (Instant::now(), seconds_of_this_thread());
    let result = work().map_err(Into::into).context("cannot measure")?;
    let wall = start.elapsed().as_secs_f64();
    Ok((result, seconds_of_this_thread().zip(before).map_or(wall, |(after, before)| after - before)))
}

/// Processor time of this thread so far, where the system tells: other programs do not count, unlike in a clock on the wall.
fn seconds_of_this_thread() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    let nanoseconds: f64 = text.split_ascii_whitespace().next()?.parse().ok()?;
    Some(nanoseconds / 1e9)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn measured_cases_are_spread_over_all() {
        assert_eq!(spread(10, 4), [0, 2, 5, 7]);
        assert_eq!(spread(3, 4), [0, 1, 2]);
    }

    #[test]
    fn work_is_timed() {
        let busy =
            || Ok::<_, anyhow::Error>((0..20_000_000u64).fold(0, |sum, i| std::hint::black_box(sum ^ i)));
        let (_, seconds) = timed(busy).unwrap();
        assert!(seconds > 1e-4 && seconds < 60.0, "{seconds}");
    }
}
