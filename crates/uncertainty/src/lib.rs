//! Where the output of a trained reconstruction network cannot be trusted: methods that give every pixel an uncertainty, and
//! how well that marks the real errors (Oala et al., IJCARS 2021; METHODS 2).

pub mod acquisition;
mod calibrate;
mod error;
pub mod evaluate;
pub mod method;
pub mod source;
pub mod stress;
pub mod tomography;
pub mod train;

pub use calibrate::{Calibration, Covered, Promise, Wish, widened};
pub use error::{Result, UncertaintyError};
