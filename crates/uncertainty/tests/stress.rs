//! Stress tests on networks whose answers are known.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;

use modelmend_data::Slices;
use modelmend_data::split::Part;
use modelmend_net::architecture::{UNet, unet};
use modelmend_net::{Model, Tensor};
use modelmend_physics::{Filter, phantom};
use modelmend_uncertainty::acquisition::Acquisition;
use modelmend_uncertainty::method::{Maps, Method};
use modelmend_uncertainty::source::{Held, Source};
use modelmend_uncertainty::stress::*;
use modelmend_uncertainty::tomography::{LimitedAngle, Scanner};

const SIZE: usize = 32;

/// Slices behind missing angles; every side holds the same ones.
fn source() -> (Held, Arc<Scanner>) {
    let body = |seed| phantom::image(&phantom::random(5, seed), SIZE);
    let pixels = (0..3).flat_map(body).map(|v| v as f32).collect();
    let slices = Slices::new(SIZE, pixels, vec!["a".to_owned(); 3]).unwrap();
    let scan = LimitedAngle { angles: 40, missing: 30.0, filter: Filter::Ramp };
    let scanner = Arc::new(Scanner::new(scan, SIZE).unwrap());
    let pairs = scanner.pairs(&slices).unwrap();
    let parts = [pairs.clone(), pairs.clone(), pairs];
    (Held::new(&[1, SIZE, SIZE], parts, (Arc::<Scanner>::clone(&scanner), 1)).unwrap(), scanner)
}

fn network() -> Model {
    unet(&UNet { base: 4, depth: 2, dropout: 0.0, seed: 3 }).unwrap()
}

fn most(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).fold(0.0f64, |most, (a, b)| most.max(f64::from((a - b).abs())))
}

fn attacked(attack: Attack) -> (Stressed, f64) {
    let ((source, _), model) = (source(), network());
    let network = Network::new(&model);
    let item = source.item(Part::Test, 0).unwrap();
    let spot = Spot::draw((Shape::Square, 8), (SIZE, SIZE), (1, 0));
    let before = network.output(&item.input).unwrap();
    let stressed = Attacker { network: &network, source: &source, attack }.attack(&item, spot).unwrap();
    let after = network.output(&stressed.input).unwrap();
    // How much darker the spot has become, in means of the output.
    let inside = |y: &Tensor<f32>| -> f64 {
        y.data().iter().zip(&stressed.mask).filter(|(_, m)| **m).map(|(&y, _)| f64::from(y)).sum()
    };
    let mean = before.data().iter().map(|v| f64::from(v.abs())).sum::<f64>() / before.len() as f64;
    let count = stressed.mask.iter().filter(|m| **m).count() as f64;
    let darker = (inside(&before) - inside(&after)) / count / mean;
    (stressed, darker)
}

#[test]
fn an_unbounded_attack_draws_its_target() {
    let free = Attack { bound_image: None, bound_rms: None, bound_measurement: None, steps: 60 };
    let (stressed, darker) = attacked(free);
    assert!(darker > 0.6, "{darker}");
    assert!(stressed.measurement.is_empty());
    // What changed is what was aimed at: u that is the change itself ranks the mask first.
    assert_eq!(stressed.change.len(), SIZE * SIZE);
    assert!(stressed.change.iter().any(|&c| c > 0.0));
    let bounded = Attack { bound_image: Some(0.02), ..free };
    let (held, less) = attacked(bounded);
    let (source, _) = source();
    let input = source.item(Part::Test, 0).unwrap().input;
    let moved = most(held.input.data(), input.data());
    assert!(moved <= 0.02 && moved > 0.015, "{moved}");
    assert!(less > 0.0 && less < darker, "{less} {darker}");
}

