//! The commands, one file each.

mod demo;
mod gradients;
mod inspect;
mod intervals;
mod ops;
mod predict;
mod repair;
mod run;
mod schema;
mod stress;
mod tensors;
mod uncertainty;
mod verify;

use anyhow::Result;
use clap::Subcommand;

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// The whole loop on generated data with planted failure subtypes; ends in a report.
    Demo(demo::Demo),
    /// Runs a study, step by step; a second run continues where the first one stopped.
    Run(run::Run),
    /// Asks the gate whether a model is a repair of another: for repairs that were made elsewhere.
    Verify(verify::Verify),
    /// Runs a study and repairs failure subtypes, behind a gate that can say no.
    Repair(repair::Repair),
    /// What this build can do with each node of a model.
    Inspect(inspect::Inspect),
    /// Runs a model on arrays.
    Predict(predict::Predict),
    /// Per-sample gradients of every parameter.
    Gradients(gradients::Gradients),
    /// Lower and upper bounds of the outputs.
    Intervals(intervals::Intervals),
    /// Maps of how far each pixel of an output can be trusted, for images of your own.
    Uncertainty(uncertainty::Uncertainty),
    /// Images that a network should not be trusted on, and whether its uncertainty says so.
    Stress(stress::Stress),
    /// The operator table of this build.
    Ops(ops::Ops),
    /// The JSON Schema of a study file.
    Schema(schema::Schema),
}

impl Command {
    /// Runs the command and returns the exit code.
    pub(crate) fn run(self) -> Result<u8> {
        match self {
            Self::Demo(command) => command.run(),
            Self::Run(command) => command.run(),
            Self::Verify(command) => command.run(),
            Self::Repair(command) => command.run(),
            Self::Inspect(command) => command.run(),
            Self::Predict(command) => command.run(),
            Self::Gradients(command) => command.run(),
            Self::Intervals(command) => command.run(),
            Self::Uncertainty(command) => command.run(),
            Self::Stress(command) => command.run(),
            Self::Ops(command) => command.run(),
            Self::Schema(command) => command.run(),
        }
    }
}
