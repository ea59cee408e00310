//! The user's images under stress. Nobody knows the truth here, so that the images stand for it.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context as _, Result};
use modelmend_data::formats::{Array, Values, write_npy};
use modelmend_data::split::Part;
use modelmend_learn::monitor::Monitor as _;
use modelmend_net::{Model, Tensor};
use modelmend_uncertainty::UncertaintyError;
use modelmend_uncertainty::acquisition::{Acquisition, Direct};
use modelmend_uncertainty::source::{Batch, Source, planes};
use modelmend_uncertainty::stress::{
    Attack, Attacker, Network, Shape as Drawn, Spot, Stressed, noisy, paste,
};
use rayon::prelude::*;

use super::super::tensors;
use super::super::uncertainty::inputs::Image;
use super::{Shape, Stress, Test};
use crate::output::Bar;

/// Images that are input and truth at once; there is nothing to train on.
pub(super) struct Images<'a>(&'a [Image]);

impl<'a> Images<'a> {
    pub(super) fn new(images: &'a [Image]) -> Self {
        Self(images)
    }
}

impl Source for Images<'_> {
    fn epoch_len(&self) -> usize {
        0
    }

    fn batch(&self, _: u64, _: std::ops::Range<usize>) -> modelmend_uncertainty::Result<Batch> {
        Err(UncertaintyError::Invalid("there is nothing to train on".to_owned()))
    }

    fn count(&self, part: Part) -> usize {
        if part == Part::Test { self.0.len() } else { 0 }
    }

    fn item(&self, _: Part, index: usize) -> modelmend_uncertainty::Result<Batch> {
        let image = self.0.get(index).map(|image| image.tensor.clone());
        let image = image.ok_or_else(|| UncertaintyError::Invalid("an image beyond the last".to_owned()))?;
        Ok(Batch { input: image.clone(), target: image })
    }

    fn acquisition(&self) -> &dyn Acquisition {
        &Direct
    }
}

/// Puts every image under stress.
pub(super) fn make(model: &Model, source: &Images<'_>, asked: &Stress) -> Result<Vec<Stressed>> {
    let network = Network::new(model);
    let (bar, done, count) = (Bar::new(asked.test.name()), AtomicUsize::new(0), source.0.len());
    let one = |number: usize| {
        let item = source.item(Part::Test, number)?;
        let made = stressed(&network, source, (asked, number as u64), &item);
        bar.progress(done.fetch_add(1, Ordering::Relaxed) + 1, count);
        made
    };
    let all = (0..count).into_par_iter().map(one).collect::<modelmend_uncertainty::Result<_>>();
    Ok(all?)
}

fn stressed(
    network: &Network<'_>,
    source: &Images<'_>,
    (asked, number): (&Stress, u64),
    item: &Batch,
) -> modelmend_uncertainty::Result<Stressed> {
    let [_, rows, columns] = planes(item.input.shape());
    let size = asked.size.map_or_else(|| Spot::usual_size(rows, columns), |size| size as usize);
    let spot = |shape| Spot::draw((shape, size), (rows, columns), (asked.settings.seed, number));
    match asked.test {
        Test::Adversarial => {
            let attack = Attack {
                bound_image: asked.bound,
                bound_rms: asked.bound_rms,
                bound_measurement: None,
                steps: asked.steps as usize,
            };
            let shape = match asked.shape {
                Shape::Square => Drawn::Square,
                Shape::Disc => Drawn::Disc,
            };
            Attacker { network, source, attack }.attack(item, spot(shape))
        }
        Test::Artefact => paste(network, source, (item, spot(Drawn::Bird))),
        Test::Noise => {
            let noisy = noisy(network, source, item, (asked.level, asked.settings.seed, number))?;
            // The image is no truth to compare with: what counts is how far the output moved.
            let (before, after) = (network.output(&item.input)?, network.output(&noisy.input)?);
            let moved = before.data().iter().zip(after.data()).map(|(a, b)| (a - b).abs());
            Ok(Stressed { change: moved.collect(), ..noisy })
        }
    }
}

/// Writes the inputs in the test, what u should mark and the masks; the inputs under the names that their maps get.
pub(super) fn write(
    folder: &Path,
    (images, test): (&[Image], &str),
    stressed: &[Stressed],
) -> Result<Vec<Image>> {
    let one = |(image, stressed): (&Image, &Stressed)| {
        let name = format!("{}.{test}", image.name);
        let file = |ending: &str| folder.join(format!("{name}{ending}"));
        write_npy(&file(".npy"), &tensors::array(stressed.input.clone())?)?;
        let change = Tensor::new(stressed.input.shape().to_vec(), stressed.change.clone());
        write_npy(&file(".change.npy"), &tensors::array(change.context("a change of another shape")?)?)?;
        if !stressed.mask.is_empty() {
            let [_, rows, columns] = planes(stressed.input.shape());
            let mask = Array::new(vec![rows, columns], Values::Bool(stressed.mask.clone()))?;
            write_npy(&file(".mask.npy"), &mask)?;
        }
        Ok(Image { name, tensor: stressed.input.clone() })
    };
    images.iter().zip(stressed).map(one).collect()
}