#[test]
fn an_attack_on_the_measurement_is_one_that_could_be_measured() {
    let share = 0.05;
    let attack =
        Attack { bound_image: Some(0.05), bound_rms: None, bound_measurement: Some(share), steps: 40 };
    let (stressed, darker) = attacked(attack);
    let change = &stressed.measurement;
    let (source, scanner) = source();
    let item = source.item(Part::Test, 0).unwrap();
    let sinogram = scanner.measure(item.target.data()).unwrap();
    let largest = sinogram.iter().fold(0.0f32, |m, v| m.max(v.abs()));
    let zeros = vec![0.0; change.len()];
    assert!(most(change, &zeros) <= share * f64::from(largest));
    assert!(most(stressed.input.data(), item.input.data()) <= 0.05);
    // The stored input is the back-projection of the stored measurement.
    let measured: Vec<f32> = sinogram.iter().zip(change).map(|(s, c)| s + c).collect();
    let again = scanner.reconstruct(&measured).unwrap();
    assert!(most(&again, stressed.input.data()) < 1e-4);
    assert!(darker > 0.0, "{darker}");
}

#[test]
fn a_bound_of_zero_changes_nothing() {
    for (image, measurement) in [(Some(0.0), None), (None, Some(0.0)), (Some(0.1), Some(0.0))] {
        let attack = Attack { bound_image: image, bound_rms: None, bound_measurement: measurement, steps: 5 };
        let (stressed, _) = attacked(attack);
        let (source, _) = source();
        assert_eq!(stressed.input, source.item(Part::Test, 0).unwrap().input);
        assert!(stressed.measurement.is_empty() && stressed.change.iter().all(|&c| c == 0.0));
    }
}

#[test]
fn attacks_have_the_same_bits_on_any_number_of_threads() {
    let attack =
        Attack { bound_image: Some(0.05), bound_rms: Some(0.02), bound_measurement: Some(0.05), steps: 5 };
    let pool = |threads| rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    let [one, three] = [1, 3].map(|threads| pool(threads).install(|| attacked(attack)));
    assert_eq!(one, three);
}

#[test]
fn an_artefact_is_measured_with_the_truth() {
    let ((source, scanner), model) = (source(), network());
    let network = Network::new(&model);
    let item = source.item(Part::Test, 1).unwrap();
    let spot = Spot::draw((Shape::Bird, 16), (SIZE, SIZE), (1, 1));
    let stressed = paste(&network, &source, (&item, spot)).unwrap();
    let bright = item.target.data().iter().copied().fold(0.0, f32::max);
    for ((&new, &old), &covered) in stressed.truth.iter().zip(item.target.data()).zip(&stressed.mask) {
        assert_eq!(new, if covered { bright } else { old });
    }
    let input = scanner.reconstruct(&scanner.measure(&stressed.truth).unwrap()).unwrap();
    assert!(most(&input, stressed.input.data()) < 1e-4);
    assert_eq!(most(&stressed.change, &vec![0.0; SIZE * SIZE]), most(&stressed.truth, item.target.data()));
}

#[test]
fn noise_of_more_levels_is_the_same_but_for_its_size() {
    let ((source, _), model) = (source(), network());
    let network = Network::new(&model);
    let item = source.item(Part::Test, 0).unwrap();
    let moved = |share| {
        let stressed = noisy(&network, &source, &item, (share, 5, 0)).unwrap();
        stressed.input.data().iter().zip(item.input.data()).map(|(a, b)| a - b).collect::<Vec<f32>>()
    };
    let (one, three) = (moved(0.01), moved(0.03));
    assert!(one.iter().zip(&three).all(|(a, b)| (3.0 * a - b).abs() < 1e-4));
    assert!(one.iter().any(|&v| v.abs() > 1e-3));
    assert_eq!(most(&moved(0.0), &vec![0.0; SIZE * SIZE]), 0.0);
}

/// Knows what it should mark.
struct Oracle(Vec<Stressed>);

