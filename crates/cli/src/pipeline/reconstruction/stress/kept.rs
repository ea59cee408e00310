//! How the items of a stress test are kept with its step, and which of them the page shows.

use anyhow::{Context as _, Result};
use modelmend_data::split::Part;
use modelmend_net::Tensor;
use modelmend_study::artifact::Artifact;
use modelmend_uncertainty::source::{Source, planes};
use modelmend_uncertainty::stress::{Network, Stressed};
use serde::{Deserialize, Serialize};

use super::super::examples::{self, Place};

/// Test items that the page shows of each test.
const SHOWN: usize = 2;

/// How the items of a test are kept.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Kept {
    /// Shapes of the inputs, with the lengths of the changed measurements.
    shapes: Vec<(Vec<usize>, usize)>,
    pub(super) places: Vec<Place>,
}

/// Joins the items of a test, with pictures of those that are shown.
pub(super) fn pack(network: &Network<'_>, source: &dyn Source, made: &[Stressed]) -> Result<Artifact<Kept>> {
    let places: Vec<Place> = spread(made.len()).map(|item| window(item, &made[item])).collect();
    let mut pictures = Vec::new();
    for place in &places {
        let Some(stressed) = made.get(place.item) else { continue };
        let before = source.item(Part::Test, place.item)?.input;
        let (old, new) = (network.output(&before)?, network.output(&stressed.input)?);
        let change = Tensor::new(before.shape().to_vec(), stressed.change.clone());
        let change = change.context("a change of another shape than its item")?;
        [&before, &stressed.input, &old, &new, &change]
            .iter()
            .for_each(|tensor| pictures.extend(examples::cut(tensor, place)));
    }
    let shapes = made.iter().map(|s| (s.input.shape().to_vec(), s.measurement.len())).collect();
    let joined = |of: fn(&Stressed) -> &[f32]| made.iter().flat_map(of).copied().collect::<Vec<f32>>();
    let masks = made.iter().flat_map(|s| s.mask.iter().map(|&covered| u8::from(covered)));
    Ok(Artifact::new(Kept { shapes, places })
        .with_f32("inputs", &joined(|s| s.input.data()))
        .with_f32("truths", &joined(|s| &s.truth))
        .with_f32("changes", &joined(|s| &s.change))
        .with_f32("measurements", &joined(|s| &s.measurement))
        .with_f32("pictures", &pictures)
        .with_blob("masks", masks.collect()))
}

/// Evenly spread items.
fn spread(count: usize) -> impl Iterator<Item = usize> {
    let shown = SHOWN.min(count);
    (0..shown).map(move |i| (2 * i + 1) * count / (2 * shown))
}

/// The window of an item around what was aimed at, or its middle.
fn window(item: usize, stressed: &Stressed) -> Place {
    let [channels, rows, columns] = planes(stressed.input.shape());
    let aimed = stressed.mask.iter().enumerate().filter(|(_, covered)| **covered).map(|(at, _)| at);
    let (sum, count) = aimed.fold(([0, 0], 0), |([down, right], count), at| {
        ([down + at / columns.max(1), right + at % columns.max(1)], count + 1)
    });
    let middle = if count > 0 { sum.map(|total| total / count) } else { [rows / 2, columns / 2] };
    Place::around(item, [channels, rows, columns], middle)
}

/// The items that [`pack`] joined.
pub(super) fn unpack(kept: &Artifact<Kept>) -> Result<Vec<Stressed>> {
    let values = |name| kept.f32(name).map(Vec::into_iter);
    let (mut inputs, mut truths, mut changes) = (values("inputs")?, values("truths")?, values("changes")?);
    let mut measurements = values("measurements")?;
    let take = |from: &mut std::vec::IntoIter<f32>, count| from.by_ref().take(count).collect::<Vec<f32>>();
    let masks = kept.blob("masks")?;
    let (aimed, mut masks) = (!masks.is_empty(), masks.iter());
    let one = |(shape, measured): &(Vec<usize>, usize)| {
        let length = shape.iter().product();
        let [_, rows, columns] = planes(shape);
        let input = Tensor::new(shape.clone(), take(&mut inputs, length));
        Ok(Stressed {
            input: input.context("a stored stress test is cut short")?,
            truth: take(&mut truths, length),
            change: take(&mut changes, length),
            mask: masks.by_ref().take(if aimed { rows * columns } else { 0 }).map(|&m| m != 0).collect(),
            measurement: take(&mut measurements, *measured),
        })
    };
    kept.value.shapes.iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_to_look_at_are_spread() {
        assert_eq!(spread(17).collect::<Vec<_>>(), [4, 12]);
        assert_eq!(spread(1).collect::<Vec<_>>(), [0]);
        assert_eq!(spread(0).count(), 0);
    }
}
