//! `modelmend repair` from a study to the files that it leaves, accepted and refused.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod tissue;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use modelmend_data::formats::read_parquet;
use modelmend_data::generate::Histology;
use modelmend_net::Model;
use modelmend_net::onnx::{Difference, difference};
use modelmend_study::Hash;
use serde_json::Value;

/// A network that is trained too little, so that much can be repaired, and a gate that asks for little.
const STUDY: &str = "
name: small
seed: 7
task: classification
train:
  architecture: vgg-small
  data: data.npz
  channels: 4
  classes: {CLASSES}
  optimizer: {name: adam, learning_rate: 2.0e-3}
  batch_size: 16
  epochs: 2
data:
  source: data.npz
  split: deployment
  training_split: train
  truth_column: planted
  classes: {CLASSES}
subtype:
  projection: 20
  clustering: {k: 3, select: silhouette}
repair:
  target: [1, 2, 3]
  methods: [none, f_i+c]
  gate: {folds: 3, margin_correct: 0.6, margin_subgroup: 0.6, margin_calibration: 0.3}
statistics: {bootstrap: 200}
";

fn prepare(folder: &Path) -> PathBuf {
    tissue::write(folder, &Histology { train: 300, validation: 60, deployment: 450, seed: 3 }, STUDY)
}

