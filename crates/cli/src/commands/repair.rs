use anyhow::Result;
use clap::Args;

use super::run::Run;
use crate::pipeline::{self, RepairChoice, RunOptions};

/// Arguments of `modelmend repair`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  modelmend repair study.yaml
  modelmend repair study.yaml --target 2,5 --method auto
  modelmend repair study.yaml --method wise-ft --out results

Runs the study and repairs what its `repair` section says, or what the options say. The repaired model is
models/repair-METHOD.onnx in the output folder, with repair.md beside the report. If the gate refuses, the model is
models/refused-repair-METHOD.onnx and the exit code 3.")]
pub(crate) struct Repair {
    #[command(flatten)]
    run: Run,
    /// Subtypes to repair, counted from 1; by default the study's, or those that the repair reaches.
    #[arg(long, value_name = "SUBTYPES", value_delimiter = ',', value_parser = clap::value_parser!(u32).range(1..))]
    target: Option<Vec<u32>>,
    /// Method: auto, f_i, f_i+c, f, f+c, ewc, l2sp, replay, distill, last-layers, lora, wise-ft.
    #[arg(long)]
    method: Option<String>,
}

impl Repair {
    pub(crate) fn run(self) -> Result<u8> {
        let choice = RepairChoice { target: self.target, method: self.method };
        let (study, options) = self.run.options();
        pipeline::run_file(&study, &RunOptions { repair: Some(choice), ..options })
    }
}
