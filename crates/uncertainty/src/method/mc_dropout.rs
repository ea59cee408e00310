//! Monte Carlo dropout (Gal and Ghahramani, arXiv 1506.02142; METHODS 2.3).

use modelmend_net::architecture::with_dropout;
use modelmend_net::{Model, Runtime, Settings, Tensor};

use super::{Maps, Method, missing, run};
use crate::error::{Result, UncertaintyError};

/// Several passes with dropout on: the output is their mean, u their standard deviation (unbiased variance).
#[derive(Debug)]
pub struct McDropout {
    runtime: Runtime<f32>,
    model: Model,
    passes: usize,
    seed: u64,
}

impl McDropout {
    /// Turns on the dropout of a network.
    ///
    /// # Errors
    /// A network without dropout, fewer than two passes.
    pub fn new(base: &Model, passes: usize, seed: u64) -> Result<Self> {
        if passes < 2 {
            return Err(UncertaintyError::Invalid(format!(
                "passes: {passes} is too few; a spread needs two"
            )));
        }
        let model = with_dropout(base, true)?;
        Ok(Self { runtime: Runtime::new(model.graph().clone()), model, passes, seed })
    }
}

impl Method for McDropout {
    fn maps(&self, input: &Tensor<f32>) -> Result<Maps> {
        // Mean and sum of squared deviations, updated pass by pass (Welford 1962).
        let (mut mean, mut squares): (Vec<f64>, Vec<f64>) = (Vec::new(), Vec::new());
        let mut shape = Vec::new();
        for pass in 0..self.passes {
            let settings = Settings { seed: self.seed.wrapping_add(pass as u64), ..Settings::default() };
            let outputs = run(&self.runtime, &self.model, input, settings)?;
            let output = outputs.first().ok_or_else(missing)?;
            shape = output.shape().to_vec();
            mean.resize(output.len(), 0.0);
            squares.resize(output.len(), 0.0);
            for ((mean, square), &y) in mean.iter_mut().zip(&mut squares).zip(output.data()) {
                let off = f64::from(y) - *mean;
                *mean += off / (pass + 1) as f64;
                *square += off * (f64::from(y) - *mean);
            }
        }
        let deviation = squares.iter().map(|s| (s / (self.passes - 1) as f64).sqrt() as f32).collect();
        let tensor = |data| Tensor::new(shape.clone(), data).ok_or_else(missing);
        Ok(Maps {
            output: tensor(mean.into_iter().map(|m| m as f32).collect())?,
            u: tensor(deviation)?,
            bounds: None,
        })
    }
}
