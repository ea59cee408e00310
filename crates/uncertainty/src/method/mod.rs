//! Methods that give every pixel of an output an uncertainty, one file each, all with one interface.

mod ensemble;
mod gradient;
mod interval_network;
mod learned_error;
mod mc_dropout;
mod prob_out;
mod spread;
mod tta;

pub use ensemble::Ensemble;
pub use gradient::InputGradient;
pub use interval_network::{IntervalMaps, heuristic_beta, train_interval_network};
pub use learned_error::{LearnedError, train_learned_error};
pub use mc_dropout::McDropout;
pub use prob_out::{PredictedVariance, train_predicted_variance};
pub use tta::Augmented;

use modelmend_net::{Model, NetError, Runtime, Settings, Tensor};

use crate::error::Result;
use crate::source::Source;
use crate::train::Training;

/// What a method says about a batch; all of one shape.
#[derive(Clone, Debug, PartialEq)]
pub struct Maps {
    /// The reconstruction that the uncertainty is about.
    pub output: Tensor<f32>,
    /// Uncertainty, at least 0, in the unit of the output.
    pub u: Tensor<f32>,
    /// Lower and upper ends, where the method has them.
    pub bounds: Option<(Tensor<f32>, Tensor<f32>)>,
}

/// A method that is ready to be asked.
pub trait Method: Sync {
    /// The maps of a batch (N, channels, ...). A pure function of the input.
    ///
    /// # Errors
    /// Execution errors.
    fn maps(&self, input: &Tensor<f32>) -> Result<Maps>;
}

/// Runs a model on a batch.
fn run(
    runtime: &Runtime<f32>,
    model: &Model,
    input: &Tensor<f32>,
    settings: Settings,
) -> Result<Vec<Tensor<f32>>> {
    Ok(runtime.forward(model.parameters(), std::slice::from_ref(input), settings)?)
}

/// How far a network is off on the first batch of its training data, element by element.
fn first_errors(base: &Model, source: &dyn Source, training: &Training) -> Result<Vec<f64>> {
    let batch = source.batch(1, 0..training.batch_size.clamp(1, source.epoch_len().max(1)))?;
    let runtime = Runtime::<f32>::new(base.graph().clone());
    let outputs = run(&runtime, base, &batch.input, Settings::default())?;
    let output = outputs.first().ok_or_else(missing)?;
    Ok(output.data().iter().zip(batch.target.data()).map(|(y, t)| f64::from((y - t).abs())).collect())
}

fn missing() -> NetError {
    NetError::input("the model has too few outputs")
}
