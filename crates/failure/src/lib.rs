//! Failure analysis of trained networks: which kinds of failure there are, whether these kinds are real, and what
//! explains them.
//!
//! Follows Henn et al., *A Principled Approach to Failure Analysis and Model Repairment*, MICCAI 2021
//! (arXiv 2109.12347), and adds the statistics that single numbers lack. The way goes from a [`Problem`] (a classifier
//! and its cases) or [`Regions`] (a reconstruction network and regions of what it puts out) over a representation ([`represent`]) and a subtyping ([`subtype`]) to the fine-tuning [`matrix`].

mod augment;
mod constraint;
pub mod draw;
pub mod error;
pub mod explain;
pub mod finetune;
mod judge;
pub mod label_noise;
pub mod matrix;
pub mod problem;
pub mod regions;
pub mod repair;
pub mod represent;
pub mod resample;
pub mod select;
pub mod significance;
mod step;
pub mod subtype;
pub mod train;

pub use error::{FailureError, Result};
pub use judge::Judge;
pub use problem::Problem;
pub use regions::Regions;
