//! Subtypings, explanations and suspicions on made-up cases.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test fails by panicking and says what it skips"
)]

use std::collections::BTreeMap;

use modelmend_data::split::Part;
use modelmend_failure::explain::explain;
use modelmend_failure::label_noise::{Cases, Separation, Suspicion, contradicted, separation, shares};
use modelmend_failure::matrix::Layout;
use modelmend_failure::resample::Resampling;
use modelmend_failure::subtype::{
    ClusterSettings, EmbeddingSettings, by_value, clusters, embed, random, stability,
};
use modelmend_learn::scores::adjusted_rand_index;
use ndarray::Array2;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

const EMBEDDING: EmbeddingSettings = EmbeddingSettings { dims: Some(10), neighbors: 10, min_dist: 0.0 };

/// 240 rows in four well separated groups.
fn groups() -> (Array2<f32>, Vec<usize>) {
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let labels: Vec<usize> = (0..240).map(|i| i % 4).collect();
    let rows = Array2::from_shape_fn((240, 20), |(i, j)| {
        let center = if j % 4 == labels[i] { 4.0 } else { 0.0 };
        center + rng.random::<f32>() - 0.5
    });
    (rows, labels)
}

#[test]
fn planted_groups_are_found_and_stable() {
    let (rows, truth) = groups();
    let points = embed(rows.view(), &EMBEDDING, 1).unwrap();
    let found = clusters(points.view(), &ClusterSettings { k: 4, seed: 1 }).unwrap();
    let labels: Vec<usize> = found.subtyping.labels.iter().map(|l| l.unwrap()).collect();
    assert!(adjusted_rand_index(&truth, &labels).unwrap() > 0.95);
    assert_eq!(found.nearest.iter().map(Vec::len).sum::<usize>(), 240);
    let again = stability(rows.view(), &EMBEDDING, 4, &[2, 3], &found.subtyping).unwrap();
    assert!(again.iter().all(|&ari| ari > 0.95), "{again:?}");
    assert_eq!(
        clusters(points.view(), &ClusterSettings { k: 4, seed: 1 }).unwrap().subtyping,
        found.subtyping
    );
}

#[test]
fn random_parts_have_the_sizes_asked_for() {
    let parts = random(100, &[50, 30, 10], 3);
    assert_eq!(parts.sizes(), [50, 30, 10]);
    assert_eq!(parts.labels.iter().filter(|l| l.is_none()).count(), 10);
    assert_eq!(parts, random(100, &[50, 30, 10], 3));
    assert_ne!(parts.labels, random(100, &[50, 30, 10], 4).labels);
}

#[test]
fn rare_and_missing_values_are_set_aside_by_name() {
    let values: Vec<Option<String>> = ["a", "a", "a", "b", "b", "c", "c", "c"]
        .iter()
        .map(|v| Some((*v).to_owned()))
        .chain([None])
        .collect();
    let parts = by_value(&values);
    assert_eq!(parts.names, ["a", "c"]);
    assert_eq!(parts.sizes(), [3, 3]);
    assert_eq!(parts.notes.len(), 2);
    assert!(parts.notes[0].contains("`b`") && parts.notes[1].contains("without a value"));
}

#[test]
fn a_value_that_explains_a_subtype_is_named_and_noise_is_not() {
    let labels: Vec<Option<usize>> = (0..200).map(|i| Some(i / 100)).collect();
    let tissue = (0..200).map(|i| Some(if i < 80 { "stroma" } else { "gland" }.to_owned())).collect();
    let coin = (0..200).map(|i| Some(if i * 7919 % 13 < 6 { "heads" } else { "tails" }.to_owned())).collect();
    let name = (0..200).map(|i| Some(format!("case {i}"))).collect();
    let columns =
        BTreeMap::from([("tissue".to_owned(), tissue), ("coin".to_owned(), coin), ("id".to_owned(), name)]);
    let findings = explain(&labels, 2, &columns).unwrap();
    assert!(findings.iter().all(|f| f.column == "tissue"), "{findings:?}");
    let first = &findings[0];
    assert_eq!((first.subtype, first.value.as_str(), first.cases), (0, "stroma", 80));
    assert!((first.lift - 2.0).abs() < 1e-12 && first.elsewhere == 0.0 && first.p < 1e-9);
}

