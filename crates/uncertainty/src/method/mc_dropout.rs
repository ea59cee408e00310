//! Monte Carlo dropout (Gal and Ghahramani, arXiv 1506.02142; METHODS 2.3).

use modelmend_net::architecture::{has_dropout, insert_dropout, with_dropout};
use modelmend_net::{Model, Runtime, Settings, Tensor};

use super::spread::{COPIES, image_by_image, with_images};
use super::{Maps, Method, missing, run};
use crate::error::{Result, UncertaintyError};

/// Several passes with dropout on: the output is their mean, u their standard deviation (unbiased variance).
#[derive(Debug)]
pub struct McDropout {
    runtime: Runtime<f32>,
    model: Model,
    passes: usize,
    seed: u64,
    inserted: Option<f64>,
}

/// Ratio of dropout that is inserted where nobody names one.
const RATIO: f64 = 0.05;

impl McDropout {
    /// Turns on the dropout of a network. One that has none gets it after every activation between two layers, with `ratio` in
    /// 0 .. 1 or by default 0.05, without being trained for it.
    ///
    /// # Errors
    /// A ratio for a network that has dropout, no place for it in one that has none, fewer than two passes.
    pub fn new(base: &Model, passes: usize, ratio: Option<f64>, seed: u64) -> Result<Self> {
        if passes < 2 {
            return Err(UncertaintyError::Invalid(format!(
                "passes: {passes} is too few; a spread needs two"
            )));
        }
        let (model, inserted) = match (has_dropout(base), ratio) {
            (true, Some(ratio)) => {
                return Err(UncertaintyError::Invalid(format!(
                    "mcdropout.ratio = {ratio}: the network has dropout with ratios of its own; leave the key out"
                )));
            }
            (true, None) => (with_dropout(base, true)?, None),
            (false, ratio) => {
                let ratio = ratio.unwrap_or(RATIO);
                (with_dropout(&insert_dropout(base, ratio as f32)?, true)?, Some(ratio))
            }
        };
        Ok(Self { runtime: Runtime::new(model.graph().clone()), model, passes, seed, inserted })
    }

    /// The ratio of the dropout that was inserted, if the network had none.
    pub fn inserted(&self) -> Option<f64> {
        self.inserted
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
        let shape = with_images(self.passes, image.shape());
        let copies = Tensor::new(shape, image.data().repeat(self.passes)).ok_or_else(missing)?;
        // What the masks do to the output is far more than what split factors lose.
        let settings = Settings { chunk: COPIES, ..Settings::training(self.seed) };
        let outputs = run(&self.runtime, &self.model, &copies, settings)?;
        Ok(outputs.into_iter().next().ok_or_else(missing)?)
    }
}
