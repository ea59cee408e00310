//! The laws of the operator table: what must hold for every operator, on every example that the table gives for it.
//! No operator is listed here; a new line in the table is tested by being there.
#![allow(clippy::expect_used, clippy::panic, reason = "tests stop at the first surprise")]

mod bits;
mod cases;
mod gradient;
mod hull;
mod interval;
mod onnx;
mod outward;
mod per_sample;
mod precision;
mod rows;
