//! Forward operators of imaging and the reconstructions that belong to them.
//!
//! Images are square, row by row, with pixels of side 1; row 0 is at the top. Sinograms have a row of detectors for each angle. Everything
//! exists in `f32` and `f64`, and has the same bits for any number of threads: what is computed side by side does not overlap, or
//! is added in an order that the shapes determine. Nothing here reads a file or prints.

mod backprojection;
mod error;
pub mod fan;
mod filter;
mod frame;
mod geometry;
pub mod iterative;
pub mod metal;
pub mod motion;
mod orientation;
mod pair;
pub mod phantom;
mod radon;
mod rays;
mod real;
pub mod transmission;
pub mod truncation;

pub use backprojection::FilteredBackprojection;
pub use error::{PhysicsError, Result};
pub use filter::{Filter, response};
pub use geometry::{Parallel, angles};
pub use radon::Radon;
pub use real::Real;
