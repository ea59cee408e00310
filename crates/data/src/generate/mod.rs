//! Data sets drawn from a seed, in which it is known why a case is hard.

mod canvas;
mod histology;
mod stain;
mod tissue;

pub use histology::{Generated, Histology, Planted, histology};
