//! A study of a reconstruction network: its files, the same numbers again, and what is refused.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod slices;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use modelmend_data::formats::{Array, read_npy, write_npy, write_png};
use modelmend_net::{Model, Runtime, Settings, Tensor};
use serde_json::Value;
use slices::{SLICES, run, write_slices};

const STUDY: &str = "
name: signals
seed: 4
runs: 2
task: reconstruction
data:
  generator: jumps
  samples: {train: 96, validation: 30, test: 12}
  length: 64
  noise: [0.02, 0.05, 0.2]
train:
  architecture: conv1d
  channels: 2
  optimizer: {name: adam, learning_rate: 2.0e-3}
  batch_size: 16
  epochs: 6
uncertainty:
  - {method: inn, epochs: 4, learning_rate: 1.0e-3, beta: auto, layers: last 4}
  - {method: mcdropout, passes: 6}
  - {method: probout, steps: 20}
  - {method: ensemble, members: 2, epochs: 5}
  - {method: tta}
  - {method: gradient}
  - {method: error, steps: 20}
conformal: {level: 0.9}
output: out
";

/// The results without measured times.
fn results(folder: &Path, out: &str) -> Value {
    let text = std::fs::read_to_string(folder.join(out).join("results.json")).unwrap();
    let mut value: Value = serde_json::from_str(&text).unwrap();
    for method in value["uncertainty"].as_object_mut().unwrap().values_mut() {
        assert!(method.as_object_mut().unwrap().remove("seconds_per_image").is_some());
    }
    value
}

#[test]
fn a_study_of_signals_leaves_its_files_and_the_same_numbers_again() {
    let folder = tempfile::tempdir().unwrap();
    let done = run(folder.path(), STUDY, &["--threads", "1"]);
    assert_eq!(done.status.code(), Some(0), "{}", String::from_utf8_lossy(&done.stderr));
    let found = results(folder.path(), "out");
    for method in ["inn", "mcdropout", "probout", "ensemble", "tta", "gradient", "error"] {
        let score = &found["uncertainty"][method];
        assert_eq!(score["pearson"]["values"].as_array().unwrap().len(), 2, "{method}: {score}");
        let coverage = score["calibrated_coverage"]["mean"].as_f64().unwrap();
        assert!((coverage - 0.9).abs() < 0.08, "{method}: {coverage}");
        assert!(found["stress"]["noise-0.2"][method]["pearson"]["mean"].is_number());
        assert!(found["stress"]["noise-0.2"][method]["mean_u"]["mean"].as_f64().unwrap() > 0.0);
    }
    assert!(found["uncertainty"]["inn"]["coverage"]["mean"].as_f64().unwrap() > 0.1);
    assert!(
        (0.0..=1.0).contains(&found["uncertainty"]["inn"]["direction_accuracy"]["mean"].as_f64().unwrap())
    );
    let page = std::fs::read_to_string(folder.path().join("out/report.html")).unwrap();
    assert!(page.contains("Which output to distrust") && page.contains("Monte Carlo dropout"));
    // Again, from nothing, on two threads: the same numbers.
    let out = folder.path().join("again");
    let arguments = ["--threads", "2", "--out", out.to_str().unwrap(), "--cache"];
    let cache = folder.path().join("other-cache");
    let done = run(folder.path(), STUDY, &[&arguments[..], &[cache.to_str().unwrap()]].concat());
    assert_eq!(done.status.code(), Some(0));
    assert_eq!(results(folder.path(), "again"), found);
    let figures = figures(&folder.path().join("out/figures"));
    for name in
        ["example-1-signal", "example-6-probout", "density-inn", "sparsification", "coverage", "quantiles"]
    {
        assert!(figures.contains_key(&format!("uncertainty-{name}.svg")), "{name} in {:?}", figures.keys());
    }
    assert_eq!(figures, self::figures(&out.join("figures")));
    encloses(&folder.path().join("out/models"));
    everything_is_in_the_results(&found);
    maps_are_calibrated(folder.path());
}

