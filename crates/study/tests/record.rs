//! The records have the layout that scripts rely on.
#![allow(clippy::unwrap_used, reason = "a test may fail at once")]

use std::collections::BTreeMap;
use std::fs;

use modelmend_study::Hash;
use modelmend_study::cache::hash_input;
use modelmend_study::record::{Program, Results, RunRecord, over_runs, write_json};
use modelmend_study::schema::StudyFile;
use serde_json::{Value, json};

/// The example of the contract.
const CONTRACT: &str = r#"
{"schema": 1, "study": "rbc12", "seed": 42,
 "cases": {"total": 0, "failures": 0, "accuracy": 0.0},
 "subtypings": {"gradients": {
    "subtypes": 8, "sizes": [0], "silhouette": 0.0,
    "learnability":     {"mean": 0.0, "std": 0.0, "per_subtype": [0.0]},
    "independence":     {"mean": 0.0, "std": 0.0, "per_subtype": [0.0]},
    "generalisability": {"mean": 0.0, "std": 0.0, "per_subtype": [0.0]},
    "compatibility":    {"mean": 0.0, "std": 0.0, "per_subtype": [0.0]},
    "matrix": {"rows": ["1", "all", "none"], "columns": ["1", "correct", "all"],
               "test": [[0.0]], "train": [[0.0]], "counts": [0]}}},
 "repairs": {"<name>": {"target": ["1"], "before": {"target": 0.0, "correct": 1.0, "all": 0.0},
              "after": {"target": 0.0, "correct": 0.0, "all": 0.0}, "accepted": true, "model": "models/x.onnx"}},
 "truth": {"<subtyping>": {"ari": 0.0, "nmi": 0.0}},
 "uncertainty": {"<method>": {"pearson": 0.0, "cosine": 0.0, "pwcc": 0.0, "mse": 0.0, "coverage": 0.0,
              "width": 0.0, "seconds_per_image": 0.0}},
 "stress": {"<test>": {"<method>": {"pearson": 0.0, "auroc": 0.0}}}}"#;

#[test]
fn results_have_the_layout_of_the_contract() {
    let contract: Value = serde_json::from_str(CONTRACT).unwrap();
    let results: Results = serde_json::from_value(contract.clone()).unwrap();
    assert_eq!(over_runs(&[results]).unwrap(), contract);
}

#[test]
fn a_record_is_written_with_the_same_bytes_every_time() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("results.json");
    let results: Results = serde_json::from_str(CONTRACT).unwrap();
    write_json(&path, &results).unwrap();
    let first = fs::read(&path).unwrap();
    write_json(&path, &results.clone()).unwrap();
    assert_eq!(fs::read(&path).unwrap(), first);
    assert_eq!(first.last(), Some(&b'\n'));
}

#[test]
fn provenance_names_program_study_inputs_seeds_and_machine() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.yaml");
    let text = "{name: x, seed: 7, runs: 2, task: classification, model: m.onnx, data: {source: d.npz}}";
    fs::write(&path, text).unwrap();
    let file = StudyFile::load(&path).unwrap();
    let inputs = BTreeMap::from([("x.yaml".to_owned(), hash_input(&path).unwrap())]);
    let program = Program { name: "modelmend".to_owned(), version: "1.2.3".to_owned() };
    let record = serde_json::to_value(RunRecord::new((program, false), &file, inputs, vec![])).unwrap();
    let hash = json!(Hash::of(text.as_bytes()));
    assert_eq!(record["program"], json!({"name": "modelmend", "version": "1.2.3"}));
    assert_eq!((&record["study_file"], &record["inputs"]["x.yaml"]["hash"]), (&hash, &hash));
    assert_eq!(record["inputs"]["x.yaml"]["bytes"], text.len());
    assert_eq!(record["seeds"], json!([7, 8]));
    assert_eq!(record["study"]["data"]["source"], "d.npz");
    assert_eq!(record["study"]["statistics"]["bootstrap"], 2000);
    assert!(record["machine"]["cores"].as_u64().unwrap() > 0);
}
