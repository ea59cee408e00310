//! The items of stress tests.

use anyhow::{Context as _, Result};
use modelmend_data::split::Part;
use modelmend_net::{Model, Tensor};
use modelmend_study::Hash;
use modelmend_study::artifact::Artifact;
use modelmend_study::schema::{ArtefactShape, AttackShape, Stress};
use modelmend_study::scope::Scope;
use modelmend_study::step::StepName;
use modelmend_uncertainty::source::{Batch, Source, planes};
use modelmend_uncertainty::stress::{
    Attack, Attacker, Fault, Network, Shape, Spot, Stressed, faulty, noisy, paste,
};
use modelmend_uncertainty::tomography::Scanner;
use rayon::prelude::*;

use super::super::super::context::{Context, Title};
use super::super::examples::{self, Place};
use super::super::prepare::numbered;
use super::Test;

/// Test items that the page shows of each test.
const SHOWN: usize = 2;

/// The entries of a study, one for each level of noise, with their names in results.
pub(super) struct Tests(Vec<(String, Stress)>);

impl Tests {
    /// What a study asks for; `taken` are names that results have already.
    pub(super) fn new(asked: &[Stress], taken: &[String]) -> Self {
        let mut single = Vec::new();
        for stress in asked {
            match stress {
                Stress::Noise { levels } => single.extend(
                    levels
                        .iter()
                        .map(|&level| (format!("noise-{level}"), Stress::Noise { levels: vec![level] })),
                ),
                other => single.push((name(other).to_owned(), other.clone())),
            }
        }
        let names = taken.iter().cloned().chain(single.iter().map(|(name, _)| name.clone()));
        let names = numbered(&names.collect::<Vec<_>>()).into_iter().skip(taken.len());
        Self(names.zip(single).map(|(name, (_, stress))| (name, stress)).collect())
    }
}

fn name(stress: &Stress) -> &'static str {
    match stress {
        Stress::Adversarial { .. } => "adversarial",
        Stress::Artefact { .. } => "artefact",
        Stress::Noise { .. } => "noise",
        Stress::Metal { .. } => "metal",
        Stress::Truncation { .. } => "truncation",
        Stress::Motion { .. } => "motion",
        Stress::Rotation { .. } => "rotation",
    }
}

/// How the items of a test are kept.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
struct Kept {
    /// Shapes of the inputs, with the lengths of the changed measurements.
    shapes: Vec<(Vec<usize>, usize)>,
    places: Vec<Place>,
}

/// Makes the items of every test. Places and noise follow from the study's seed, so that all runs share them.
pub(super) fn make(
    context: &Context<'_>,
    (source, scanner, data): (&dyn Source, Option<&Scanner>, Hash),
    (base, seed): (&Model, u64),
    tests: Tests,
) -> Result<Vec<Test>> {
    let one = |(name, stress): (String, Stress)| {
        let title = Title { name: StepName::Stress, label: &name, version: 1 };
        let inputs = [data, Hash::of(&base.to_bytes())];
        let step = context.step(title, (&stress, seed), &inputs, |scope| {
            let network = Network::new(base);
            let place = Under { network: &network, source, scanner };
            let made = all(place, (&stress, seed), scope)?;
            pack(&network, source, made)
        })?;
        let (items, measurements) = unpack(&step.artifact)?;
        let places = step.artifact.value.places.clone();
        let pictures = examples::parts(&places, &step.artifact.f32("pictures")?)?;
        let about = about(&stress);
        Ok(Test { name, about, items, measurements, places, pictures, hash: step.hash })
    };
    tests.0.into_iter().map(one).collect()
}

/// A stressed item, the change of its measurement, and where to look.
type Made = (Stressed, Vec<f32>);

/// What is put under stress.
#[derive(Clone, Copy)]
struct Under<'a> {
    network: &'a Network<'a>,
    source: &'a dyn Source,
    /// Where the items are slices.
    scanner: Option<&'a Scanner>,
}

