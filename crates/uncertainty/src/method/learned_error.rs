//! A second network that predicts the absolute error of the first, learned post hoc (the idea of Corbiere et al., arXiv 1910.04851,
//! and of the loss prediction of Yoo and Kweon, arXiv 1905.03677, pixel by pixel).

use std::ops::Range;

use modelmend_data::split::Part;
use modelmend_net::architecture::scale_network;
use modelmend_net::loss::Loss;
use modelmend_net::{Model, Runtime, Settings, Tensor};

use super::{Maps, Method, first_errors, missing, run};
use crate::acquisition::Acquisition;
use crate::error::{Result, UncertaintyError};
use crate::source::{Batch, Source};
use crate::train::{Objective, Session, Training, descend};

/// The output is the trained network's own, unchanged; u is the absolute error that a copy of it predicts.
#[derive(Debug)]
pub struct LearnedError {
    base: (Runtime<f32>, Model),
    predictor: (Runtime<f32>, Model),
}

impl LearnedError {
    /// Asks a network and another that predicts the logarithm of its absolute error.
    pub fn new(base: &Model, predictor: Model) -> Self {
        let with_runtime = |model: Model| (Runtime::new(model.graph().clone()), model);
        Self { base: with_runtime(base.clone()), predictor: with_runtime(predictor) }
    }

    /// The network that predicts the logarithm of the absolute error.
    pub fn model(&self) -> &Model {
        &self.predictor.1
    }
}

impl Method for LearnedError {
    fn maps(&self, input: &Tensor<f32>) -> Result<Maps> {
        let first = |(runtime, model): &(Runtime<f32>, Model)| -> Result<Tensor<f32>> {
            let outputs = run(runtime, model, input, Settings::default())?;
            Ok(outputs.into_iter().next().ok_or_else(missing)?)
        };
        let (output, log_error) = (first(&self.base)?, first(&self.predictor)?);
        same_shape(&output, &log_error)?;
        Ok(Maps { output, u: log_error.map(|s| s.exp()), bounds: None })
    }
}

/// Trains a copy of a network, with a new last layer, to predict how far the network is off. The network itself stays as it is.
///
/// Errors on pairs that it was trained on are smaller than on others: u ranks pixels, and calibration gives it a scale.
///
/// # Errors
/// A last layer that is no convolution, training data without errors, and as [`descend`].
pub fn train_learned_error(
    base: &Model,
    source: &dyn Source,
    training: &Training,
    session: &dyn Session,
) -> Result<LearnedError> {
    let first = first_errors(base, source, training)?;
    let mean = first.iter().sum::<f64>() / first.len().max(1) as f64;
    if !(mean > 0.0 && mean.is_finite()) {
        return Err(UncertaintyError::Invalid(format!(
            "error: the mean error on training data is {mean}; there is nothing to learn"
        )));
    }
    // From here on, every pixel starts with the mean error.
    let model = scale_network(base, mean.ln() as f32)?;
    let start = model.parameters().clone();
    let errors = Errors { source, runtime: Runtime::new(base.graph().clone()), base };
    let trained = descend((&model, start), &errors, training, &Exponential, |_| {}, session)?;
    Ok(LearnedError::new(base, model.with_parameters(trained)?))
}

/// The inputs of a source with the absolute errors of a network as targets.
struct Errors<'a> {
    source: &'a dyn Source,
    runtime: Runtime<f32>,
    base: &'a Model,
}

impl Errors<'_> {
    fn of(&self, batch: Batch) -> Result<Batch> {
        let outputs = run(&self.runtime, self.base, &batch.input, Settings::default())?;
        let mut target = outputs.into_iter().next().ok_or_else(missing)?;
        same_shape(&batch.target, &target)?;
        target.data_mut().iter_mut().zip(batch.target.data()).for_each(|(y, t)| *y = (*y - t).abs());
        Ok(Batch { input: batch.input, target })
    }
}

impl Source for Errors<'_> {
    fn epoch_len(&self) -> usize {
        self.source.epoch_len()
    }

    fn batch(&self, epoch: u64, range: Range<usize>) -> Result<Batch> {
        self.of(self.source.batch(epoch, range)?)
    }

    fn count(&self, part: Part) -> usize {
        self.source.count(part)
    }

    fn item(&self, part: Part, index: usize) -> Result<Batch> {
        self.of(self.source.item(part, index)?)
    }

    fn acquisition(&self) -> &dyn Acquisition {
        self.source.acquisition()
    }
}

fn same_shape(wanted: &Tensor<f32>, found: &Tensor<f32>) -> Result<()> {
    if wanted.shape() == found.shape() {
        return Ok(());
    }
    Err(UncertaintyError::Invalid(format!(
        "error: an output of shape {:?} where {:?} is needed",
        found.shape(),
        wanted.shape()
    )))
}

struct Exponential;

impl Objective for Exponential {
    fn terms<'t>(&self, target: &'t Tensor<f32>, weight: f64) -> Vec<Box<dyn Loss<f32> + 't>> {
        vec![Box::new(ErrorScale { target, weight })]
    }
}

/// `mean e / exp(s) + s` over the elements of a case, times `weight`: the negative log-likelihood of an exponential distribution
/// of the errors `e`, at its minimum where `exp(s)` is their mean given the input.
struct ErrorScale<'a> {
    target: &'a Tensor<f32>,
    weight: f64,
}

impl Loss<f32> for ErrorScale<'_> {
    fn output(&self) -> usize {
        0
    }

    fn evaluate(&self, image: usize, output: &[f32], gradient: &mut [f32]) -> f32 {
        let scale = (self.weight / output.len().max(1) as f64) as f32;
        let errors = self.target.data().chunks_exact(output.len().max(1)).nth(image).unwrap_or_default();
        let mut sum = 0.0;
        for ((slope, &s), &error) in gradient.iter_mut().zip(output).zip(errors) {
            let ratio = error * (-s).exp();
            sum += ratio + s;
            *slope = scale * (1.0 - ratio);
        }
        sum * scale
    }
}
