//! Predicted variances (Nix and Weigend 1994; ProbOut in METHODS 2.3).

use modelmend_net::architecture::with_variance;
use modelmend_net::loss::{GaussianLikelihood, Loss};
use modelmend_net::{Model, Runtime, Settings, Tensor};

use super::{Maps, Method, first_errors, missing, run};
use crate::error::{Result, UncertaintyError};
use crate::source::Source;
use crate::train::{Objective, Session, Training, descend};

/// A network that predicts the mean and the logarithm of a variance. u is the standard deviation.
#[derive(Debug)]
pub struct PredictedVariance {
    runtime: Runtime<f32>,
    model: Model,
}

impl PredictedVariance {
    /// Asks a network whose first output holds mean and logarithm of the variance, one after the other along the channels.
    pub fn new(model: Model) -> Self {
        Self { runtime: Runtime::new(model.graph().clone()), model }
    }

    /// The network, with one output of twice the channels.
    pub fn model(&self) -> &Model {
        &self.model
    }
}

impl Method for PredictedVariance {
    fn maps(&self, input: &Tensor<f32>) -> Result<Maps> {
        let outputs = run(&self.runtime, &self.model, input, Settings::default())?;
        let both = outputs.first().ok_or_else(missing)?;
        let mut shape = both.shape().to_vec();
        let row = both.len() / shape.first().copied().unwrap_or(1).max(1);
        let halves = |first: bool| {
            let rows = both.data().chunks_exact(row.max(1));
            rows.flat_map(move |row| if first { &row[..row.len() / 2] } else { &row[row.len() / 2..] })
        };
        if let Some(channels) = shape.get_mut(1) {
            *channels /= 2;
        }
        let tensor = |data| Tensor::new(shape.clone(), data).ok_or_else(missing);
        Ok(Maps {
            output: tensor(halves(true).copied().collect())?,
            u: tensor(halves(false).map(|s| (0.5 * s).exp()).collect())?,
            bounds: None,
        })
    }
}

/// The negative log-likelihood, with the weight 1 of its second term (the authors' code has 3).
struct Likelihood;

impl Objective for Likelihood {
    fn terms<'t>(&self, target: &'t Tensor<f32>, weight: f64) -> Vec<Box<dyn Loss<f32> + 't>> {
        vec![Box::new(GaussianLikelihood { target, penalty: 1.0, weight, output: 0 })]
    }
}

/// Adds a variance to a trained network and trains all of it on the likelihood. The variance starts as the mean squared error of the network on a batch of training data: from the -3 of
/// the authors for its logarithm (METHODS 2.3), a short training of a network that is much better than that never arrives.
///
/// # Errors
/// A last layer that is no convolution, a network without errors on training data, and as [`descend`].
pub fn train_predicted_variance(
    base: &Model,
    source: &dyn Source,
    training: &Training,
    session: &dyn Session,
) -> Result<PredictedVariance> {
    let model = with_variance(base, start(base, source, training)?)?;
    let start = model.parameters().clone();
    let trained = descend((&model, start), source, training, &Likelihood, |_| {}, session)?;
    Ok(PredictedVariance::new(model.with_parameters(trained)?))
}

/// The logarithm of the mean squared error on the first batch.
fn start(base: &Model, source: &dyn Source, training: &Training) -> Result<f32> {
    let errors = first_errors(base, source, training)?;
    let mean = errors.iter().map(|error| error * error).sum::<f64>() / errors.len().max(1) as f64;
    if mean > 0.0 && mean.is_finite() {
        return Ok(mean.ln() as f32);
    }
    Err(UncertaintyError::Invalid(format!(
        "probout: the mean squared error on training data is {mean}; there is no variance to learn"
    )))
}