fn all(under: Under<'_>, (stress, seed): (&Stress, u64), scope: &Scope<'_>) -> Result<Vec<Made>> {
    let done = std::sync::atomic::AtomicUsize::new(0);
    let count = under.source.count(Part::Test);
    let one = |number: usize| {
        scope.check()?;
        let item = under.source.item(Part::Test, number)?;
        let made = stressed(under, (stress, seed), (&item, number as u64))?;
        let so_far = done.fetch_add(1, std::sync::atomic::Ordering::Relaxed) + 1;
        scope.progress(so_far, count)?;
        Ok(made)
    };
    (0..count).into_par_iter().map(one).collect()
}

fn stressed(
    under @ Under { network, source, .. }: Under<'_>,
    (stress, seed): (&Stress, u64),
    (item, number): (&Batch, u64),
) -> Result<Made> {
    let [_, rows, columns] = planes(item.target.shape());
    let spot = |shape, size| Spot::draw((shape, size), (rows, columns), (seed, number));
    Ok(match *stress {
        Stress::Adversarial { shape, size, bound_image, bound_rms, bound_sinogram, steps } => {
            let attack =
                Attack { bound_image, bound_rms, bound_measurement: bound_sinogram, steps: steps as usize };
            let shape = match shape {
                AttackShape::Square => Shape::Square,
                AttackShape::Disc => Shape::Disc,
            };
            Attacker { network, source, attack }.attack(item, spot(shape, size as usize))?
        }
        Stress::Artefact { shape: ArtefactShape::Bird, size } => {
            let shorter = if rows == 1 { columns } else { rows.min(columns) };
            let size = size.map_or(shorter / 4, |size| size as usize);
            (paste(network, source, (item, spot(Shape::Bird, size)))?, Vec::new())
        }
        Stress::Noise { ref levels } => {
            let level = levels.first().copied().context("noise: names no level")?;
            (noisy(network, source, item, (level, seed, number))?, Vec::new())
        }
        Stress::Metal { pieces, photons } => {
            in_scanner(under, item, (Fault::Metal { pieces: pieces as usize, photons }, seed ^ number << 32))?
        }
        Stress::Truncation { share } => in_scanner(under, item, (Fault::Truncation { share }, 0))?,
        Stress::Motion { degrees } => in_scanner(under, item, (Fault::Motion { degrees }, 0))?,
        Stress::Rotation { degrees } => in_scanner(under, item, (Fault::Rotation { degrees }, 0))?,
    })
}

/// A fault of the acquisition; places and noise of different items follow from different seeds.
fn in_scanner(under: Under<'_>, item: &Batch, fault: (Fault, u64)) -> Result<Made> {
    let scanner = under.scanner.context("stress: this test is for slices (data.source)")?;
    Ok((faulty((under.network, scanner), item, fault)?, Vec::new()))
}

