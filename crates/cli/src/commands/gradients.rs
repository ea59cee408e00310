use std::ops::Range;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};
use modelmend_failure::represent::Projections;
use modelmend_net::exec::Sink;
use modelmend_net::loss::{CrossEntropy, Loss, MeanSquaredError};
use modelmend_net::{Runtime, Settings, Tensor};

use super::tensors::{self, Fed};

/// Arguments of `modelmend gradients`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  modelmend gradients model.onnx data.npz --loss cross-entropy --target label --out grads.npz
  modelmend gradients model.onnx data.npz --loss mse --target clean --project 100 --seed 1

The result holds grad/<parameter> of shape (N, *parameter shape), or (N, D) when projected, and loss (N,).")]
pub(crate) struct Gradients {
    /// The model, an ONNX file.
    model: PathBuf,
    /// Inputs and targets, .npz.
    input: PathBuf,
    /// Loss of a case.
    #[arg(long)]
    loss: LossName,
    /// Array with the targets: classes (N,) for cross-entropy, the shape of the output for mse.
    #[arg(long)]
    target: String,
    /// Projects the gradient of every parameter to D dimensions at random, so that distances stay what they are.
    #[arg(long, value_name = "D", value_parser = clap::value_parser!(u32).range(1..=65536))]
    project: Option<u32>,
    /// Seed of the projection.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Result file; by default <input>.gradients.npz.
    #[arg(long)]
    out: Option<PathBuf>,
}

/// Losses by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum LossName {
    /// Cross entropy of the softmax of the output at the target class.
    CrossEntropy,
    /// Mean over the elements of (output - target)^2.
    Mse,
}

impl Gradients {
    pub(crate) fn run(self) -> Result<u8> {
        let out = tensors::output_path(self.out.clone(), &self.input, "gradients")?;
        let fed = tensors::feed(&self.model, &self.input, &[&self.target])?;
        let runtime = Runtime::new(fed.model.graph().clone());
        let shape = output_shape(&runtime, &fed)?;
        match self.loss {
            LossName::CrossEntropy => {
                let classes = shape.get(1).copied().unwrap_or(0);
                let labels = fed.batch.labels(&self.target, classes)?;
                if shape.len() != 2 {
                    bail!(
                        "cross-entropy needs an output of shape (N, classes); the model gives {shape:?} for one case"
                    );
                }
                self.compute(&runtime, &fed, &CrossEntropy { labels: &labels, weight: 1.0, output: 0 }, out)
            }
            LossName::Mse => {
                let case: Vec<Option<usize>> = shape.iter().skip(1).map(|&n| Some(n)).collect();
                let target = tensors::float(&self.target, fed.batch.require(&self.target, &case)?.clone())?;
                self.compute(
                    &runtime,
                    &fed,
                    &MeanSquaredError { target: &target, weight: 1.0, output: 0 },
                    out,
                )
            }
        }
    }

    fn compute(&self, runtime: &Runtime<f32>, fed: &Fed, loss: &dyn Loss<f32>, out: PathBuf) -> Result<u8> {
        let (losses, gradients) = match self.project {
            Some(dims) => projected(runtime, fed, loss, (dims as usize, self.seed))?,
            None => whole(runtime, fed, loss)?,
        };
        let count = fed.batch.count();
        let mut arrays = Vec::with_capacity(gradients.len() + 1);
        for (parameter, mut data) in runtime.graph().parameters().iter().zip(gradients) {
            let case = self.project.map_or_else(|| parameter.shape.clone(), |d| vec![d as usize]);
            // A parameter that the loss does not depend on.
            data.resize(count * case.iter().product::<usize>(), 0.0);
            let tensor =
                Tensor::new([vec![count], case].concat(), data).context("gradients of unequal size")?;
            arrays.push((format!("grad/{}", parameter.name), tensor));
        }
        arrays.push(("loss".to_owned(), Tensor::vector(losses)));
        tensors::write(&out, arrays)?;
        Ok(0)
    }
}

/// The loss of every case, and its gradient by each parameter: a row per case.
type PerCase = (Vec<f32>, Vec<Vec<f32>>);

fn whole(runtime: &Runtime<f32>, fed: &Fed, loss: &dyn Loss<f32>) -> Result<PerCase> {
    let parameters = runtime.graph().parameters().len();
    let make = |_: Range<usize>| Rows(vec![Vec::new(); parameters]);
    let result =
        runtime.per_sample(fed.model.parameters(), &fed.inputs, &[loss], Settings::default(), make)?;
    let mut gradients = vec![Vec::new(); parameters];
    for chunk in result.sinks {
        gradients.iter_mut().zip(chunk.0).for_each(|(all, rows)| all.extend(rows));
    }
    Ok((result.losses, gradients))
}

fn projected(
    runtime: &Runtime<f32>,
    fed: &Fed,
    loss: &dyn Loss<f32>,
    projection: (usize, u64),
) -> Result<PerCase> {
    let projections = Projections::new(runtime.graph(), projection, |parameter| parameter);
    let make = |images| projections.sink(images);
    let result =
        runtime.per_sample(fed.model.parameters(), &fed.inputs, &[loss], Settings::default(), make)?;
    let mut gradients = vec![Vec::new(); runtime.graph().parameters().len()];
    for chunk in result.sinks {
        for case in chunk.into_rows().chunks_exact(projections.width().max(1)) {
            gradients.iter_mut().zip(case.chunks_exact(projection.0)).for_each(|(all, row)| all.extend(row));
        }
    }
    Ok((result.losses, gradients))
}

/// The shape of the first output for one case.
fn output_shape(runtime: &Runtime<f32>, fed: &Fed) -> Result<Vec<usize>> {
    let first = |t: &Tensor<f32>| {
        let shape = [&[1], &t.shape()[1..]].concat();
        Tensor::new(shape, t.data()[..t.row_len()].to_vec()).context("an input without cases")
    };
    let inputs: Vec<Tensor<f32>> = fed.inputs.iter().map(first).collect::<Result<_>>()?;
    let outputs = runtime.forward(fed.model.parameters(), &inputs, Settings::default())?;
    outputs.first().map(|t| t.shape().to_vec()).context("the model has no output")
}

/// Keeps the rows of one chunk, parameter by parameter.
struct Rows(Vec<Vec<f32>>);

impl Sink<f32> for Rows {
    fn parameter(&mut self, parameter: usize, _: Range<usize>, rows: &[f32]) {
        self.0[parameter] = rows.to_vec();
    }
}
