//! The interval reading: a graph rewrite.
//!
//! [`enclose`] builds a new graph out of ordinary operators that computes a lower and an upper bound of every
//! output, so that one engine runs, trains and exports it. METHODS: Oala et al. 2021, section "interval neural
//! networks"; interval arithmetic after Moore.

mod bounds;
mod emit;
mod enclose;
mod fold;
pub mod network;
mod rewrite;
pub mod rounding;
mod width;

pub use bounds::Bounds;
pub use enclose::Enclose;
pub use rewrite::{IntervalOptions, enclose};
pub use rounding::Rounding;
