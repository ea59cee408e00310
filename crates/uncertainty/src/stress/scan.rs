//! What goes wrong in a scanner: metal, a field of view that is too small, patients that move or lie askew.

use modelmend_physics::metal::{Metal, insert, starve};
use modelmend_physics::motion::{moving, turned};
use modelmend_physics::phantom;
use modelmend_physics::truncation::{Fill, truncate};

use super::{Network, Stressed, of_error};
use crate::acquisition::Acquisition;
use crate::error::{Result, UncertaintyError};
use crate::source::Batch;
use crate::tomography::Scanner;
use modelmend_net::Tensor;

/// A fault of the acquisition of a slice.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Fault {
    /// Pieces of metal in the body, seen with so many photons on each ray (of a mean).
    Metal {
        /// Number of pieces.
        pieces: usize,
        /// Photons without a body, above 0.
        photons: f64,
    },
    /// Only the central share of the detectors measures, in `0..=1`; the others repeat the outermost of these.
    Truncation {
        /// The share.
        share: f64,
    },
    /// The body turns steadily while it is scanned.
    Motion {
        /// By how many degrees in all.
        degrees: f64,
    },
    /// The body lies turned.
    Rotation {
        /// By how many degrees.
        degrees: f64,
    },
}

/// Radii of pieces of metal as shares of half the side of a slice.
const RADII: [f64; 2] = [0.02, 0.05];
/// What metal adds to a slice whose window goes from 0 to 1: in a window of 2000 Hounsfield units, 6000.
const METAL: f64 = 3.0;
/// Attenuation along a ray through the whole width of a slice of value 1: a body of soft tissue (0.5) over two thirds of it lets about e^-6 pass.
const WIDTH: f64 = 18.0;

/// The item with a fault in its acquisition. u should mark the error; the mask of metal is where it lies.
///
/// # Errors
/// Numbers out of range; an item that is no slice of the scanner's size.
pub fn faulty(
    (network, scanner): (&Network<'_>, &Scanner),
    item: &Batch,
    (fault, seed): (Fault, u64),
) -> Result<Stressed> {
    let geometry = scanner.geometry();
    let size = geometry.size();
    let mut truth = item.target.data().to_vec();
    let mut mask = Vec::new();
    let sinogram = match fault {
        Fault::Metal { pieces, photons } => {
            let discs = Metal { count: pieces, radii: RADII, value: METAL }.discs(seed)?;
            insert(&discs, &mut truth, size)?;
            mask = phantom::image(&discs, size).into_iter().map(|value| value > 0.0).collect();
            starve(&scanner.measure(&truth)?, WIDTH / size as f64, (photons, 0.0), seed)?
        }
        Fault::Truncation { share } => {
            let mut sinogram = scanner.measure(&truth)?;
            truncate(&mut sinogram, geometry.detectors(), share, Fill::Edge)?;
            sinogram
        }
        Fault::Motion { degrees } => {
            let last = geometry.angles().len().saturating_sub(1).max(1) as f64;
            let path: Vec<f64> =
                (0..geometry.angles().len()).map(|angle| degrees * (angle as f64 / last - 0.5)).collect();
            moving(&truth, geometry, &path)?
        }
        Fault::Rotation { degrees } => {
            truth = turned(&truth, size, degrees)?;
            scanner.measure(&truth)?
        }
    };
    let input = Tensor::new(item.input.shape().to_vec(), scanner.reconstruct(&sinogram)?)
        .ok_or_else(|| UncertaintyError::Invalid("a slice of another size than its scanner's".to_owned()))?;
    Ok(Stressed { mask, ..of_error(network, input, truth)? })
}
