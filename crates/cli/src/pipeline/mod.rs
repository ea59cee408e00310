//! From a study to its output folder: the steps of a classification study, one file each.
//!
//! Every step is a pure function of what its key covers, so that a killed run continues and studies share what is
//! common. What fans out (fine-tunings, candidates) is cut into parts, which are kept as soon as they are done.

mod context;
mod cases;
mod divide;
mod evidence;
mod finetune;
mod outputs;
mod report;
mod represent;
mod run;
mod subject;
mod train;

pub(crate) use run::{RunOptions, demo, run_file};
