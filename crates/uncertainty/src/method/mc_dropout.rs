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
        let (mut output, mut u) = (Vec::new(), Vec::new());
        let mut shape = Vec::new();
        for image in input.data().chunks_exact(input.row_len().max(1)) {
            let passes = self.passes(image, input.shape())?;
            shape = passes.shape().to_vec();
            let (mean, deviation) = spread(passes.data(), self.passes);
            output.extend(mean);
            u.extend(deviation);
        }
        if let Some(images) = shape.first_mut() {
            *images = input.rows();
        }
        let tensor = |data| Tensor::new(shape.clone(), data).ok_or_else(missing);
        Ok(Maps { output: tensor(output)?, u: tensor(u)?, bounds: None })
    }
}

impl McDropout {
    /// The outputs of all passes for one image: a batch of copies of it, each of which has masks of its own.
    fn passes(&self, image: &[f32], shape: &[usize]) -> Result<Tensor<f32>> {
        let shape: Vec<usize> = std::iter::once(self.passes).chain(shape.iter().skip(1).copied()).collect();
        let copies = Tensor::new(shape, image.repeat(self.passes)).ok_or_else(missing)?;
        let settings = Settings { seed: self.seed, chunk: COPIES, ..Settings::default() };
        let outputs = run(&self.runtime, &self.model, &copies, settings)?;
        Ok(outputs.into_iter().next().ok_or_else(missing)?)
    }
}

/// Mean and standard deviation (unbiased variance) of each element over the passes.
fn spread(passes: &[f32], count: usize) -> (Vec<f32>, Vec<f32>) {
    let (mut mean, mut squares) = (vec![0.0; passes.len() / count], vec![0.0; passes.len() / count]);
    // Updated pass by pass (Welford 1962).
    for (pass, values) in passes.chunks_exact(mean.len().max(1)).enumerate() {
        for ((mean, square), &y) in mean.iter_mut().zip(&mut squares).zip(values) {
            let off = f64::from(y) - *mean;
            *mean += off / (pass + 1) as f64;
            *square += off * (f64::from(y) - *mean);
        }
    }
    let deviation = squares.into_iter().map(|s| (s / (count - 1) as f64).sqrt() as f32).collect();
    (mean.into_iter().map(|m| m as f32).collect(), deviation)
}
