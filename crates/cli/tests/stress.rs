//! Stress tests in a study: what is stored keeps its promises.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod slices;

use std::collections::BTreeMap;
use std::path::Path;

use modelmend_data::formats::{Array, read_npz};
use serde_json::Value;
use slices::{SLICES, run, write_slices};

const STRESS: &str = "stress:
  - {test: adversarial, shape: disc, size: 8, bound_image: 0.04, bound_sinogram: 0.03, steps: 12}
  - {test: adversarial, shape: square, size: 8, bound_image: 0.0}
  - {test: artefact, shape: bird, size: 10}
  - {test: noise, levels: [0.02]}
  - {test: metal}
  - {test: truncation, share: 0.5}
  - {test: motion, degrees: 4}
  - {test: rotation, degrees: 15}
output: out
";

fn arrays(folder: &Path, name: &str) -> BTreeMap<String, Array> {
    read_npz(&folder.join("out/stress").join(name)).unwrap().into_iter().collect()
}

fn values(arrays: &BTreeMap<String, Array>, name: &str) -> Vec<f32> {
    arrays[name].clone().into_f32().unwrap()
}

fn most(values: impl Iterator<Item = f32>) -> f32 {
    values.fold(0.0, |most, value| most.max(value.abs()))
}

fn change(arrays: &BTreeMap<String, Array>) -> f32 {
    let pairs = values(arrays, "input").into_iter().zip(values(arrays, "before"));
    most(pairs.map(|(new, old)| new - old))
}

#[test]
fn stored_attacks_respect_their_bounds_and_every_method_is_asked() {
    let folder = tempfile::tempdir().unwrap();
    write_slices(&folder.path().join("slices.npz"));
    let study = SLICES.replace("output: out\n", STRESS);
    let done = run(folder.path(), &study, &["--quiet"]);
    assert_eq!(done.status.code(), Some(0), "{}", String::from_utf8_lossy(&done.stderr));

    let attacked = arrays(folder.path(), "adversarial.npz");
    assert!(change(&attacked) <= 0.04 && change(&attacked) > 0.001, "{}", change(&attacked));
    let items = attacked["input"].shape()[0];
    let [whole, moved] = ["measurement", "measurement-change"].map(|name| values(&attacked, name));
    let entries = whole.len() / items;
    for (whole, moved) in whole.chunks_exact(entries).zip(moved.chunks_exact(entries)) {
        let (largest, moved) = (most(whole.iter().copied()), most(moved.iter().copied()));
        assert!(moved <= 0.03 * largest && moved > 0.0, "{moved} of {largest}");
    }
    assert_eq!(change(&arrays(folder.path(), "adversarial-2.npz")), 0.0);
    let artefact = arrays(folder.path(), "artefact.npz");
    assert_eq!(artefact["mask"].shape(), [items, 32, 32]);
    assert!(change(&artefact) > 0.05 && change(&arrays(folder.path(), "noise-0.02.npz")) > 0.0);

    let text = std::fs::read_to_string(folder.path().join("out/results.json")).unwrap();
    let found: Value = serde_json::from_str(&text).unwrap();
    for test in ["adversarial", "artefact", "noise-0.02", "metal", "truncation", "motion", "rotation"] {
        for method in ["inn", "mcdropout", "mcdropout-2", "probout"] {
            let score = &found["stress"][test][method];
            assert!(score["pearson"].is_number() && score["item_auroc"].is_number(), "{test} {method}");
            assert_eq!(score["auroc"].is_number(), ["adversarial", "artefact", "metal"].contains(&test));
        }
    }
    // Nothing changed, so there is nothing to correlate with, and no alarm.
    let idle = &found["stress"]["adversarial-2"]["inn"];
    assert!(idle["pearson"].is_null() && idle["item_auroc"] == 0.5);
    let again = run(folder.path(), &study, &[]);
    let lines = String::from_utf8_lossy(&again.stdout).into_owned() + &String::from_utf8_lossy(&again.stderr);
    assert!(!lines.contains("computed"), "{lines}");
}
