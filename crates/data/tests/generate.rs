//! The generated data set: the same bits from the same seed, slides as groups, and truth that holds.

#![allow(clippy::unwrap_used, reason = "helpers of tests may fail the test")]

use std::collections::{BTreeMap, BTreeSet};

use modelmend_data::Cases;
use modelmend_data::generate::{Generated, Histology, Planted, histology};

fn default() -> Generated {
    histology(&Histology::default()).unwrap()
}

fn words(cases: &Cases, column: &str) -> Vec<String> {
    (0..cases.count()).map(|row| cases.metadata[column].text_at(row).unwrap()).collect()
}

fn rgb(cases: &Cases, case: usize) -> Vec<f64> {
    cases.images.rgb8(case).unwrap().into_iter().map(f64::from).collect()
}

#[test]
fn same_seed_same_bits_on_any_number_of_threads() {
    let request = Histology { train: 200, validation: 30, deployment: 300, seed: 9 };
    let with_threads = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| histology(&request).unwrap())
    };
    let (one, three) = (with_threads(1), with_threads(3));
    assert_eq!(one.train, three.train);
    assert_eq!(one.validation, three.validation);
    assert_eq!(one.deployment, three.deployment);
    let other = histology(&Histology { seed: 10, ..request }).unwrap();
    assert_ne!(one.train.images, other.train.images);
    assert_ne!(one.train.images.rgb8(0).unwrap(), one.validation.images.rgb8(0).unwrap());
}

#[test]
fn sizes_are_as_asked() {
    let data = histology(&Histology { train: 1, validation: 7, deployment: 131, seed: 0 }).unwrap();
    assert_eq!((data.train.count(), data.validation.count(), data.deployment.count()), (1, 7, 131));
    let empty = histology(&Histology { train: 0, ..Histology::default() });
    assert!(empty.unwrap_err().to_string().contains("the train set must have at least one case"));
}

#[test]
fn slides_are_groups_of_one_origin() {
    let data = default();
    let mut seen = BTreeSet::new();
    for cases in [&data.train, &data.validation, &data.deployment] {
        cases.check().unwrap();
        let slides = words(cases, "slide");
        assert_eq!(Some(&slides), cases.groups.as_ref());
        let origins = words(cases, "scanner").into_iter().zip(words(cases, "stain"));
        let mut origin_of = BTreeMap::new();
        for (slide, origin) in slides.iter().zip(origins) {
            assert_eq!(*origin_of.entry(slide.clone()).or_insert(origin.clone()), origin, "slide {slide}");
        }
        let own: BTreeSet<String> = slides.into_iter().collect();
        assert!(own.is_disjoint(&seen), "sets share a slide");
        seen.extend(own);
    }
}

#[test]
fn every_kind_is_planted_on_several_slides() {
    let data = default();
    let (planted, slides) = (words(&data.deployment, "planted"), words(&data.deployment, "slide"));
    for kind in Planted::ALL {
        let cases: Vec<usize> = (0..planted.len()).filter(|&case| planted[case] == kind.name()).collect();
        let on: BTreeSet<&String> = cases.iter().map(|&case| &slides[case]).collect();
        assert!(
            cases.len() >= 60 && on.len() >= 4,
            "{}: {} cases on {} slides",
            kind.name(),
            cases.len(),
            on.len()
        );
    }
    let planted = words(&data.train, "planted");
    let rare = planted.iter().filter(|kind| *kind == Planted::RareTissue.name()).count();
    assert!((1..=10).contains(&rare), "{rare} cases of the rare tissue to train on");
}

#[test]
fn labels_are_the_tissue_but_for_label_noise() {
    let data = default();
    for cases in [&data.train, &data.deployment] {
        let (planted, tissue) = (words(cases, "planted"), words(cases, "tissue"));
        for (case, &label) in cases.labels.iter().enumerate() {
            let honest = data.tissues[label as usize] == tissue[case];
            assert_eq!(honest, planted[case] != Planted::LabelNoise.name(), "case {case}");
        }
        assert_eq!(cases.classes(&data.classes).unwrap().len(), cases.count());
    }
}

#[test]
fn stain_goes_with_class_in_training_and_not_after() {
    let data = default();
    let bluish_benign = |cases: &Cases| {
        let classes = cases.classes(&data.classes).unwrap();
        let stains = words(cases, "stain");
        (0..cases.count()).filter(|&case| stains[case] == "bluish" && classes[case] == 0).count()
    };
    assert_eq!(bluish_benign(&data.train), 0);
    assert!(bluish_benign(&data.deployment) >= 60);
    // The stain is visible: mean red over mean blue.
    let cases = &data.deployment;
    let ratio = |case| {
        let rgb = rgb(cases, case);
        let mean = |channel: usize| rgb.iter().skip(channel).step_by(3).sum::<f64>();
        mean(0) / mean(2)
    };
    let stains = words(cases, "stain");
    let mean_of = |stain: &str| {
        let ratios: Vec<f64> = (0..cases.count()).filter(|&case| stains[case] == stain).map(ratio).collect();
        ratios.iter().sum::<f64>() / ratios.len() as f64
    };
    assert!(mean_of("bluish") < mean_of("usual") - 0.1);
}

#[test]
fn the_blurred_scanner_blurs() {
    let data = default();
    let cases = &data.deployment;
    let (scanner, tissue) = (words(cases, "scanner"), words(cases, "tissue"));
    let roughness = |wanted: &str| {
        let of = |case: usize| {
            let rgb = rgb(cases, case);
            rgb.iter().zip(&rgb[3..]).map(|(a, b)| (a - b).abs()).sum::<f64>() / rgb.len() as f64
        };
        let chosen =
            (0..cases.count()).filter(|&case| scanner[case] == wanted && tissue[case] == "lymphocytes");
        let values: Vec<f64> = chosen.map(of).collect();
        values.iter().sum::<f64>() / values.len() as f64
    };
    assert!(roughness("C") < 0.5 * roughness("A"), "{} against {}", roughness("C"), roughness("A"));
}

#[test]
fn patches_are_bytes_of_28_by_28() {
    let data = histology(&Histology { train: 5, validation: 1, deployment: 5, seed: 1 }).unwrap();
    let images = &data.train.images;
    assert_eq!((images.height(), images.width(), images.channels()), (28, 28, 3));
    let mut values = vec![0.0; images.values_per_image()];
    images.write_nchw(0, &mut values).unwrap();
    assert!(values.iter().all(|value| (0.0..=255.0).contains(value) && value.fract() == 0.0));
}
