//! A whole study on generated data: its files, and what a kill leaves behind.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test fails by panicking and says what it skips"
)]

mod tissue;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use modelmend_data::formats::read_parquet;
use modelmend_data::generate::Histology;

const STUDY: &str = "
name: small
seed: 7
task: classification
train:
  architecture: vgg-small
  data: data.npz
  channels: 8
  classes: {CLASSES}
  optimizer: {name: adam, learning_rate: 2.0e-3}
  batch_size: 16
  epochs: 3
data:
  source: data.npz
  split: deployment
  truth_column: planted
  classes: {CLASSES}
subtype:
  projection: 20
  clustering: {k: [3, 4]}
compare: [random, gradients]
finetune: {learning_rate: 1.0e-3, epochs: 4, batch_size: 8, patience: 4}
statistics: {bootstrap: 100, random_subtypings: 1}
";

/// Writes data and study into a folder.
fn prepare(folder: &Path) -> PathBuf {
    tissue::write(folder, &Histology { train: 400, validation: 120, deployment: 600, seed: 3 }, STUDY)
}

fn command(study: &Path, out: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_modelmend"));
    command.arg("run").arg(study).arg("--out").arg(out).stdout(Stdio::null()).stderr(Stdio::piped());
    command
}

fn finish(study: &Path, out: &Path, threads: &str) -> Vec<u8> {
    let run = command(study, out).args(["--threads", threads]).output().unwrap();
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    std::fs::read(out.join("results.json")).unwrap()
}

/// A study killed at twenty moments and then run to the end gives the same bits as one that was left alone, and so does
/// another number of threads.
#[test]
fn killed_and_continued_gives_the_same_bits() {
    let (calm, rough) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let study = prepare(calm.path());
    let start = std::time::Instant::now();
    let expected = finish(&study, &calm.path().join("out"), "1");
    let whole = start.elapsed();
    let study = prepare(rough.path());
    let mut killed = 0;
    for attempt in 0..20u32 {
        let mut run = command(&study, &rough.path().join("out")).args(["--threads", "2"]).spawn().unwrap();
        // Moments spread over the run without a pattern; the golden ratio fills an interval evenly.
        let share = (f64::from(attempt) * 0.618_033_988_75).fract();
        std::thread::sleep(Duration::from_secs_f64(0.02 + share * whole.as_secs_f64() * 0.25));
        killed += u32::from(run.try_wait().unwrap().is_none());
        let _ = run.kill();
        run.wait().unwrap();
    }
    assert!(killed >= 5, "only {killed} runs were still going when they were killed");
    assert_eq!(finish(&study, &rough.path().join("out"), "2"), expected);
}

#[test]
fn the_output_folder_is_complete() {
    let folder = tempfile::tempdir().unwrap();
    let study = prepare(folder.path());
    let out = folder.path().join("out");
    let results: serde_json::Value = serde_json::from_slice(&finish(&study, &out, "2")).unwrap();
    for file in [
        "report.html",
        "run.json",
        "embedding.npy",
        "matrices/gradients.csv",
        "matrices/random.csv",
        "models/trained.onnx",
    ] {
        assert!(out.join(file).is_file(), "{file} is missing");
    }
    let cases = read_parquet(&out.join("cases.parquet")).unwrap();
    assert_eq!(cases.rows() as u64, results["cases"]["total"].as_u64().unwrap());
    let gradients = &results["subtypings"]["gradients"];
    let subtypes = gradients["subtypes"].as_u64().unwrap() as usize;
    assert_eq!(gradients["matrix"]["columns"].as_array().unwrap().len(), subtypes + 2);
    assert!(gradients["significance"]["learnability"]["p"].as_f64().unwrap() > 0.0);
    assert!(results["truth"]["gradients"]["ari"].is_f64());
    let model = modelmend_net::Model::read(&out.join("models/gradients-1.onnx")).unwrap();
    let trained = modelmend_net::Model::read(&out.join("models/trained.onnx")).unwrap();
    assert_eq!(model.graph().parameters().len(), trained.graph().parameters().len());
}

