//! A whole study on generated data: its files, and what a kill leaves behind.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test fails by panicking and says what it skips"
)]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use modelmend_data::Cases;
use modelmend_data::formats::{Array, Values, read_parquet, write_npz};
use modelmend_data::generate::{Histology, histology};

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

fn split(name: &str, cases: &Cases) -> Vec<(String, Array)> {
    let pixels: Vec<u8> = (0..cases.count()).flat_map(|case| cases.images.rgb8(case).unwrap()).collect();
    let planted = (0..cases.count()).map(|i| cases.metadata["planted"].text_at(i).unwrap()).collect();
    vec![
        (format!("{name}_images"), Array::new(vec![cases.count(), 28, 28, 3], Values::U8(pixels)).unwrap()),
        (
            format!("{name}_labels"),
            Array::new(vec![cases.count()], Values::I64(cases.labels.clone())).unwrap(),
        ),
        (
            format!("{name}_groups"),
            Array::new(vec![cases.count()], Values::Text(cases.groups.clone().unwrap())).unwrap(),
        ),
        (format!("{name}_planted"), Array::new(vec![cases.count()], Values::Text(planted)).unwrap()),
    ]
}

/// Writes data and study into a folder.
fn prepare(folder: &Path) -> PathBuf {
    let set = histology(&Histology { train: 400, validation: 120, deployment: 600, seed: 3 }).unwrap();
    let arrays =
        [split("train", &set.train), split("val", &set.validation), split("deployment", &set.deployment)];
    write_npz(&folder.join("data.npz"), arrays.concat()).unwrap();
    let classes: Vec<String> = set.classes.iter().map(|(c, labels)| format!("{c}: {labels:?}")).collect();
    let study = folder.join("study.yaml");
    std::fs::write(&study, STUDY.replace("{CLASSES}", &format!("{{{}}}", classes.join(", ")))).unwrap();
    study
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
