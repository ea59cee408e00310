//! Magnitude of the input gradient (the saliency of Simonyan et al., arXiv 1312.6034, of a whole output).

use modelmend_net::loss::Loss;
use modelmend_net::{Model, Runtime, Settings, Tensor};

use super::{Maps, Method, missing, run};
use crate::error::{Result, UncertaintyError};

/// u is `|d sum(y) / dx|`, element by element: how far the output as a whole moves with this element of the input. Draws and
/// trains nothing.
#[derive(Debug)]
pub struct InputGradient {
    runtime: Runtime<f32>,
    model: Model,
}

impl InputGradient {
    /// Asks this network; its output must have the shape of its input, which shows when it is asked.
    pub fn new(base: &Model) -> Self {
        Self { runtime: Runtime::new(base.graph().clone()), model: base.clone() }
    }
}

impl Method for InputGradient {
    fn maps(&self, input: &Tensor<f32>) -> Result<Maps> {
        let outputs = run(&self.runtime, &self.model, input, Settings::default())?;
        let output = outputs.into_iter().next().ok_or_else(missing)?;
        if output.shape() != input.shape() {
            return Err(UncertaintyError::Invalid(format!(
                "gradient: needs an output of the shape of the input; {:?} came out for {:?}",
                output.shape(),
                input.shape()
            )));
        }
        let (parameters, inputs) = (self.model.parameters(), std::slice::from_ref(input));
        let gradient = self.runtime.gradient(parameters, inputs, &[&Sum], true, Settings::default())?;
        let of_input = gradient.inputs.into_iter().flatten().next();
        let u = of_input.ok_or_else(|| {
            UncertaintyError::Invalid("gradient: the output does not depend on the input".to_owned())
        })?;
        Ok(Maps { output, u: u.map(|slope| slope.abs()), bounds: None })
    }
}

/// The sum over the first output.
struct Sum;

impl Loss<f32> for Sum {
    fn output(&self) -> usize {
        0
    }

    fn evaluate(&self, _: usize, output: &[f32], gradient: &mut [f32]) -> f32 {
        gradient.fill(1.0);
        output.iter().sum()
    }
}
