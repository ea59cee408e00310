//! Stress tests: inputs on which a network should be distrusted, and whether u says so (METHODS 2.5).
//!
//! A test makes a [`Stressed`] item from each test item, once for the network and not for a method; [`score`] then asks every method about it.

mod adversarial;
mod artefact;
mod noise;
mod scan;
mod score;
mod shape;

pub use adversarial::{Attack, Attacker};
pub use artefact::paste;
pub use noise::noisy;
pub use scan::{Fault, faulty};
pub use score::{Clean, ItemScore, Score, score};
pub use shape::{Shape, Spot};

use modelmend_net::{Model, Runtime, Settings, Tensor};

use crate::error::{Result, UncertaintyError};
use crate::source::Batch;

/// A test item under stress. All values are (1, channels, ...), one after another.
#[derive(Clone, Debug, PartialEq)]
pub struct Stressed {
    /// What goes into the network.
    pub input: Tensor<f32>,
    /// The truth behind it.
    pub truth: Vec<f32>,
    /// What u should mark, at least 0: the change of the network's output by an attack, of the truth by an artefact, the error of the output otherwise.
    pub change: Vec<f32>,
    /// The pixels that were aimed at, where a test aims at some; of one channel.
    pub mask: Vec<bool>,
    /// The change of the measurement, where that was attacked.
    pub measurement: Vec<f32>,
}

/// A trained network and what it runs on.
#[derive(Debug)]
pub struct Network<'a> {
    runtime: Runtime<f32>,
    model: &'a Model,
}

impl<'a> Network<'a> {
    /// This network.
    pub fn new(model: &'a Model) -> Self {
        Self { runtime: Runtime::new(model.graph().clone()), model }
    }

    /// Its first output.
    ///
    /// # Errors
    /// Execution errors; an output of another shape than the input's.
    pub fn output(&self, input: &Tensor<f32>) -> Result<Tensor<f32>> {
        let inputs = std::slice::from_ref(input);
        let outputs = self.runtime.forward(self.model.parameters(), inputs, Settings::default())?;
        let output = outputs.into_iter().next().filter(|output| output.shape() == input.shape());
        output.ok_or_else(|| {
            let rule = "stress tests are for networks whose output has the shape of their input";
            UncertaintyError::Invalid(rule.to_owned())
        })
    }
}

/// An item whose input changed while its truth did not or did; u should mark the error.
fn of_error(network: &Network<'_>, input: Tensor<f32>, truth: Vec<f32>) -> Result<Stressed> {
    let output = network.output(&input)?;
    let change = differences(output.data(), &truth);
    Ok(Stressed { input, truth, change, mask: Vec::new(), measurement: Vec::new() })
}

/// The input of an item after a change of it.
fn shifted(item: &Batch, by: &[f32]) -> Tensor<f32> {
    let mut input = item.input.clone();
    input.data_mut().iter_mut().zip(by).for_each(|(x, by)| *x += by);
    input
}

/// `|a - b|`, element by element.
fn differences(a: &[f32], b: &[f32]) -> Vec<f32> {
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).collect()
}
