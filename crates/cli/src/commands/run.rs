use std::path::PathBuf;

use anyhow::Result;
use clap::Args;

use crate::pipeline::{self, RunOptions};

/// Arguments of `modelmend run`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  modelmend run study.yaml
  modelmend run study.yaml --out results --threads 2
  modelmend run study.yaml --until subtype      stop after a step
  modelmend run study.yaml --force finetune     compute a step again
  modelmend run study.yaml --estimate           what would it take?

Exit code 0, or 2 for an invalid study or input, 3 if a gate said no, 130 after Ctrl-C. Running again continues.")]
pub(crate) struct Run {
    /// The study file.
    study: PathBuf,
    /// Output folder; by default the study's.
    #[arg(long)]
    out: Option<PathBuf>,
    /// Stops after this step.
    #[arg(long, value_name = "STEP")]
    until: Option<String>,
    /// Threads; by default one per core.
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..))]
    threads: Option<u16>,
    /// Computes this step again even if it is cached; may be given several times.
    #[arg(long, value_name = "STEP")]
    force: Vec<String>,
    /// Folder of the cache; by default `.modelmend-cache` beside the output folder.
    #[arg(long)]
    cache: Option<PathBuf>,
    /// Measures a few cases, prints what the steps would take, and runs none of them.
    #[arg(long)]
    estimate: bool,
    /// Prints only warnings and errors.
    #[arg(long, short)]
    quiet: bool,
}

impl Run {
    pub(crate) fn run(self) -> Result<u8> {
        let (study, options) = self.options();
        pipeline::run_file(&study, &options)
    }

    /// The study file, and how it is run.
    pub(super) fn options(self) -> (PathBuf, RunOptions) {
        let options = RunOptions {
            out: self.out,
            until: self.until,
            force: self.force,
            cache: self.cache,
            threads: self.threads.map(usize::from),
            quiet: self.quiet,
            estimate: self.estimate,
            repair: None,
        };
        (self.study, options)
    }
}
