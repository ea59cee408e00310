//! A study from file to record: the typed and checked study file ([`schema`]), its steps ([`step`], [`plan`]), the
//! content-addressed cache that makes a killed run continue and lets studies share work ([`cache`],
//! [`runner`]), and what is written down about a run ([`record`]).
//!
//! This crate knows no computation. Whoever joins the rooms supplies what each step computes as a closure; the
//! [`runner::Runner`] decides whether it has to run.

pub mod artifact;
pub mod cache;
pub mod observer;
pub mod plan;
pub mod record;
pub mod runner;
pub mod schema;
pub mod scope;
pub mod step;

mod hash;
mod nearest;

pub use hash::Hash;
use nearest::nearest;
