//! Data sets drawn from a seed, in which it is known why a case is hard, and problems of reconstruction of which the
//! truth is known.

mod canvas;
mod denoise;
mod histology;
mod jumps;
mod stain;
mod stream;
mod tissue;

pub use denoise::{Denoise, Denoising, Epoch, noisy_picture};
pub use histology::{Generated, Histology, Planted, histology};
pub use jumps::{JUMPS_VERSION, JumpSignals, Jumps, Signal};

/// Inputs of a network and the truth, item after item, as f32 in the layout that networks take.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Pairs {
    /// What was measured.
    pub input: Vec<f32>,
    /// What should come out, of the same shape.
    pub target: Vec<f32>,
}

impl Pairs {
    /// Joins pairs in order.
    pub fn concat<'a>(parts: impl IntoIterator<Item = &'a Pairs> + Clone) -> Self {
        let joined = |of: fn(&Pairs) -> &Vec<f32>| parts.clone().into_iter().flat_map(of).copied().collect();
        Pairs { input: joined(|pair| &pair.input), target: joined(|pair| &pair.target) }
    }
}
