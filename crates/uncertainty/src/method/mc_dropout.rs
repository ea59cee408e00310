//! Monte Carlo dropout (Gal and Ghahramani, arXiv 1506.02142; METHODS 2.3).

use modelmend_net::architecture::with_dropout;
use modelmend_net::{Model, Runtime, Settings, Tensor};

use super::spread::image_by_image;
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

/// Copies of an image that one thread takes at a time: pictures are large.
const COPIES: usize = 4;

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
        image_by_image(input, self.passes, |image| self.passes(image))
    }
}

impl McDropout {
    /// The outputs of all passes for one image: a batch of copies of it, each of which has masks of its own.
    fn passes(&self, image: &Tensor<f32>) -> Result<Tensor<f32>> {
        let shape: Vec<usize> =
            std::iter::once(self.passes).chain(image.shape().iter().skip(1).copied()).collect();
        let copies = Tensor::new(shape, image.data().repeat(self.passes)).ok_or_else(missing)?;
        let settings = Settings { seed: self.seed, chunk: COPIES, ..Settings::default() };
        let outputs = run(&self.runtime, &self.model, &copies, settings)?;
        Ok(outputs.into_iter().next().ok_or_else(missing)?)
    }
}
