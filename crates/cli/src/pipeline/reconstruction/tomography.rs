//! Tomography in a study: slices, their split by patient, and what missing angles make of them.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use modelmend_data::formats::read_slices;
use modelmend_data::generate::Pairs;
use modelmend_data::split::{Part, failure_split};
use modelmend_physics::Filter;
use modelmend_study::Hash;
use modelmend_study::artifact::Artifact;
use modelmend_study::schema::{BackprojectionFilter, PartSize, Parts, PhysicsOperator, ReconstructionData};
use modelmend_study::step::StepName;
use modelmend_uncertainty::source::{Held, Source};
use modelmend_uncertainty::tomography::{LimitedAngle, Scanner};

use super::super::context::{Context, Title};
use super::fidelity;

/// Window where a study names none: air to bone, in Hounsfield units.
const WINDOW: [f64; 2] = [-1000.0, 1000.0];

/// Slices of a study, no patient on two sides.
pub(super) struct Scanned {
    pub(super) held: Held,
    pub(super) scanner: Arc<Scanner>,
    /// The patient of each slice of a side.
    pub(super) patients: [Vec<String>; 3],
    /// Of every input and target: what another projector makes of the same file is other data.
    pub(super) content: Hash,
}

/// The pairs of a study on slices, and the scanner that made them.
pub(super) fn pairs(data: &ReconstructionData, path: &Path, seed: u64) -> Result<Scanned> {
    let physics = data
        .physics
        .context("data.physics: slices need `{operator: radon, angles, missing_wedge, filter}`")?;
    let PhysicsOperator::Radon = physics.operator;
    let shares = shares(data.split.as_ref())?;
    let slices = read_slices(path)?;
    let size = data.size.map_or(slices.size(), |size| size as usize);
    let slices = slices.reduced(size)?.windowed(data.window.unwrap_or(WINDOW))?;
    let strata = vec![vec![0]; slices.patients().len()];
    let sides = failure_split(&strata, Some(slices.patients()), &shares, seed)?.parts;
    let scan = LimitedAngle {
        angles: physics.angles as usize,
        missing: physics.missing_wedge,
        filter: filter(physics.filter),
    };
    let scanner = Arc::new(Scanner::new(scan, size)?);
    let mut parts: [Vec<Pairs>; 3] = Default::default();
    let mut patients: [Vec<String>; 3] = Default::default();
    let pairs = scanner.pairs(&slices)?;
    let values = pairs.iter().flat_map(|pair| [&pair.input, &pair.target]).flatten();
    let content = Hash::of(&values.flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>());
    for ((side, pair), patient) in sides.into_iter().zip(pairs).zip(slices.patients()) {
        parts[side as usize].push(pair);
        patients[side as usize].push(patient.clone());
    }
    let acquisition = Arc::<Scanner>::clone(&scanner);
    let held = Held::new(&[1, size, size], parts, (acquisition, seed))?;
    Ok(Scanned { held, scanner, patients, content })
}

/// The shares of train, validation and test.
fn shares(parts: Option<&Parts>) -> Result<[f64; 3]> {
    let parts = parts.context("data.split: is missing")?;
    if parts.by.as_deref().is_some_and(|by| by != "patient") {
        bail!("data.split.by: slices are split by `patient`");
    }
    let share = |size: &PartSize| match size {
        PartSize::Fraction(share) => Ok(*share),
        PartSize::Count(_) => {
            bail!(
                "data.split: must be shares here, such as `{{train: 0.7, validation: 0.1, test: 0.2, by: patient}}`"
            )
        }
    };
    Ok([share(&parts.train)?, share(&parts.validation)?, share(&parts.test)?])
}

fn filter(wanted: BackprojectionFilter) -> Filter {
    match wanted {
        BackprojectionFilter::Ramp => Filter::Ramp,
        BackprojectionFilter::SheppLogan => Filter::SheppLogan,
        BackprojectionFilter::Cosine => Filter::Cosine,
        BackprojectionFilter::Hamming => Filter::Hamming,
        BackprojectionFilter::Hann => Filter::Hann,
    }
}

