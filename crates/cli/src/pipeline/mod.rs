//! From a study to its output folder: the steps of a classification study, one file each.
//!
//! Every step is a pure function of what its key covers, so that a killed run continues and studies share what is
//! common. What fans out (fine-tunings, candidates) is cut into parts, which are kept as soon as they are done.

mod cases;
mod causes;
mod choose;
mod context;
mod demo;
mod divide;
mod estimate;
mod evidence;
mod finetune;
mod gate;
mod outputs;
mod population;
mod reconstruction;
mod repair;
mod repair_page;
mod report;
mod represent;
mod run;
mod subject;
mod suspects;
mod train;
mod verify;

pub(crate) use demo::demo;
pub(crate) use run::{RepairChoice, RunOptions, run_file};
pub(crate) use verify::{Verified, VerifyOptions, verify};
