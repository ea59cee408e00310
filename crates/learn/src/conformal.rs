//! Conformal calibration: intervals with a guarantee on top of any method's uncertainty.
//!
//! A method gives every pixel a half-width below and above its output (its u for both, or the two sides of an interval
//! network). The intervals [output - lambda (below + floor), output + lambda (above + floor)] grow with lambda, and a
//! pixel is left uncovered exactly where its [`Scaling::scores`] exceeds lambda. Every guarantee is a rule for how many
//! scores of the calibration images may exceed it:
//!
//! - [`crc_risk_limit`]: the *expected* share of uncovered pixels of a new image is at most alpha (split conformal
//!   prediction for images: conformal risk control, Angelopoulos et al., arXiv 2208.02814);
//! - [`rcps_risk_limit`]: with probability 1 - delta over the calibration images the share is at most alpha (RCPS, Bates
//!   et al., arXiv 2101.02703; for image-to-image regression Angelopoulos et al., arXiv 2202.05265);
//! - [`pixelwise_quantiles`]: each place of the image by itself (split conformal prediction, Vovk et al. 2005).
//!
//! [`smallest_lambda`] then finds lambda exactly. All of them ask that calibration images and new ones are exchangeable.
//! Slices of one patient are not: there a *unit* of calibration is the patient with the pixels of all slices.

mod bound;
mod markov;
mod risk;
mod scaling;
mod select;
mod split;

pub use bound::{hoeffding_bentkus_p, risk_upper_bound};
pub use markov::{Widened, markov_widened};
pub use risk::{crc_risk_limit, rcps_risk_limit};
pub use scaling::{HalfWidths, Scaling};
pub use select::{CoarseTally, FineTally, smallest_lambda};
pub use split::{pixelwise_quantiles, split_quantile};