/// 0..200 class 0, 200..400 class 1, 400..430 a rare kind of class 1 far off, 430..440 class 0 labelled as 1, 440..470 a
/// rare kind of class 1 amid class 0. All from 400 on are failures.
struct Planted {
    features: Array2<f32>,
    targets: Vec<usize>,
    predicted: Vec<usize>,
    layout: Layout,
}

fn planted() -> Planted {
    let mut rng = ChaCha8Rng::seed_from_u64(8);
    let center = |i: usize| match i {
        200..400 => 5.0,
        400..430 => -5.0,
        _ => 0.0,
    };
    let features = Array2::from_shape_fn((470, 6), |(i, _)| center(i) + rng.random::<f32>());
    let failure: Vec<bool> = (0..470).map(|i| i >= 400).collect();
    let kind = |i: usize| match i {
        400..430 => 0,
        430..440 => 1,
        _ => 2,
    };
    let labels: Vec<Option<usize>> = (400..470).map(|i| Some(kind(i))).collect();
    let part: Vec<Part> = (0..470).map(|i| if i % 2 == 0 { Part::Train } else { Part::Test }).collect();
    Planted {
        features,
        targets: (0..470).map(|i| usize::from(i >= 200)).collect(),
        predicted: (0..470).map(|i| usize::from((200..400).contains(&i))).collect(),
        layout: Layout::new(&labels, 3, &failure, &part),
    }
}

/// Wrong labels lie among cases of the other class; a rare kind lies among its like.
#[test]
fn neighbours_contradict_wrong_labels_and_not_rare_kinds() {
    let planted = planted();
    let failures: Vec<usize> = (400..470).collect();
    let found = contradicted(planted.features.view(), &planted.targets, &failures).unwrap();
    let labels: Vec<Option<usize>> = failures.iter().map(|&i| planted.layout.subtype[i]).collect();
    let shares = shares(&found, &labels, 3);
    assert_eq!(shares[0], 0.0);
    assert!(shares[1] > 0.8 && shares[2] > 0.8, "{shares:?}");
}

/// A network that turns its answer on wrong labels turns it on the cases beside them as well; on a real kind it does not.
#[test]
fn only_wrong_labels_cannot_be_told_from_their_neighbours() {
    let planted = planted();
    let cases = Cases {
        features: planted.features.view(),
        targets: &planted.targets,
        predicted: &planted.predicted,
        groups: None,
    };
    let resampling = Resampling { replicates: 500, confidence: 0.95, seed: 3 };
    let verdict = |index: usize, correct: &[bool]| {
        let separation = separation(&cases, (&planted.layout, index, correct), &resampling).unwrap();
        (separation, Suspicion { contradicted: 1.0, separation }.mislabelled())
    };
    // Every third case of the region answers with the other class, whatever its label.
    let turned = |i: usize| (i / 2).is_multiple_of(3);
    let fooled: Vec<bool> =
        (0..470).map(|i| if i < 200 { !turned(i) } else { i < 430 || turned(i) }).collect();
    let (separation, mislabelled) = verdict(1, &fooled);
    assert!(mislabelled && separation.unwrap().value.abs() < 0.3, "{separation:?}");
    let learned: Vec<bool> = (0..470).map(|i| if i < 200 { !turned(i) } else { true }).collect();
    let (separation, mislabelled) = verdict(2, &learned);
    assert!(!mislabelled && separation.unwrap().interval.0 > 0.3, "{separation:?}");
    assert_eq!(separation.unwrap().failures, 15);
    // A faint difference, however certain, does not tell them apart.
    let faint = Separation { value: 0.04, interval: (0.01, 0.07), failures: 220 };
    assert!(Suspicion { contradicted: 1.0, separation: Some(faint) }.mislabelled());
    // With too few held-out failures there is no verdict.
    let mut few = planted.layout.clone();
    (430..438).for_each(|i| few.subtype[i] = None);
    assert_eq!(
        modelmend_failure::label_noise::separation(&cases, (&few, 1, &fooled), &resampling).unwrap(),
        None
    );
}
