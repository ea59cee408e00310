//! Interval networks (Oala et al., METHODS 2.2).

use modelmend_data::split::Part as Side;
use modelmend_net::interval::Rounding;
use modelmend_net::interval::network::{IntervalNetwork, Part};
use modelmend_net::loss::{IntervalBound, Loss, Side as End};
use modelmend_net::{Model, Runtime, Settings, Tensor};

use super::{Maps, Method, missing, run};
use crate::error::{Result, UncertaintyError};
use crate::source::Source;
use crate::train::{Objective, Session, Training, descend};

/// An exported interval network: outputs `<y>`, `<y>/lo`, `<y>/hi`. u is the width of the interval.
#[derive(Debug)]
pub struct IntervalMaps {
    runtime: Runtime<f32>,
    model: Model,
}

impl IntervalMaps {
    /// Asks an interval network as [`IntervalNetwork::export`] writes it.
    pub fn new(model: Model) -> Self {
        Self { runtime: Runtime::new(model.graph().clone()), model }
    }

    /// The file.
    pub fn model(&self) -> &Model {
        &self.model
    }
}

impl Method for IntervalMaps {
    fn maps(&self, input: &Tensor<f32>) -> Result<Maps> {
        let mut outputs = run(&self.runtime, &self.model, input, Settings::default())?.into_iter();
        let mut next = || outputs.next().ok_or_else(missing);
        let (output, lo, hi) = (next()?, next()?, next()?);
        let mut u = hi.clone();
        u.data_mut().iter_mut().zip(lo.data()).for_each(|(u, lo)| *u -= lo);
        Ok(Maps { output, u, bounds: Some((lo, hi)) })
    }
}

/// Trains the boxes of a part of a network; the trained weights stay as they are, and every box holds its weight after each
/// step. `beta` is the price of width.
///
/// # Errors
/// A part without parameters, an operator without an interval reading, and as [`descend`].
pub fn train_interval_network(
    base: &Model,
    (part, beta): (&Part, f64),
    source: &dyn Source,
    training: &Training,
    session: &dyn Session,
) -> Result<IntervalMaps> {
    if !(beta > 0.0 && beta.is_finite()) {
        return Err(UncertaintyError::Invalid(format!("beta {beta} must be above 0")));
    }
    let network = IntervalNetwork::new(base, part)?;
    let objective = Bounds { outputs: network.raw(0), beta };
    let start = network.model().parameters().clone();
    let project = |parameters: &mut _| network.project(parameters);
    let trained = descend((network.model(), start), source, training, &objective, project, session)?;
    Ok(IntervalMaps::new(network.export(&trained, Rounding::Nearest)?))
}

/// The loss of both bounds (METHODS 2.2).
struct Bounds {
    /// Outputs with the lower and the upper bound.
    outputs: [usize; 2],
    beta: f64,
}

impl Objective for Bounds {
    fn terms<'t>(&self, target: &'t Tensor<f32>, weight: f64) -> Vec<Box<dyn Loss<f32> + 't>> {
        let sides = [End::Lower, End::Upper].into_iter().zip(self.outputs);
        let bound = |(side, output)| IntervalBound { target, beta: self.beta, side, weight, output };
        sides.map(|side| Box::new(bound(side)) as Box<dyn Loss<f32> + 't>).collect()
    }
}

/// The authors' heuristic for beta: a tenth of the mean absolute error on validation data.
///
/// # Errors
/// Execution errors, no validation data, a network without an error.
pub fn heuristic_beta(base: &Model, source: &dyn Source) -> Result<f64> {
    let runtime = Runtime::<f32>::new(base.graph().clone());
    let (mut total, mut pixels) = (0.0, 0usize);
    for index in 0..source.count(Side::Validation) {
        let item = source.item(Side::Validation, index)?;
        let outputs = run(&runtime, base, &item.input, Settings::default())?;
        let output = outputs.first().ok_or_else(missing)?;
        let errors = output.data().iter().zip(item.target.data());
        total += errors.map(|(y, t)| f64::from((y - t).abs())).sum::<f64>();
        pixels += output.len();
    }
    let beta = 0.1 * total / pixels.max(1) as f64;
    if beta > 0.0 {
        return Ok(beta);
    }
    Err(UncertaintyError::Invalid("beta: auto needs validation data on which the network errs".to_owned()))
}