/// Weights of total variation that are tried.
const WEIGHTS: [f64; 4] = [0.01, 0.03, 0.1, 0.3];
/// Validation slices on which they are tried.
const TRIED: usize = 4;

/// The peak signal-to-noise ratio of each test slice by total variation, in decibels, with the weight that is best on validation slices; empty where none could be chosen.
pub(super) fn total_variation(
    context: &Context<'_>,
    (source, data): (&dyn Source, Hash),
    scanner: &Scanner,
) -> Result<Vec<Option<f64>>> {
    let title = Title { name: StepName::Uncertainty, label: "total variation", version: 2 };
    let step = context.step(title, (WEIGHTS, TRIED), &[data], |scope| {
        let over = |part: Part, count: usize, weight| -> Result<Vec<Option<f64>>> {
            let decibels = |index| {
                let pair = source.item(part, index)?;
                let image = scanner.total_variation(pair.target.data(), weight)?;
                scope.check()?;
                Ok(fidelity::ratio(&image, pair.target.data()))
            };
            (0..count).map(decibels).collect()
        };
        let mut best: Option<(f64, f64)> = None;
        for weight in WEIGHTS {
            let tried = over(Part::Validation, source.count(Part::Validation).min(TRIED), weight)?;
            let found = fidelity::mean(&tried).filter(|&found| best.is_none_or(|(_, best)| found > best));
            best = found.map(|found| (weight, found)).or(best);
        }
        let found = best.map(|(weight, _)| over(Part::Test, source.count(Part::Test), weight));
        Ok(Artifact::new(found.transpose()?.unwrap_or_default()))
    })?;
    Ok(step.artifact.value)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use modelmend_data::formats::{Array, Values, write_npz};

    use super::*;

    /// Slices whose grey value is the number of their patient, who are of very different sizes and lie in no order.
    #[test]
    fn a_patient_is_on_one_side_with_all_slices() {
        const SIZE: usize = 16;
        let of: Vec<usize> = (0..60).map(|i| i * i % 23 % 12).collect();
        let values = of.iter().flat_map(|&patient| [patient as i64 * 100 - 1000; SIZE * SIZE]).collect();
        let names = of.iter().map(|patient| format!("p{patient}")).collect();
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("slices.npz");
        let arrays = [
            ("hu", Array::new(vec![of.len(), SIZE, SIZE], Values::I64(values)).unwrap()),
            ("patient", Array::new(vec![of.len()], Values::Text(names)).unwrap()),
        ];
        write_npz(&file, arrays).unwrap();
        let data: ReconstructionData = serde_json::from_value(serde_json::json!({
            "split": {"train": 0.5, "validation": 0.25, "test": 0.25, "by": "patient"},
            "physics": {"operator": "radon", "angles": 8, "missing_wedge": 30, "filter": "ramp"},
        }))
        .unwrap();
        for seed in 0..5 {
            let scanned = pairs(&data, &file, seed).unwrap();
            let mut side_of: BTreeMap<&str, BTreeSet<usize>> = BTreeMap::new();
            for part in Part::ALL {
                let patients = &scanned.patients[part as usize];
                assert_eq!(scanned.held.count(part), patients.len());
                assert!(!patients.is_empty(), "{}", part.name());
                for (index, patient) in patients.iter().enumerate() {
                    side_of.entry(patient).or_default().insert(part as usize);
                    // The names go with the slices that they are said to belong to.
                    let target = scanned.held.item(part, index).unwrap().target;
                    let number = (f64::from(target.data()[SIZE * SIZE / 2 + SIZE / 2]) * 20.0).round();
                    assert_eq!(format!("p{number}"), *patient);
                }
            }
            assert!(side_of.values().all(|sides| sides.len() == 1), "seed {seed}: {side_of:?}");
            assert_eq!(scanned.patients.iter().map(Vec::len).sum::<usize>(), of.len());
        }
    }
}