/// A study of the same data without fine-tuning that analyses few of its cases.
fn few(study: &Path) {
    let text = std::fs::read_to_string(study).unwrap();
    let text = text.replace("  truth_column", "  at_most: {failures: 40, correct: 60}\n  truth_column");
    let lines = text.lines().filter(|line| !line.starts_with("finetune") && !line.starts_with("statistics"));
    std::fs::write(study, lines.collect::<Vec<_>>().join("\n")).unwrap();
}

#[test]
fn what_is_analysed_is_bounded_and_the_rest_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let study = prepare(folder.path());
    few(&study);
    let out = folder.path().join("out");
    let results: serde_json::Value = serde_json::from_slice(&finish(&study, &out, "2")).unwrap();
    let failures = results["cases"]["failures"].as_u64().unwrap();
    assert_eq!(results["cases"]["total"], 600);
    let note = format!("40 of {failures} failures and 60 of {} right cases are analysed", 600 - failures);
    assert!(results["notes"][0].as_str().unwrap().starts_with(&note), "{}", results["notes"]);
    assert!(std::fs::read_to_string(out.join("report.html")).unwrap().contains(&note));
    let sizes = results["subtypings"]["gradients"]["sizes"].as_array().unwrap();
    assert_eq!(sizes.iter().map(|size| size.as_u64().unwrap()).sum::<u64>(), 40);

    let cases = read_parquet(&out.join("cases.parquet")).unwrap();
    let filled = |name: &str| {
        let column = cases.get(name).unwrap();
        (0..cases.rows()).filter(|&row| column.text_at(row).is_some()).collect::<Vec<_>>()
    };
    assert_eq!((filled("prediction").len(), filled("part").len(), filled("x").len()), (600, 100, 40));
    let wrong = |&row: &usize| cases.get("correct").unwrap().text_at(row).as_deref() == Some("false");
    assert!(filled("subtype").iter().all(wrong), "a right case has a subtype");

    let text = std::fs::read_to_string(&study).unwrap() + "\nrepair: {}\n";
    std::fs::write(&study, text).unwrap();
    let run = command(&study, &out).output().unwrap();
    let error = String::from_utf8_lossy(&run.stderr).into_owned();
    assert!(run.status.code() == Some(2) && error.contains("raise `data.at_most`"), "{error}");
}

#[test]
fn an_estimate_measures_and_runs_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let study = prepare(folder.path());
    let estimate = |study: &Path| {
        let mut run = command(study, &folder.path().join("estimated"));
        run.arg("--estimate").stdout(Stdio::piped()).output().unwrap()
    };
    assert_eq!(estimate(&study).status.code(), Some(2), "a network that is yet to be trained was measured");
    let text = std::fs::read_to_string(&study).unwrap();
    let (head, data) = (text.split("train:").next().unwrap(), text.split("\ndata:").nth(1).unwrap());
    let spec = modelmend_net::architecture::Classifier {
        kind: modelmend_net::architecture::ClassifierKind::VggSmall,
        channels: 3,
        height: 28,
        width: 28,
        classes: 2,
        base: Some(4),
        seed: 1,
    };
    let model = modelmend_net::architecture::classifier(&spec).unwrap();
    model.write(&folder.path().join("model.onnx")).unwrap();
    std::fs::write(&study, format!("{head}model: model.onnx\ndata:{data}")).unwrap();
    let run = estimate(&study);
    let shown = String::from_utf8_lossy(&run.stdout).into_owned();
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    assert!(shown.starts_with("measured on 600 of 600 cases"), "{shown}");
    for step in ["predict", "represent", "embed", "subtype", "finetune", "all", "one core-hour"] {
        assert!(shown.lines().any(|line| line.starts_with(step)), "{step} lacks in\n{shown}");
    }
    assert!(!folder.path().join("estimated").exists());
}

#[test]
fn a_wrong_key_is_named_with_the_nearest() {
    let folder = tempfile::tempdir().unwrap();
    let study = prepare(folder.path());
    let text = std::fs::read_to_string(&study).unwrap().replace("patience:", "patienec:");
    std::fs::write(&study, text).unwrap();
    let run = command(&study, &folder.path().join("out")).output().unwrap();
    let error = String::from_utf8_lossy(&run.stderr).into_owned();
    assert_eq!(run.status.code(), Some(2), "{error}");
    assert!(error.contains("patienec") && error.contains("patience"), "{error}");
}