impl Method for Oracle {
    fn maps(&self, input: &Tensor<f32>) -> modelmend_uncertainty::Result<Maps> {
        let found = self.0.iter().find(|stressed| stressed.input == *input);
        let mut u = input.map(|_| 0.0);
        if let Some(stressed) = found {
            u.data_mut().copy_from_slice(&stressed.change);
        }
        Ok(Maps { output: input.clone(), u, bounds: None })
    }
}

#[test]
fn a_method_that_knows_scores_one_and_one_that_knows_nothing_raises_no_alarm() {
    let ((source, _), model) = (source(), network());
    let network = Network::new(&model);
    let stress = |item: usize| {
        let spot = Spot::draw((Shape::Disc, 8), (SIZE, SIZE), (1, item as u64));
        paste(&network, &source, (&source.item(Part::Test, item).unwrap(), spot)).unwrap()
    };
    let stressed: Vec<Stressed> = (0..3).map(stress).collect();
    let ask = |method: &dyn Method| {
        let clean = Clean::ask(method, &source).unwrap();
        score(method, (&clean, &stressed), |index, _| Ok(index)).unwrap()
    };
    let (found, seen) = ask(&Oracle(stressed.clone()));
    assert_eq!(seen, [0, 1, 2]);
    for item in &found.items {
        assert!((item.pearson.unwrap() - 1.0).abs() < 1e-9);
        assert!(item.ranking.unwrap().auroc > 0.999);
    }
    let alarms = [found.by_mean.unwrap(), found.by_peak.unwrap()];
    assert!(alarms.iter().all(|alarm| alarm.auroc == 1.0 && alarm.rate == 1.0));
    let (blind, _) = ask(&Oracle(Vec::new()));
    assert!(blind.items.iter().all(|item| item.pearson.is_none()));
    assert_eq!((blind.by_mean.unwrap().auroc, blind.by_mean.unwrap().rate), (0.5, 0.0));
}

#[test]
fn faults_of_the_scanner_leave_what_they_should() {
    let ((source, scanner), model) = (source(), network());
    let network = Network::new(&model);
    let item = source.item(Part::Test, 2).unwrap();
    let with = |fault, seed| faulty((&network, &scanner), &item, (fault, seed)).unwrap();
    let moved = |stressed: &Stressed| most(stressed.input.data(), item.input.data());
    // Without a fault the input is what it was.
    for fault in
        [Fault::Motion { degrees: 0.0 }, Fault::Rotation { degrees: 0.0 }, Fault::Truncation { share: 1.0 }]
    {
        assert!(moved(&with(fault, 1)) < 1e-4, "{fault:?}");
    }
    for (less, more) in [
        (Fault::Motion { degrees: 2.0 }, Fault::Motion { degrees: 20.0 }),
        (Fault::Rotation { degrees: 2.0 }, Fault::Rotation { degrees: 20.0 }),
        (Fault::Truncation { share: 0.5 }, Fault::Truncation { share: 0.3 }),
    ] {
        let [less, more] = [less, more].map(|fault| moved(&with(fault, 1)));
        assert!(more > less && less > 0.0, "{less} {more}");
    }
    let metal = |photons, seed| with(Fault::Metal { pieces: 2, photons }, seed);
    let (few, many) = (metal(1e2, 1), metal(1e6, 1));
    assert!(few.mask == many.mask && few.mask != metal(1e2, 2).mask);
    for ((&new, &old), &metal) in many.truth.iter().zip(item.target.data()).zip(&many.mask) {
        assert_eq!(new > old + 1.0, metal);
    }
    // Fewer photons, more noise: the input is further from what the truth would give.
    let exact = scanner.reconstruct(&scanner.measure(&many.truth).unwrap()).unwrap();
    let off = |stressed: &Stressed| most(stressed.input.data(), &exact);
    assert!(off(&few) > 2.0 * off(&many), "{} {}", off(&few), off(&many));
    // u should mark the error of the network's output.
    let output = network.output(&many.input).unwrap();
    assert_eq!(most(&many.change, &vec![0.0; SIZE * SIZE]), most(output.data(), &many.truth));
}
