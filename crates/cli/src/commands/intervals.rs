use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Args;
use modelmend_data::formats::read_npz;
use modelmend_net::interval::{IntervalOptions, enclose};
use modelmend_net::{Runtime, Settings, Tensor};

use super::tensors;

/// Arguments of `modelmend intervals`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  modelmend intervals model.onnx x.npz --radius 0.5 --out bounds.npz
  modelmend intervals model.onnx x.npz --deltas deltas.npz

The result holds <output>/lo and <output>/hi. Deltas are arrays <parameter>/lo and <parameter>/hi, each >= 0.")]
pub(crate) struct Intervals {
    /// The model, an ONNX file.
    model: PathBuf,
    /// Inputs: .npz, or .npy where the model has one input.
    input: PathBuf,
    /// Distances of the bounds of parameters from their values.
    #[arg(long)]
    deltas: Option<PathBuf>,
    /// The input box is input - R to input + R.
    #[arg(long, default_value_t = 0.0)]
    radius: f32,
    /// Result file; by default <input>.intervals.npz.
    #[arg(long)]
    out: Option<PathBuf>,
}

impl Intervals {
    pub(crate) fn run(self) -> Result<u8> {
        if !(self.radius.is_finite() && self.radius >= 0.0) {
            bail!("--radius {}: must be a number of at least 0", self.radius);
        }
        let out = tensors::output_path(self.out, &self.input, "intervals")?;
        let fed = tensors::feed(&self.model, &self.input, &[])?;
        let deltas = self.deltas.as_deref().map(read_deltas).transpose()?.unwrap_or_default();
        let options =
            IntervalOptions { boxed_inputs: self.radius > 0.0, deltas, ..IntervalOptions::default() };
        let bounds = enclose(&fed.model, &options)?;
        let inputs: Vec<Tensor<f32>> = if options.boxed_inputs {
            fed.inputs.iter().flat_map(|x| [x.map(|v| v - self.radius), x.map(|v| v + self.radius)]).collect()
        } else {
            fed.inputs
        };
        let runtime = Runtime::new(bounds.graph().clone());
        let outputs = runtime.forward(bounds.parameters(), &inputs, Settings::default())?;
        let names = bounds.graph().output_names().into_iter().map(str::to_owned);
        tensors::write(&out, names.zip(outputs).collect())?;
        Ok(0)
    }
}

/// Pairs `<parameter>/lo` with `<parameter>/hi`; a missing side is 0.
fn read_deltas(path: &Path) -> Result<BTreeMap<String, (Tensor<f32>, Tensor<f32>)>> {
    let mut sides: BTreeMap<String, [Option<Tensor<f32>>; 2]> = BTreeMap::new();
    for (name, array) in read_npz(path)? {
        let (parameter, side) = match (name.strip_suffix("/lo"), name.strip_suffix("/hi")) {
            (Some(parameter), _) => (parameter, 0),
            (_, Some(parameter)) => (parameter, 1),
            _ => bail!("{}: array `{name}` must be called <parameter>/lo or <parameter>/hi", path.display()),
        };
        sides.entry(parameter.to_owned()).or_default()[side] = Some(tensors::float(&name, array)?);
    }
    let complete = |(parameter, [lo, hi]): (String, [Option<Tensor<f32>>; 2])| {
        let like = lo.as_ref().or(hi.as_ref()).context("a delta without sides")?;
        let zero = like.map(|_| 0.0);
        Ok((parameter, (lo.unwrap_or_else(|| zero.clone()), hi.unwrap_or(zero))))
    };
    sides.into_iter().map(complete).collect()
}