/// What METHODS 2.4 measures is there for every run, with its interval.
fn everything_is_in_the_results(found: &Value) {
    let number = |value: &Value| value["mean"].as_f64().unwrap();
    for (name, score) in found["uncertainty"].as_object().unwrap() {
        for measure in
            ["pearson", "cosine", "pwcc", "mse", "mean_u", "ause", "aurc", "augrc", "calibrated_coverage"]
        {
            let [lo, hi] = [0, 1].map(|end| number(&score["intervals"][measure][end]));
            let value = number(&score[measure]);
            assert!(lo <= value && value <= hi, "{name} {measure}: {lo} {value} {hi}");
            assert_eq!(score["intervals"][measure][0]["values"].as_array().unwrap().len(), 2);
        }
        assert_eq!(score["calibration"]["promise"], "mean", "{name}");
        assert_eq!(number(&score["calibration"]["units"]), 30.0);
        assert!(number(&score["noise_spearman"]).abs() <= 1.0, "{name}");
        let places = |key: &str| {
            let places = &score[key];
            let inside: f64 = places["inside"].as_array().unwrap().iter().map(number).sum();
            (inside, number(&places["below"]) + inside + number(&places["above"]))
        };
        let (inside, all) = places("calibrated_placement");
        assert!((all - 1.0).abs() < 1e-9 && (inside - number(&score["calibrated_coverage"])).abs() < 1e-9);
        assert_eq!(score["markov"].is_object(), name == "inn");
    }
    let inn = &found["uncertainty"]["inn"];
    let coverage = |t: &str| number(&inn["markov"][t]["coverage"]);
    assert!(number(&inn["coverage"]) <= coverage("2") && coverage("2") <= coverage("10"));
    let wider = number(&inn["markov"]["10"]["width"]) - number(&inn["markov"]["2"]["width"]);
    assert!(wider > 0.0 && (number(&inn["markov"]["5"]["promised"]) - 0.8).abs() < 1e-12);
    let at = |ratio: &str| number(&inn["direction"][ratio]["participating"]);
    assert!(at("1") >= at("1.25") && at("1.25") >= at("2"));
    assert!(inn["placement"]["below"]["mean"].is_number());
    assert!(found["stress"]["noise-0.2"]["inn"]["intervals"]["mean_u"][1]["mean"].is_number());
}

