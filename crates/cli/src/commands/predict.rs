use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use modelmend_net::{Runtime, Settings};

use super::tensors;

/// Arguments of `modelmend predict`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  modelmend predict model.onnx x.npz --out y.npz
  modelmend predict model.onnx images.npy

Arrays of the .npz are named after the graph's inputs (see `modelmend inspect`); the result after its outputs.
A .npy goes to the only input.")]
pub(crate) struct Predict {
    /// The model, an ONNX file.
    model: PathBuf,
    /// Inputs: .npz, or .npy where the model has one input.
    input: PathBuf,
    /// Result file; by default <input>.predictions.npz.
    #[arg(long)]
    out: Option<PathBuf>,
}

impl Predict {
    pub(crate) fn run(self) -> Result<u8> {
        let out = tensors::output_path(self.out, &self.input, "predictions")?;
        let fed = tensors::feed(&self.model, &self.input, &[])?;
        let runtime = Runtime::new(fed.model.graph().clone());
        let outputs = runtime.forward(fed.model.parameters(), &fed.inputs, Settings::default())?;
        tensors::check_labels(
            &fed.batch,
            outputs.first().and_then(|t| t.shape().get(1).copied()).unwrap_or(0),
        )?;
        let names = fed.model.graph().output_names().into_iter().map(str::to_owned);
        tensors::write(&out, names.zip(outputs).collect())?;
        Ok(0)
    }
}
