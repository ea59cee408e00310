//! Which training cases pulled a model toward its failures.

use std::ops::Range;

use modelmend_net::Parameters;
use modelmend_net::exec::Sink;
use ndarray::Array2;

use super::fisher::fisher;
use super::per_sample::{read, sum};
use crate::error::Result;
use crate::problem::Problem;
use modelmend_learn::monitor::Monitor;

/// Added to the Fisher information, in means over all weights: weights of little information would otherwise decide.
const DAMPING: f64 = 1.0;

/// The pull of each of `training` toward each set of failures, training cases x sets.
///
/// Leaving a training case z out changes the loss of a failure f by about `-g_f' H^-1 g_z`, where g are the gradients of their
/// own losses and H is the diagonal Fisher information of the training cases, damped (influence functions; for the
/// repair of networks Tanno et al., arXiv 2207.04806). Where both gradients point against each other, z pulls toward f. Large
/// gradients would put everything that is hard before everything that is wrong, so that both are taken at unit length in
/// the metric of H^-1 (relative influence, Barshan et al., arXiv 2003.11630). What the training has fitted has next to no
/// gradient, and its direction means little: the cosine is weighed by the loss of z. Hence
///
/// `pull(z, S) = loss(z) x mean over f in S of -cos(g_z, g_f)`, in -loss(z)..=loss(z), in nats.
///
/// An empty set has no pull (0).
///
/// # Errors
/// Execution errors, interruption, a model that mixes the images of a batch.
pub fn pulls(
    problem: &Problem,
    sets: &[Vec<usize>],
    training: &[usize],
    monitor: &dyn Monitor,
) -> Result<Array2<f64>> {
    let metric = metric(problem, training, monitor)?;
    let directions =
        sets.iter().map(|set| direction(problem, set, &metric, monitor)).collect::<Result<Vec<_>>>()?;
    let (losses, read) = readings(problem, training, (&metric, &directions), monitor)?;
    let mut pulls = Array2::zeros((training.len(), sets.len()));
    for ((mut row, loss), reading) in pulls.rows_mut().into_iter().zip(losses).zip(&read) {
        let scale = f64::from(loss) * reading.inverse_norm();
        row.iter_mut().zip(&reading.products).for_each(|(pull, product)| *pull = -scale * product);
    }
    Ok(pulls)
}

/// For each training case the set that it pulls most toward, and how much; the first of equals. What a case does to one kind of failure
/// would be lost in a mean over kinds that ask for opposite changes.
pub fn strongest(pulls: &Array2<f64>) -> Vec<(usize, f64)> {
    let best = |row: ndarray::ArrayView1<'_, f64>| {
        let best = row.iter().copied().enumerate().reduce(|a, b| if b.1 > a.1 { b } else { a });
        best.unwrap_or((0, 0.0))
    };
    pulls.rows().into_iter().map(best).collect()
}

/// The inverse of the damped Fisher information of the training cases.
fn metric(problem: &Problem, training: &[usize], monitor: &dyn Monitor) -> Result<Parameters<f32>> {
    let mut metric = fisher(problem, training, monitor)?;
    let total: f64 = metric.iter().flat_map(|t| t.data()).map(|&f| f64::from(f)).sum();
    let damping = (DAMPING * total / metric.scalars().max(1) as f64) as f32;
    for t in metric.iter_mut() {
        // A model without any gradient has nothing to weigh.
        t.data_mut().iter_mut().for_each(|f| *f = if damping > 0.0 { 1.0 / (*f + damping) } else { 0.0 });
    }
    Ok(metric)
}

/// The metric times the mean unit gradient of a set.
fn direction(
    problem: &Problem,
    set: &[usize],
    metric: &Parameters<f32>,
    monitor: &dyn Monitor,
) -> Result<Parameters<f32>> {
    let (_, read) = readings(problem, set, (metric, &[]), monitor)?;
    let share = 1.0 / set.len().max(1) as f64;
    let weights: Vec<f32> = read.iter().map(|r| (share * r.inverse_norm()) as f32).collect();
    let mut mean = sum(problem, set, monitor, |i, g| weights.get(i).map_or(0.0, |w| w * g))?;
    for (mean, metric) in mean.iter_mut().zip(metric.iter()) {
        mean.data_mut().iter_mut().zip(metric.data()).for_each(|(m, h)| *m *= h);
    }
    Ok(mean)
}

/// What is read from the gradient of one case.
#[derive(Clone, Debug, Default)]
struct Reading {
    /// Square of its length in the metric.
    square: f64,
    /// Its products with the directions.
    products: Vec<f64>,
}

impl Reading {
    /// 0 for a gradient that vanishes.
    fn inverse_norm(&self) -> f64 {
        if self.square > 0.0 { 1.0 / self.square.sqrt() } else { 0.0 }
    }
}

/// Losses and readings of cases, in their order.
fn readings(
    problem: &Problem,
    cases: &[usize],
    (metric, directions): (&Parameters<f32>, &[Parameters<f32>]),
    monitor: &dyn Monitor,
) -> Result<(Vec<f32>, Vec<Reading>)> {
    let mut all = Vec::with_capacity(cases.len());
    let empty = Reading { square: 0.0, products: vec![0.0; directions.len()] };
    let make = |_, images: Range<usize>| Reader {
        metric,
        directions,
        first: images.start,
        readings: vec![empty.clone(); images.len()],
    };
    let losses = read(problem, cases, monitor, make, |reader| all.extend(reader.readings))?;
    Ok((losses, all))
}

struct Reader<'a> {
    metric: &'a Parameters<f32>,
    directions: &'a [Parameters<f32>],
    first: usize,
    readings: Vec<Reading>,
}

impl Sink<f32> for Reader<'_> {
    fn parameter(&mut self, parameter: usize, images: Range<usize>, rows: &[f32]) {
        let Some(metric) = self.metric.iter().nth(parameter) else { return };
        let own = self.readings.iter_mut().skip(images.start - self.first);
        for (reading, row) in own.zip(rows.chunks_exact(metric.len().max(1))) {
            let squares = row.iter().zip(metric.data()).map(|(g, h)| f64::from(g * g * h));
            reading.square += squares.sum::<f64>();
            for (product, direction) in reading.products.iter_mut().zip(self.directions) {
                let Some(direction) = direction.iter().nth(parameter) else { continue };
                let terms = row.iter().zip(direction.data()).map(|(g, d)| f64::from(g * d));
                *product += terms.sum::<f64>();
            }
        }
    }

    fn images_at_once(&self) -> usize {
        1
    }
}