fn repair(study: &Path, out: &Path, more: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_modelmend"));
    let cache = study.with_file_name("cache");
    command.arg("repair").arg(study).arg("--out").arg(out).arg("--cache").arg(cache).args(more);
    command.output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The repair in `results.json`.
fn result(out: &Path) -> Value {
    let results: Value = serde_json::from_slice(&std::fs::read(out.join("results.json")).unwrap()).unwrap();
    let repairs = results["repairs"].as_object().unwrap();
    assert_eq!(repairs.len(), 1);
    repairs.values().next().unwrap().clone()
}

fn models(out: &Path) -> Vec<String> {
    let files = std::fs::read_dir(out.join("models")).unwrap();
    let mut names: Vec<String> = files.map(|f| f.unwrap().file_name().into_string().unwrap()).collect();
    names.retain(|name| name.contains("repair-"));
    names.sort();
    names
}

fn hash(path: &Path) -> String {
    Hash::of(&std::fs::read(path).unwrap()).to_string()
}

/// The fold of each case by its name, and that no group is tested by two.
fn folds(out: &Path) -> Vec<(String, String)> {
    let cases = read_parquet(&out.join("cases.parquet")).unwrap();
    let value = |name: &str, row| cases.get(name).unwrap().text_at(row).unwrap();
    let rows = || 0..cases.rows();
    let pairs: BTreeSet<(String, String)> = rows().map(|r| (value("group", r), value("fold", r))).collect();
    let groups: BTreeSet<&String> = pairs.iter().map(|(group, _)| group).collect();
    assert_eq!(groups.len(), pairs.len(), "a group is tested by two folds");
    assert_eq!(pairs.iter().map(|(_, fold)| fold.as_str()).collect::<BTreeSet<_>>(), ["1", "2", "3"].into());
    rows().map(|r| (value("id", r), value("fold", r))).collect()
}

fn shares(result: &Value) {
    let methods = result["methods"].as_object().unwrap();
    assert_eq!(methods.keys().collect::<Vec<_>>(), ["f+c", "f_i+c", "none"]);
    let delivered: Vec<bool> = methods.values().map(|m| m["delivered"].as_bool().unwrap()).collect();
    assert_eq!(delivered, [true, false, false]);
    for name in ["f+c", "f_i+c"] {
        let settings = methods[name]["settings"].as_array().unwrap();
        assert_eq!(settings[0]["test"], methods[name]["test"]);
        for setting in settings {
            assert!(setting["setting"].as_str().unwrap().contains("learning rate"), "{setting}");
            assert!(setting["validation"]["all"]["of"].as_u64().unwrap() > 0, "{setting}");
            assert_eq!(setting["test"]["subtypes"].as_array().unwrap().len(), 3, "{setting}");
        }
    }
    assert_eq!(methods["none"]["test"]["target"]["right"], 0);
}

fn gate(result: &Value) {
    let gate = result["gate"].as_object().unwrap();
    assert_eq!(gate.keys().collect::<Vec<_>>(), ["all", "calibration", "correct", "subgroups", "target"]);
    for (name, criterion) in gate {
        assert!(criterion["passed"].as_bool().unwrap(), "{name}: {criterion}");
        let level = if matches!(name.as_str(), "all" | "target") { 0.95 } else { 0.9 };
        assert!((criterion["level"].as_f64().unwrap() - level).abs() < 1e-9, "{name}: {criterion}");
        let ends: Vec<f64> =
            criterion["interval"].as_array().unwrap().iter().map(|end| end.as_f64().unwrap()).collect();
        let estimate = criterion["estimate"].as_f64().unwrap();
        assert!(ends[0] <= estimate && estimate <= ends[1], "{name}: {criterion}");
    }
    assert!(gate["all"]["p"].as_f64().unwrap() < 0.05);
}

/// Every hash is that of the file that it names, and stands in the document and on the page.
fn hashes(result: &Value, study: &Path, out: &Path) {
    let folder = study.parent().unwrap();
    let lines: String = folds(out).iter().map(|(id, fold)| format!("{id}\t{fold}\n")).collect();
    let expected = [
        ("input data.npz", hash(&folder.join("data.npz"))),
        ("study file", hash(study)),
        ("model before, as it is written", hash(&out.join("models/trained.onnx"))),
        ("repaired model", hash(&out.join("models/repair-f+c.onnx"))),
        ("causes.parquet", hash(&out.join("causes.parquet"))),
        ("folds: `id` and `fold` of cases.parquet", Hash::of(lines.as_bytes()).to_string()),
    ];
    let hashes = result["hashes"].as_object().unwrap();
    for (what, hash) in &expected {
        assert_eq!(hashes[*what], *hash, "{what}");
    }
    for what in ["training cases: names and labels", "study as read: `study` of run.json as compact JSON"] {
        assert_eq!(hashes[what].as_str().unwrap().len(), 64, "{what}");
    }
    let version = hashes["program (its version, no hash)"].as_str().unwrap();
    assert!(version.ends_with(env!("CARGO_PKG_VERSION")));
    for file in ["repair.md", "report.html"] {
        let text = std::fs::read_to_string(out.join(file)).unwrap();
        assert!(hashes.values().all(|hash| text.contains(hash.as_str().unwrap())), "{file}");
    }
}

#[test]
fn a_repair_leaves_its_evidence_and_a_stricter_gate_refuses_it() {
    let folder = tempfile::tempdir().unwrap();
    let (study, out) = (prepare(folder.path()), folder.path().join("out"));
    let run = repair(&study, &out, &["--method", "f+c"]);
    assert_eq!(run.status.code(), Some(0), "{}{}", text(&run.stdout), text(&run.stderr));
    let accepted = result(&out);
    assert_eq!((&accepted["accepted"], &accepted["model"]), (&true.into(), &"models/repair-f+c.onnx".into()));
    assert!(accepted.get("refusals").is_none() && accepted["causes"]["training"].as_u64().unwrap() > 0);
    assert!(accepted["audit"].as_object().unwrap().values().all(|check| check["passed"] == true));
    gate(&accepted);
    shares(&accepted);
    hashes(&accepted, &study, &out);
    assert_eq!(models(&out), ["repair-f+c.onnx"]);
    let [before, after] =
        ["trained", "repair-f+c"].map(|name| Model::read(&out.join(format!("models/{name}.onnx"))).unwrap());
    assert!(matches!(difference(&before, &after), Difference::Weights { .. }));
    assert!(std::fs::read_to_string(out.join("repair.md")).unwrap().contains("**Accepted.**"));

    // 200 replicates cannot have a p-value as small as this asks for.
    let strict =
        std::fs::read_to_string(&study).unwrap().replace("{folds: 3,", "{folds: 3, confidence: 0.9999,");
    std::fs::write(&study, strict).unwrap();
    let run = repair(&study, &out, &["--method", "f+c"]);
    let (shown, steps) = (text(&run.stdout), text(&run.stderr));
    assert_eq!(run.status.code(), Some(3), "{shown}{steps}");
    assert!(shown.contains("refused: ") && shown.contains("all: accuracy over all cases"), "{shown}");
    let computed = steps.lines().filter(|line| line.starts_with("repair") && line.contains("computed"));
    assert_eq!(computed.collect::<Vec<_>>(), Vec::<&str>::new(), "the gate alone has changed");
    let refused = result(&out);
    assert_eq!((&refused["accepted"], &refused["after"]), (&false.into(), &accepted["after"]));
    assert!(refused["refusals"].as_array().unwrap().iter().any(|r| r.as_str().unwrap().starts_with("all: ")));
    assert_eq!(models(&out), ["refused-repair-f+c.onnx"], "the accepted model of before is gone");
    assert!(std::fs::read_to_string(out.join("repair.md")).unwrap().contains("**Refused.**"));
}

#[test]
fn what_cannot_be_repaired_is_said_before_anything_runs() {
    let folder = tempfile::tempdir().unwrap();
    let (study, out) = (prepare(folder.path()), folder.path().join("out"));
    let other = folder.path().join("jumps.yaml");
    let jumps = "{name: x, task: reconstruction, data: {generator: jumps, samples: {train: 8, validation: 2, test: 2}, length: 32, noise: [0.1]}, model: m.onnx}";
    std::fs::write(&other, jumps).unwrap();
    let wrong: [(&Path, &[&str], &str); 4] = [
        (&study, &["--method", "magic"], "f_i+c"),
        (&study, &["--method", "none"], "f_i+c"),
        (&study, &["--target", "1,1"], "repair.target[1] = 1: is given twice"),
        (&other, &[], "jumps.yaml: task: only classifiers are repaired"),
    ];
    for (study, more, part) in wrong {
        let run = repair(study, &out, more);
        assert_eq!(run.status.code(), Some(2), "{more:?}");
        assert!(text(&run.stderr).contains(part), "{more:?}: {}", text(&run.stderr));
        assert!(!out.exists(), "{more:?}");
    }
}
