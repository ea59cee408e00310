//! 1-D deconvolution of signals with jumps (Oala et al., arXiv 2003.11566; METHODS 2.6).
//!
//! The data of the paper were not published. Here a signal is piecewise constant with values in 0 ..= 1, measured through a
//! Gaussian blur and noise. A network learns that signals have edges and nothing else; held-out signals with smooth ramps
//! show what it makes of something it never saw. Validation and test signals are drawn alike, so that what is calibrated on the ones holds for the
//! others.

use std::ops::Range;

use rand::RngExt;
use rand::seq::index;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use super::Pairs;
use super::stream::{Kind, add_noise, check_sigma, stream};
use crate::error::{Error, Result};
use crate::split::Part;

/// Raised where the same request draws other signals.
pub const JUMPS_VERSION: u32 = 2;
/// Samples of a piece, at least.
const SHORTEST_PIECE: usize = 5;
/// A signal has between length / 100 and length / 25 jumps, and at least one: 5 to 20 for 512 samples.
const FEWEST_JUMPS: usize = 100;
const MOST_JUMPS: usize = 25;
/// Height of a jump, at least.
const LOWEST_JUMP: f64 = 0.1;
/// Samples of a piece that can become a ramp, at least.
const SHORTEST_RAMP: usize = 24;
/// The blur reaches so many standard deviations.
const REACH: f64 = 4.0;

/// Signals to draw.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Jumps {
    /// Samples of a signal, at least 50.
    pub length: usize,
    /// Standard deviation of the Gaussian blur in samples; 0 for none. The ends are repeated outwards.
    pub blur: f64,
    /// Share of the validation and of the test signals with ramps, in 0 ..= 1; training signals have none.
    pub ramps: f64,
    /// Everything follows from it.
    pub seed: u64,
}

impl Default for Jumps {
    fn default() -> Self {
        Jumps { length: 512, blur: 2.0, ramps: 0.25, seed: 42 }
    }
}

/// One signal, of `length` samples.
#[derive(Clone, Debug, PartialEq)]
pub struct Signal {
    /// The truth, in 0 ..= 1.
    pub target: Vec<f32>,
    /// The truth after the blur, without noise.
    pub blurred: Vec<f32>,
    /// Samples that lie on a ramp.
    pub ramp: Vec<bool>,
}

/// Draws signals: each is a pure function of request, part and index.
#[derive(Clone, Debug)]
pub struct JumpSignals {
    request: Jumps,
    kernel: Vec<f64>,
}

impl JumpSignals {
    /// Signals as requested.
    ///
    /// # Errors
    /// [`Error::Request`] for signals that are too short, a blur that is negative or longer than the signal, or a share outside 0 ..= 1.
    pub fn new(request: Jumps) -> Result<Self> {
        let shortest = 2 * MOST_JUMPS;
        if request.length < shortest {
            return Err(Error::Request(format!(
                "signals with jumps have at least {shortest} samples, not {}",
                request.length
            )));
        }
        let fits = request.blur >= 0.0 && REACH * request.blur <= request.length as f64;
        if !fits {
            return Err(Error::Request(format!(
                "a blur of {} samples does not fit signals of {}",
                request.blur, request.length
            )));
        }
        if !(0.0..=1.0).contains(&request.ramps) {
            return Err(Error::Request(format!(
                "the share of signals with ramps must lie in 0..=1, not {}",
                request.ramps
            )));
        }
        Ok(JumpSignals { request, kernel: gaussian(request.blur) })
    }

    /// Signal `index` of a part. The signals with ramps are spread evenly over the indices.
    pub fn signal(&self, part: Part, index: u64) -> Signal {
        let mut rng = stream(self.request.seed, Kind::Signal, [part as u64, index]);
        let pieces = pieces(self.request.length, &mut rng);
        let longest = pieces.iter().map(Range::len).max().unwrap_or(0);
        let ramps = part != Part::Train && is_share(index, self.request.ramps);
        let (mut target, mut ramp) = (Vec::new(), Vec::new());
        let mut level = rng.random::<f64>();
        for piece in pieces {
            let start = level;
            let sloped = ramps && (piece.len() == longest || piece.len() >= SHORTEST_RAMP && rng.random());
            if sloped {
                level = elsewhere(level, &mut rng);
            }
            let place = |sample: usize| (sample as f64 + 0.5) / piece.len() as f64;
            target.extend((0..piece.len()).map(|i| start + (level - start) * smooth_step(place(i))));
            ramp.extend(std::iter::repeat_n(sloped, piece.len()));
            level = elsewhere(level, &mut rng);
        }
        let blurred = convolve(&target, &self.kernel);
        let single = |values: Vec<f64>| values.into_iter().map(|v| v as f32).collect();
        Signal { target: single(target), blurred: single(blurred), ramp }
    }

