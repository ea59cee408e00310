//! `modelmend`: finds, explains and repairs the failures of trained neural networks.
//!
//! The only crate that prints. A command is one file in [`commands`]; studies run through [`pipeline`].

mod calibration;
mod commands;
mod output;
mod pipeline;

use std::process::ExitCode;

use clap::Parser;

/// Finds, explains and repairs the failures of trained neural networks.
#[derive(Debug, Parser)]
#[command(name = "modelmend", version, about, after_help = EXAMPLES)]
struct Arguments {
    #[command(subcommand)]
    command: commands::Command,
}

const EXAMPLES: &str = "Examples:
  modelmend demo                          the whole loop on generated data, ends in demo-out/report.html
  modelmend run study.yaml                one study, step by step, every step cached
  modelmend inspect model.onnx            what this build can do with each node of a model
  modelmend predict model.onnx x.npz --out y.npz";

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            let code = if error.use_stderr() { output::INVALID } else { 0 };
            // Nothing can be done if the terminal is gone.
            let _ = error.print();
            return ExitCode::from(code);
        }
    };
    match arguments.command.run() {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            output::error(&error);
            ExitCode::from(output::exit_code(&error))
        }
    }
}
