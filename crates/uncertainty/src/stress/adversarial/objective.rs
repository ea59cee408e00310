//! How far the output is from what an attack wants, as the optimiser sees it.

use std::sync::{Mutex, PoisonError};

use argmin::core::{CostFunction, Error, Gradient};
use modelmend_net::loss::MeanSquaredError;
use modelmend_net::{Settings, Tensor};

use super::super::{Network, shifted};
use super::reach::{Change, Reach};
use crate::error::{Result, UncertaintyError};
use crate::source::Batch;

/// The first step goes so far that the loss would fall by this share of it, were it linear.
const FIRST: f64 = 0.1;

/// The squared error to the target as a share of that at the start, over unknowns of such a scale that a step of length 1 along the gradient is a sensible first one.
pub(super) struct Objective<'a> {
    network: &'a Network<'a>,
    reach: &'a Reach<'a>,
    item: &'a Batch,
    target: &'a Tensor<f32>,
    /// The loss at the start, and the scale of the unknowns.
    start: f64,
    scale: f64,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    /// Where the loss was asked last, with loss and gradient: the optimiser asks for both, one after the other.
    last: Option<(Vec<f64>, f64, Vec<f64>)>,
    /// The lowest loss and where it was.
    best: Option<(f64, Vec<f64>)>,
    /// What went wrong on the way.
    error: Option<UncertaintyError>,
}

impl<'a> Objective<'a> {
    /// `None` where the output does not depend on what can be changed.
    pub(super) fn new(
        (network, reach): (&'a Network<'a>, &'a Reach<'a>),
        item: &'a Batch,
        target: &'a Tensor<f32>,
    ) -> Result<Option<Self>> {
        let mut objective =
            Self { network, reach, item, target, start: 1.0, scale: 1.0, seen: Mutex::default() };
        let (loss, gradient) = objective.measure(&objective.start())?;
        let square: f64 = gradient.iter().map(|g| g * g).sum();
        if !(loss > 0.0 && square > 0.0 && square.is_finite()) {
            return Ok(None);
        }
        objective.start = loss;
        objective.scale = loss * (FIRST / square).sqrt();
        Ok(Some(objective))
    }

    /// No change.
    pub(super) fn start(&self) -> Vec<f64> {
        vec![0.0; self.reach.unknowns()]
    }

    /// The best change that was seen.
    ///
    /// # Errors
    /// What went wrong while the optimiser asked.
    pub(super) fn best(self) -> Result<Change> {
        let seen = self.seen.into_inner().unwrap_or_else(PoisonError::into_inner);
        if let Some(error) = seen.error {
            return Err(error);
        }
        match seen.best {
            Some((_, unknowns)) => Ok(self.reach.at(&scaled(&unknowns, self.scale))?.change()),
            None => Ok(Change::default()),
        }
    }

    /// Loss and gradient by the unknowns.
    fn measure(&self, unknowns: &[f64]) -> Result<(f64, Vec<f64>)> {
        let unknowns = scaled(unknowns, self.scale);
        let reached = self.reach.at(&unknowns)?;
        let input = shifted(self.item, &reached.change().input);
        let loss = MeanSquaredError { target: self.target, weight: 1.0, output: 0 };
        let parameters = self.network.model.parameters();
        let found =
            self.network.runtime.gradient(parameters, &[input], &[&loss], true, Settings::default())?;
        let total: f64 = found.losses.iter().map(|&l| f64::from(l)).sum();
        let by_input = found.inputs.into_iter().flatten().next().ok_or_else(|| {
            UncertaintyError::Invalid("adversarial: the output does not depend on the input".to_owned())
        })?;
        let by_unknowns = reached.pull_back(by_input.data())?;
        Ok((total / self.start, scaled(&by_unknowns, self.scale / self.start)))
    }

    /// As [`Self::measure`], asked once for the same place.
    fn ask(&self, unknowns: &[f64]) -> std::result::Result<(f64, Vec<f64>), Error> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((place, loss, gradient)) = &seen.last
            && place == unknowns
        {
            return Ok((*loss, gradient.clone()));
        }
        let (loss, gradient) = self.measure(unknowns).map_err(|error| {
            let text = Error::msg(error.to_string());
            seen.error = Some(error);
            text
        })?;
        if seen.best.as_ref().is_none_or(|(best, _)| loss < *best) {
            seen.best = Some((loss, unknowns.to_vec()));
        }
        seen.last = Some((unknowns.to_vec(), loss, gradient.clone()));
        Ok((loss, gradient))
    }
}

fn scaled(values: &[f64], by: f64) -> Vec<f64> {
    values.iter().map(|v| v * by).collect()
}

impl CostFunction for &Objective<'_> {
    type Param = Vec<f64>;
    type Output = f64;

    fn cost(&self, unknowns: &Vec<f64>) -> std::result::Result<f64, Error> {
        Ok(self.ask(unknowns)?.0)
    }
}

impl Gradient for &Objective<'_> {
    type Param = Vec<f64>;
    type Gradient = Vec<f64>;

    fn gradient(&self, unknowns: &Vec<f64>) -> std::result::Result<Vec<f64>, Error> {
        Ok(self.ask(unknowns)?.1)
    }
}