/// Images of one's own: the study's networks, its calibration, and the intervals that follow from it.
fn maps_are_calibrated(folder: &Path) {
    let signals: Vec<f32> = (0..2 * 64).map(|i| (i / 16) as f32 / 8.0).collect();
    let input = folder.join("x.npy");
    write_npy(&input, &Array::new(vec![2, 1, 64], signals.into()).unwrap()).unwrap();
    let ask = |model: &Path, arguments: &[&str]| {
        let done = Command::new(env!("CARGO_BIN_EXE_modelmend"))
            .arg("uncertainty")
            .args([model, &input])
            .args(arguments)
            .output()
            .unwrap();
        let text =
            [done.stdout, done.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat();
        (done.status.code(), text)
    };
    let out = folder.join("out");
    let (code, text) = ask(&out, &[]);
    assert_eq!(code, Some(0), "{text}");
    let file = std::fs::read_to_string(out.join("models/calibration.json")).unwrap();
    let file: Value = serde_json::from_str(&file).unwrap();
    let floats =
        |name: String| read_npy(&folder.join("x.uncertainty").join(name)).unwrap().into_f32().unwrap();
    for method in ["inn", "mcdropout", "probout", "ensemble", "error"] {
        assert!(text.contains(&format!("{method}: calibrated by")), "{method}: {text}");
        let entry = &file["methods"][method];
        let scale = |half: f64| entry["lambda"].as_f64().unwrap() * (half + entry["floor"].as_f64().unwrap());
        let u = floats(format!("0.{method}.u.npy"));
        let [lo, hi] = ["lo", "hi"].map(|end| floats(format!("0.{method}.calibrated.{end}.npy")));
        for ((u, lo), hi) in u.iter().zip(&lo).zip(&hi) {
            // The two halves of an interval network add up to its u, those of others are u each.
            let halves =
                if method == "inn" { scale(f64::from(*u)) + scale(0.0) } else { 2.0 * scale(f64::from(*u)) };
            assert!((f64::from(hi - lo) - halves).abs() < 1e-4, "{method}: {lo} {hi} for {halves}");
        }
    }
    // A single file beside its calibration; other passes, and another network, are no longer what was calibrated.
    let models = out.join("models");
    assert!(ask(&models.join("inn.onnx"), &[]).1.contains("inn: calibrated by"));
    let trained = models.join("trained.onnx");
    assert!(ask(&trained, &["--passes", "9"]).1.contains("mcdropout: not calibrated"));
    let tta = ask(&trained, &["--method", "tta,gradient"]).1;
    assert!(tta.contains("tta: calibrated by") && tta.contains("gradient: calibrated by"), "{tta}");
    let named = ["--calibration", models.join("calibration.json").to_str().unwrap()].map(str::to_owned);
    let (code, text) = ask(&models.join("ensemble-2.onnx"), &[&named[0], &named[1]]);
    assert!(code == Some(2) && text.contains("other networks"), "{text}");
}

/// The figures of a report by name.
fn figures(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let file = |entry: std::io::Result<std::fs::DirEntry>| {
        let path = entry.unwrap().path();
        (path.file_name().unwrap().to_string_lossy().into_owned(), std::fs::read(&path).unwrap())
    };
    std::fs::read_dir(folder).unwrap().map(file).collect()
}

/// The files that are written: the interval network holds what the trained network says.
fn encloses(models: &Path) {
    let [trained, inn] = ["trained.onnx", "inn.onnx"].map(|name| Model::read(&models.join(name)).unwrap());
    let input = Tensor::new([1, 1, 64], (0..64).map(|i| (i / 16) as f32 / 4.0).collect()).unwrap();
    let run = |model: &Model| {
        let runtime = Runtime::<f32>::new(model.graph().clone());
        runtime.forward(model.parameters(), std::slice::from_ref(&input), Settings::default()).unwrap()
    };
    let (plain, bounds) = (run(&trained), run(&inn));
    let ends = bounds[1].data().iter().zip(plain[0].data()).zip(bounds[2].data());
    assert!(ends.clone().all(|((lo, y), hi)| lo <= y && y <= hi));
    assert!(ends.clone().any(|((lo, _), hi)| lo < hi));
    let second = Model::read(&models.join("ensemble-2.onnx")).unwrap();
    assert_ne!(run(&second)[0].data(), plain[0].data());
}

/// Networks that the user brings join the trained one; a file that is not there is named.
#[test]
fn an_ensemble_of_given_networks() {
    let folder = tempfile::tempdir().unwrap();
    let quick =
        STUDY.replace("runs: 2", "runs: 1").replace("epochs: 6", "steps: 4").replace("output: out", "");
    let (head, _) = quick.split_once("uncertainty:").unwrap();
    let done =
        run(folder.path(), &format!("{head}uncertainty: [{{method: tta}}]\noutput: first"), &["--quiet"]);
    assert_eq!(done.status.code(), Some(0), "{}", String::from_utf8_lossy(&done.stderr));
    let asks =
        |models: &str| format!("{head}uncertainty: [{{method: ensemble, models: [{models}]}}]\noutput: out");
    let again = asks("first/models/trained.onnx");
    let done = run(folder.path(), &again, &["--quiet"]);
    assert_eq!(done.status.code(), Some(0), "{}", String::from_utf8_lossy(&done.stderr));
    // The same network twice is of one mind.
    assert_eq!(results(folder.path(), "out")["uncertainty"]["ensemble"]["pearson"]["mean"].as_f64(), None);
    let done = run(folder.path(), &asks("gone.onnx"), &["--quiet"]);
    assert!(String::from_utf8_lossy(&done.stderr).contains("gone.onnx"));
    assert_eq!(done.status.code(), Some(2));
}

#[test]
fn what_is_not_built_is_refused_in_a_line() {
    let folder = tempfile::tempdir().unwrap();
    for (from, to, said) in [
        (
            "conformal:",
            "stress: [{test: adversarial, shape: disc, size: 9, bound_sinogram: 0.1}]\nconformal:",
            "bound_sinogram",
        ),
        ("conformal:", "stress: [{test: metal}]\nconformal:", "stress[0]"),
        ("architecture: conv1d", "architecture: unet", "train.architecture"),
        ("train: 96", "train: 0.5", "data.samples"),
        ("layers: last 4", "layers: [nobody]", "nobody"),
    ] {
        let done = run(folder.path(), &STUDY.replace(from, to), &["--quiet"]);
        let text = String::from_utf8_lossy(&done.stderr).into_owned();
        assert_eq!(done.status.code(), Some(2), "{text}");
        assert!(text.contains(said) && text.lines().count() <= 2, "{text}");
    }
}

const PHOTOGRAPHS: &str = "
name: photographs
seed: 3
task: reconstruction
data: {images: pictures, grey: true, patch: {size: 12, stride: 4}, noise: {gaussian: 25}, split: {train: 4, validation: 2, test: 2}}
train:
  architecture: dncnn
  channels: 8
  depth: 4
  optimizer: {name: adam, learning_rate: 3.0e-3}
  batch_size: 16
  steps: 60
uncertainty:
  - {method: inn, steps: 40, learning_rate: 1.0e-3, beta: auto, layers: last 4}
  - {method: mcdropout, passes: 4}
conformal: {level: 0.9, delta: 0.1}
output: out
";

/// Photographs have a noise study as signals have, and two of them promise nothing.
#[test]
fn a_study_of_photographs_has_a_noise_study() {
    let folder = tempfile::tempdir().unwrap();
    for picture in 0..8usize {
        let value = |at: usize| (((at % 32) * (picture + 2) / 3 + at / 32 * 5) % 200) as u8;
        let rgb: Vec<u8> = (0..32 * 32).flat_map(|at| [value(at); 3]).collect();
        write_png(&folder.path().join(format!("pictures/{picture}.png")), [32, 32], &rgb).unwrap();
    }
    let done = run(folder.path(), PHOTOGRAPHS, &["--quiet"]);
    assert_eq!(done.status.code(), Some(0), "{}", String::from_utf8_lossy(&done.stderr));
    let found = results(folder.path(), "out");
    let levels: Vec<&String> = found["stress"].as_object().unwrap().keys().collect();
    assert_eq!(levels, ["noise-10", "noise-17.5", "noise-25", "noise-35", "noise-50"]);
    for method in ["inn", "mcdropout"] {
        let score = &found["uncertainty"][method];
        // The level of the study is the study.
        assert_eq!(found["stress"]["noise-25"][method]["mean_u"], score["mean_u"], "{method}");
        assert!(score["noise_spearman"].as_f64().is_some(), "{score}");
        let calibration = &score["calibration"];
        assert_eq!((&calibration["promise"], &calibration["units"]), (&"nothing".into(), &2.into()));
        assert_eq!(calibration["delta"], 0.1);
    }
    let page = std::fs::read_to_string(folder.path().join("out/report.html")).unwrap();
    assert!(page.contains("standard deviation of the noise, of 255"));
    assert!(page.contains("2 items are too few for 90"));
}

#[test]
fn a_study_of_slices_trains_a_network_that_sees_more_than_back_projection() {
    let folder = tempfile::tempdir().unwrap();
    write_slices(&folder.path().join("slices.npz"));
    let done = run(folder.path(), SLICES, &["--quiet"]);
    assert_eq!(done.status.code(), Some(0), "{}", String::from_utf8_lossy(&done.stderr));
    let found = results(folder.path(), "out");
    for method in ["inn", "mcdropout", "mcdropout-2", "probout"] {
        assert!(found["uncertainty"][method]["pearson"].is_number(), "{method}");
    }
    // Four slices of two patients: patients are what a promise is about.
    assert_eq!(found["uncertainty"]["inn"]["calibration"]["units"], 2);
    // What the network leaves is less than what back-projection left: the page says both.
    let page = std::fs::read_to_string(folder.path().join("out/report.html")).unwrap();
    assert!(
        page.contains("what goes into the network") && page.contains("total variation"),
        "no signal-to-noise ratio on the page"
    );
    for (from, to, said) in [
        ("size: 32", "size: 30", "must divide"),
        ("depth: 3", "depth: 9", "train.depth"),
        ("by: patient", "by: day", "data.split.by"),
    ] {
        let done = run(folder.path(), &SLICES.replace(from, to), &["--quiet"]);
        let text = String::from_utf8_lossy(&done.stderr).into_owned();
        assert_eq!(done.status.code(), Some(2), "{text}");
        assert!(text.contains(said) && text.lines().count() <= 2, "{said}: {text}");
    }
}

const FAILURES: &str = "
name: regions
seed: 4
runs: 2
task: reconstruction
data:
  source: slices.npz
  size: 32
  window: [-1000, 1000]
  split: {train: 0.5, validation: 0.2, test: 0.3, by: patient}
  physics: {operator: radon, angles: 60, missing_wedge: 30, filter: ramp}
train:
  architecture: unet
  channels: 4
  depth: 2
  optimizer: {name: adam, learning_rate: 3.0e-3}
  batch_size: 4
  epochs: 4
failures:
  edge: 8
  share: 0.25
  subtype: {projection: 10, scaling: unit, clustering: {k: [2, 3], select: silhouette}}
  finetune: {learning_rate: 1.0e-3, epochs: 3, batch_size: 8}
  statistics: {bootstrap: 100}
output: out
";

/// Kinds of failure of a reconstruction network: the files and the page of classification, of the first run alone.
#[test]
fn a_study_of_failing_regions_has_subtypes_matrix_and_page() {
    let folder = tempfile::tempdir().unwrap();
    write_slices(&folder.path().join("slices.npz"));
    let done = run(folder.path(), FAILURES, &["--threads", "1"]);
    assert_eq!(done.status.code(), Some(0), "{}", String::from_utf8_lossy(&done.stderr));
    let out = folder.path().join("out");
    let read = |name: &str| std::fs::read_to_string(out.join(name)).unwrap();
    let found: Value = serde_json::from_str(&read("results.json")).unwrap();
    // 10 slices of 16 regions, a quarter of which fail.
    assert_eq!(found["cases"]["total"]["values"], serde_json::json!([160, 160]));
    assert_eq!(found["cases"]["failures"]["mean"], 40.0);
    let subtyping = &found["subtypings"]["gradients"];
    let kinds = subtyping["subtypes"]["mean"].as_f64().unwrap() as usize;
    let sizes: Vec<f64> =
        subtyping["sizes"].as_array().unwrap().iter().map(|s| s["mean"].as_f64().unwrap()).collect();
    assert_eq!((sizes.len(), sizes.iter().sum::<f64>()), (kinds, 40.0));
    assert_eq!(subtyping["sizes"][0]["values"][1], Value::Null, "the second run looked as well");
    for measure in ["learnability", "independence", "compatibility"] {
        assert!(subtyping[measure]["mean"]["mean"].is_number(), "{measure}: {subtyping}");
    }
    let rows: Vec<String> =
        (1..=kinds).map(|k| k.to_string()).chain(["all", "none"].map(str::to_owned)).collect();
    assert_eq!(subtyping["matrix"]["rows"], serde_json::json!(rows));
    let matrix = read("matrices/gradients.csv");
    // The unmodified network is right on no failure and on every other region.
    let none: Vec<&str> = matrix.lines().find(|line| line.starts_with("none,")).unwrap().split(',').collect();
    assert!(none[1..=kinds].iter().all(|v| *v == "0" || v.is_empty()) && none[kinds + 1] == "1", "{matrix}");
    assert!(out.join("models/gradients-1.onnx").is_file() && out.join("cases.parquet").is_file());
    let page = read("report.html");
    assert!(
        page.contains("regions of about 8 x 8 pixels of 10 items") && page.contains("Map of the failures")
    );
    assert!(page.contains("mean of the target") && page.contains(", row 0, column "), "no metadata");
    assert!(!page.contains("class 0") && !page.contains("NaN"));
    // Again, from nothing, on two threads: the same numbers.
    let again = folder.path().join("again");
    let cache = folder.path().join("other-cache");
    let arguments = ["--threads", "2", "--out", again.to_str().unwrap(), "--cache", cache.to_str().unwrap()];
    assert_eq!(run(folder.path(), FAILURES, &arguments).status.code(), Some(0));
    assert_eq!(std::fs::read_to_string(again.join("results.json")).unwrap(), read("results.json"));
    // What cannot be divided is said.
    let few = FAILURES.replace("edge: 8", "edge: 32").replace("share: 0.25", "share: 0.3");
    let done = run(folder.path(), &few, &["--quiet"]);
    assert!(String::from_utf8_lossy(&done.stderr).contains("too few to look for subtypes"));
}
