use std::path::PathBuf;

use anyhow::Result;
use clap::Args;

use crate::pipeline;

/// Arguments of `modelmend demo`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  modelmend demo
  modelmend demo --out somewhere
  modelmend repair demo-out/study.yaml --target 3 --cache demo-out/cache      then repair a subtype

Writes a generated data set and its study file, then runs the study: what it does, `modelmend run` does with your data.")]
pub(crate) struct Demo {
    /// Output folder.
    #[arg(long, default_value = "demo-out")]
    out: PathBuf,
    /// Prints only warnings and errors.
    #[arg(long, short)]
    quiet: bool,
}

impl Demo {
    pub(crate) fn run(self) -> Result<u8> {
        pipeline::demo(&self.out, self.quiet)
    }
}