fn pack(network: &Network<'_>, source: &dyn Source, made: Vec<Made>) -> Result<Artifact<Kept>> {
    let places: Vec<Place> = spread(made.len()).map(|item| window(item, &made[item].0)).collect();
    let mut pictures = Vec::new();
    for place in &places {
        let Some((stressed, _)) = made.get(place.item) else { continue };
        let before = source.item(Part::Test, place.item)?.input;
        let outputs = [network.output(&before)?, network.output(&stressed.input)?];
        let change = Tensor::new(before.shape().to_vec(), stressed.change.clone());
        let change = change.context("a change of another shape than its item")?;
        let [old, new] = outputs;
        [&before, &stressed.input, &old, &new, &change]
            .iter()
            .for_each(|tensor| pictures.extend(examples::cut(tensor, place)));
    }
    let shapes = made.iter().map(|(s, m)| (s.input.shape().to_vec(), m.len())).collect();
    let joined = |of: fn(&Made) -> &[f32]| made.iter().flat_map(of).copied().collect::<Vec<f32>>();
    let masks = made.iter().flat_map(|(s, _)| s.mask.iter().map(|&covered| u8::from(covered)));
    Ok(Artifact::new(Kept { shapes, places })
        .with_f32("inputs", &joined(|(s, _)| s.input.data()))
        .with_f32("truths", &joined(|(s, _)| &s.truth))
        .with_f32("changes", &joined(|(s, _)| &s.change))
        .with_f32("measurements", &joined(|(_, m)| m))
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

fn unpack(kept: &Artifact<Kept>) -> Result<(Vec<Stressed>, Vec<Vec<f32>>)> {
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
        let stressed = Stressed {
            input: input.context("a stored stress test is cut short")?,
            truth: take(&mut truths, length),
            change: take(&mut changes, length),
            mask: masks.by_ref().take(if aimed { rows * columns } else { 0 }).map(|&m| m != 0).collect(),
        };
        Ok((stressed, take(&mut measurements, *measured)))
    };
    Ok(kept.value.shapes.iter().map(one).collect::<Result<Vec<_>>>()?.into_iter().unzip())
}

/// What a test does, for a reader of the page.
fn about(stress: &Stress) -> String {
    match stress {
        Stress::Adversarial { shape, size, bound_image, bound_rms, bound_sinogram, steps } => {
            let shape = match shape {
                AttackShape::Square => "square",
                AttackShape::Disc => "disc",
            };
            let bounds = [
                bound_sinogram.map(|share| format!("of each entry of the sinogram of at most {share} of its largest")),
                bound_image.map(|bound| format!("of each pixel of the input of at most {bound}")),
                bound_rms.map(|bound| format!("of the input with a root mean square of at most {bound}")),
            ];
            let bounds: Vec<String> = bounds.into_iter().flatten().collect();
            let within = if bounds.is_empty() {
                "by any change of the input".to_owned()
            } else {
                format!("by a change {}", bounds.join(", "))
            };
            format!(
                "An attacker who knows the network makes it draw a dark {shape} of {size} pixels that is not there, {within} ({steps} steps of L-BFGS). \
                 u should mark what changed in the output."
            )
        }
        Stress::Artefact { .. } => {
            "A bird as bright as the brightest pixel lies in the object: a shape that training never saw. u should mark it.".to_owned()
        }
        Stress::Noise { levels } => {
            let level = levels.first().copied().unwrap_or(0.0);
            format!("Noise of {level} of the measurement's range is added to it. u should mark the error.")
        }
        Stress::Metal { pieces, photons } => format!(
            "{pieces} pieces of metal lie in the body and starve the detectors of photons ({photons:.0} without a body). u should mark the error; the pixels aimed at are those of the metal."
        ),
        Stress::Truncation { share } => {
            format!("Only the central {share} of the detectors measures. u should mark the error.")
        }
        Stress::Motion { degrees } => {
            format!("The body turns by {degrees} degrees while it is scanned. u should mark the error.")
        }
        Stress::Rotation { degrees } => {
            format!("The body lies turned by {degrees} degrees. u should mark the error against the turned truth.")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_test_has_a_name_of_its_own() {
        let asked = [
            Stress::Noise { levels: vec![0.01, 0.05] },
            Stress::Artefact { shape: ArtefactShape::Bird, size: None },
            Stress::Artefact { shape: ArtefactShape::Bird, size: Some(9) },
        ];
        let names: Vec<String> =
            Tests::new(&asked, &["noise-0.05".to_owned()]).0.into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["noise-0.01", "noise-0.05-2", "artefact", "artefact-2"]);
    }

    #[test]
    fn items_to_look_at_are_spread() {
        assert_eq!(spread(17).collect::<Vec<_>>(), [4, 12]);
        assert_eq!(spread(1).collect::<Vec<_>>(), [0]);
        assert_eq!(spread(0).count(), 0);
    }
}
