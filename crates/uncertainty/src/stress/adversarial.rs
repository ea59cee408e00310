//! A perturbation of the input that makes a network draw what is not there (METHODS 2.5), within physical bounds.

mod objective;
mod reach;

use argmin::core::Executor;
use argmin::solver::linesearch::MoreThuenteLineSearch;
use argmin::solver::quasinewton::LBFGS;
use modelmend_net::Tensor;

use self::objective::Objective;
use self::reach::{Change, Reach};
use super::{Network, Spot, Stressed, differences, shifted};
use crate::error::{Result, UncertaintyError};
use crate::source::{Batch, Source, planes};

/// Brightness of the target's shape in means of the output (METHODS 2.5).
const CONTRAST: f32 = 1.5;
/// Pairs of steps and gradients that the optimiser remembers.
const MEMORY: usize = 10;

/// What an attack may do.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Attack {
    /// Largest change of an element of the input, at least 0; unbounded without.
    pub bound_image: Option<f64>,
    /// Root mean square of the change of the input, at least 0; unbounded without.
    pub bound_rms: Option<f64>,
    /// Largest change of an entry of the measurement, as a share of its largest entry, at least 0. With it the measurement is attacked, and the input changes as
    /// a measurement can change it; without it the input itself is, as in the paper.
    pub bound_measurement: Option<f64>,
    /// Steps of the optimiser.
    pub steps: usize,
}

/// Attacks the items of a source.
#[derive(Clone, Copy)]
pub struct Attacker<'a> {
    /// The network that is to be deceived.
    pub network: &'a Network<'a>,
    /// Where items come from.
    pub source: &'a dyn Source,
    /// Within which bounds.
    pub attack: Attack,
}

impl Attacker<'_> {
    /// Moves the input by L-BFGS (Liu and Nocedal 1989) so that the output approaches itself minus the blurred spot of 1.5 times its mean, and gives back the best that was found.
    ///
    /// # Errors
    /// Execution errors.
    pub fn attack(&self, item: &Batch, spot: Spot) -> Result<Stressed> {
        let output = self.network.output(&item.input)?;
        let target = target(&output, spot)?;
        let reach = Reach::new(self.source.acquisition(), item, self.attack)?;
        let best = match reach {
            Some(reach) => self.search(item, &target, &reach)?,
            None => Change::default(),
        };
        let input = shifted(item, &best.input);
        let change = differences(self.network.output(&input)?.data(), output.data());
        let truth = item.target.data().to_vec();
        Ok(Stressed { input, truth, change, mask: spot.mask(), measurement: best.measurement })
    }

    fn search(&self, item: &Batch, target: &Tensor<f32>, reach: &Reach<'_>) -> Result<Change> {
        let Some(objective) = Objective::new((self.network, reach), item, target)? else {
            return Ok(Change::default());
        };
        let start = objective.start();
        let solver = LBFGS::new(MoreThuenteLineSearch::new(), MEMORY);
        let steps = self.attack.steps as u64;
        let executor =
            Executor::new(&objective, solver).configure(|state| state.param(start).max_iters(steps));
        // A line search that finds nothing better ends with an error; what was found until then stands.
        drop(executor.timer(false).run());
        objective.best()
    }
}

/// The output with the spot taken out.
fn target(output: &Tensor<f32>, spot: Spot) -> Result<Tensor<f32>> {
    let [_, rows, columns] = planes(output.shape());
    let values = output.data();
    let mean = values.iter().map(|&v| f64::from(v.abs())).sum::<f64>() / values.len().max(1) as f64;
    let blurred = spot.blurred();
    if blurred.len() != rows * columns {
        return Err(UncertaintyError::Invalid(format!(
            "a spot of {} pixels for an output of {rows} x {columns}",
            blurred.len()
        )));
    }
    let mut target = output.clone();
    for plane in target.data_mut().chunks_mut(blurred.len().max(1)) {
        plane.iter_mut().zip(&blurred).for_each(|(y, b)| *y -= CONTRAST * mean as f32 * b);
    }
    Ok(target)
}
