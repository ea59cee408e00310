//! The items of stress tests.

use anyhow::{Context as _, Result};
use modelmend_data::split::Part;
use modelmend_net::Model;
use modelmend_study::Hash;
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
use super::super::examples;
use super::super::prepare::numbered;
use super::words::about;
use super::{Test, kept};

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
            let under = Under { network: &network, source, scanner };
            let made = all(under, (&stress, seed), scope)?;
            kept::pack(&network, source, &made)
        })?;
        let items = kept::unpack(&step.artifact)?;
        let places = step.artifact.value.places.clone();
        let pictures = examples::parts(&places, &step.artifact.f32("pictures")?)?;
        Ok(Test { name, about: about(&stress), items, places, pictures, hash: step.hash })
    };
    tests.0.into_iter().map(one).collect()
}

/// What is put under stress.
#[derive(Clone, Copy)]
struct Under<'a> {
    network: &'a Network<'a>,
    source: &'a dyn Source,
    /// Where the items are slices.
    scanner: Option<&'a Scanner>,
}

fn all(under: Under<'_>, (stress, seed): (&Stress, u64), scope: &Scope<'_>) -> Result<Vec<Stressed>> {
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
) -> Result<Stressed> {
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
            let size = size.map_or_else(|| Spot::usual_size(rows, columns), |size| size as usize);
            paste(network, source, (item, spot(Shape::Bird, size)))?
        }
        Stress::Noise { ref levels } => {
            let level = levels.first().copied().context("noise: names no level")?;
            noisy(network, source, item, (level, seed, number))?
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
fn in_scanner(under: Under<'_>, item: &Batch, fault: (Fault, u64)) -> Result<Stressed> {
    let scanner = under.scanner.context("stress: this test is for slices (data.source)")?;
    Ok(faulty((under.network, scanner), item, fault)?)
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
}
