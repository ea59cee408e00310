//! The runtime against reference vectors of established libraries (`reference/` among the shared data).
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "tests stop at the first surprise"
)]

mod dropout;
mod interval_elementwise;
mod interval_layers;
mod interval_losses;
mod interval_networks;
mod losses;
mod models;
mod roundtrip;
mod vectors;