    /// What the blur makes of a signal; linear.
    pub fn blurred(&self, values: &[f32]) -> Vec<f32> {
        let values: Vec<f64> = values.iter().map(|&v| f64::from(v)).collect();
        convolve(&values, &self.kernel).into_iter().map(|v| v as f32).collect()
    }

    /// The measurement of signal `index` and its truth: blurred, with noise of standard deviation `sigma`. `draw` numbers the
    /// noise: a new one in every epoch of training, 0 to measure. Noise of the same number at another `sigma` is the same but for
    /// its size, which pairs the levels.
    ///
    /// # Errors
    /// [`Error::Request`] for a sigma that is negative or not finite.
    pub fn pair(&self, part: Part, index: u64, sigma: f64, draw: u32) -> Result<Pairs> {
        check_sigma(sigma)?;
        let Signal { target, blurred: mut input, .. } = self.signal(part, index);
        let set = (part as u64) << 32 | u64::from(draw);
        add_noise(&mut input, sigma, stream(self.request.seed, Kind::SignalNoise, [set, index]));
        Ok(Pairs { input, target })
    }

    /// [`JumpSignals::pair`] of several signals, (N, 1, length) each.
    ///
    /// # Errors
    /// As [`JumpSignals::pair`].
    pub fn pairs(&self, part: Part, indices: &[u64], sigma: f64, draw: u32) -> Result<Pairs> {
        let pairs: Vec<Pairs> =
            indices.par_iter().map(|&index| self.pair(part, index, sigma, draw)).collect::<Result<_>>()?;
        Ok(Pairs::concat(&pairs))
    }
}

/// Cuts a signal at a random number of jumps; every cut with pieces of at least the shortest length is as likely.
fn pieces(length: usize, rng: &mut ChaCha8Rng) -> Vec<Range<usize>> {
    let jumps = rng.random_range((length / FEWEST_JUMPS).max(1)..=length / MOST_JUMPS);
    // Choosing `jumps` of slack + jumps places deals the slack to the pieces.
    let slack = length - SHORTEST_PIECE * (jumps + 1);
    let mut chosen = index::sample(rng, slack + jumps, jumps).into_vec();
    chosen.sort_unstable();
    let ends = chosen.iter().enumerate().map(|(jump, place)| place - jump + SHORTEST_PIECE * (jump + 1));
    let mut start = 0;
    ends.chain([length]).map(|end| std::mem::replace(&mut start, end)..end).collect()
}

/// Uniform over the levels of 0 ..= 1 that are a jump away.
fn elsewhere(level: f64, rng: &mut ChaCha8Rng) -> f64 {
    let below = (level - LOWEST_JUMP).max(0.0);
    let above = (1.0 - level - LOWEST_JUMP).max(0.0);
    let place = rng.random::<f64>() * (below + above);
    if place < below { place } else { (level + LOWEST_JUMP + place - below).min(1.0) }
}

/// From 0 to 1 without a kink at the ends.
fn smooth_step(t: f64) -> f64 {
    t * t * (3.0 - 2.0 * t)
}

/// Whether `index` is one of the evenly spread `share` of all indices.
fn is_share(index: u64, share: f64) -> bool {
    (share * (index + 1) as f64).floor() > (share * index as f64).floor()
}

/// Weights of a Gaussian, adding up to 1.
fn gaussian(sigma: f64) -> Vec<f64> {
    if sigma == 0.0 {
        return vec![1.0];
    }
    let reach = (REACH * sigma).ceil() as i64;
    let weights: Vec<f64> = (-reach..=reach).map(|d| (-0.5 * (d as f64 / sigma).powi(2)).exp()).collect();
    let total: f64 = weights.iter().sum();
    weights.into_iter().map(|weight| weight / total).collect()
}

/// Convolution with a kernel of odd length; the ends are repeated outwards.
fn convolve(values: &[f64], kernel: &[f64]) -> Vec<f64> {
    let reach = kernel.len() / 2;
    let last = values.len().saturating_sub(1);
    let at = |place: usize| values[place.saturating_sub(reach).min(last)];
    (0..values.len())
        .map(|sample| kernel.iter().zip(sample..).map(|(weight, place)| weight * at(place)).sum())
        .collect()
}
