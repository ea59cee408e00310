//! A shape that training never saw, pasted into the truth and measured with it.

use super::{Network, Spot, Stressed, differences, shifted};
use crate::error::Result;
use crate::source::{Batch, Source, planes};

/// The item with a shape as bright as its brightest pixel in it. The measurement is that of the changed truth, with the noise that the item had.
///
/// # Errors
/// An item of another size than the spot's.
pub fn paste(network: &Network<'_>, source: &dyn Source, (item, spot): (&Batch, Spot)) -> Result<Stressed> {
    let mask = spot.mask();
    let [_, rows, columns] = planes(item.target.shape());
    let bright = item.target.data().iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let mut truth = item.target.data().to_vec();
    for plane in truth.chunks_mut((rows * columns).max(1)) {
        plane.iter_mut().zip(&mask).filter(|(_, covered)| **covered).for_each(|(value, _)| *value = bright);
    }
    let pasted: Vec<f32> = truth.iter().zip(item.target.data()).map(|(new, old)| new - old).collect();
    let acquisition = source.acquisition();
    let input = shifted(item, &acquisition.reconstruct(&acquisition.measure(&pasted)?)?);
    // Says so where the network does not fit, before any method is asked.
    network.output(&input)?;
    let change = differences(&truth, item.target.data());
    Ok(Stressed { input, truth, change, mask, measurement: Vec::new() })
}
