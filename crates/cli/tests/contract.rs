//! The commands that scripts rely on, run as a user runs them.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test fails by panicking and says what it skips"
)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use modelmend_data::formats::{Array, read_npz};

fn modelmend(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_modelmend")).args(arguments).output().unwrap()
}

/// The reference vectors, or `None` (said loudly) where they are not there.
fn reference(path: &str) -> Option<PathBuf> {
    let shared = std::env::var("MODELMEND_SHARED")
        .map_or_else(|_| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared"), PathBuf::from);
    let path = shared.join("reference").join(path);
    if path.exists() {
        return Some(path);
    }
    eprintln!("SKIPPED: {} is not there; set MODELMEND_SHARED", path.display());
    None
}

fn floats(array: &Array) -> Vec<f32> {
    array.clone().into_f32().unwrap()
}

fn assert_close(name: &str, ours: &Array, theirs: &Array, tolerance: f32) {
    assert_eq!(ours.shape(), theirs.shape(), "{name}");
    let (ours, theirs) = (floats(ours), floats(theirs));
    let scale = theirs.iter().fold(0f32, |m, v| m.max(v.abs()));
    let worst = ours.iter().zip(&theirs).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(worst <= tolerance * scale + 1e-6, "{name}: off by {worst}, largest value {scale}");
}

#[test]
fn predictions_match_the_reference() {
    let Some(folder) = reference("models") else { return };
    let out = tempfile::tempdir().unwrap();
    for name in ["vgg_small", "unet_small", "conv1d_net"] {
        let (model, data) = (folder.join(format!("{name}.onnx")), folder.join(format!("{name}.npz")));
        let result = out.path().join("y.npz");
        let run = modelmend(&[
            "predict",
            model.to_str().unwrap(),
            data.to_str().unwrap(),
            "--out",
            result.to_str().unwrap(),
        ]);
        assert!(run.status.success(), "{name}: {}", String::from_utf8_lossy(&run.stderr));
        let (ours, theirs) = (read_npz(&result).unwrap(), read_npz(&data).unwrap());
        for (output, array) in &ours {
            assert_close(output, array, &theirs[output], 1e-5);
        }
    }
}

#[test]
fn per_sample_gradients_match_the_reference() {
    let Some(folder) = reference("models") else { return };
    let out = tempfile::tempdir().unwrap();
    let result = out.path().join("g.npz");
    let data = folder.join("dncnn_small.npz");
    let model = folder.join("dncnn_small.onnx");
    let arguments = [
        "gradients",
        model.to_str().unwrap(),
        data.to_str().unwrap(),
        "--loss",
        "mse",
        "--target",
        "target",
        "--out",
    ];
    let run = modelmend(&[&arguments[..], &[result.to_str().unwrap()]].concat());
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    let (ours, theirs) = (read_npz(&result).unwrap(), read_npz(&data).unwrap());
    assert_close("loss", &ours["loss"], &theirs["loss"], 1e-5);
    let parameters: Vec<&String> = ours.keys().filter(|k| k.starts_with("grad/")).collect();
    assert_eq!(parameters.len(), 16);
    for name in parameters {
        assert_close(name, &ours[name], &theirs[&name.replacen('/', ".", 1)], 1e-4);
    }
}

#[test]
fn projected_gradients_have_the_asked_width_and_follow_the_seed() {
    let Some(folder) = reference("models") else { return };
    let out = tempfile::tempdir().unwrap();
    let run = |seed: &str, file: &str| {
        let result = out.path().join(file);
        let (model, data) = (folder.join("vgg_small.onnx"), folder.join("vgg_small.npz"));
        let run = modelmend(&[
            "gradients",
            model.to_str().unwrap(),
            data.to_str().unwrap(),
            "--loss",
            "cross-entropy",
            "--target",
            "label",
            "--project",
            "16",
            "--seed",
            seed,
            "--out",
            result.to_str().unwrap(),
        ]);
        assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
        read_npz(&result).unwrap()
    };
    let (a, b, c) = (run("1", "a.npz"), run("1", "b.npz"), run("2", "c.npz"));
    assert_eq!(a["grad/model.8.weight"].shape(), [4, 16]);
    assert_eq!(a, b);
    assert_ne!(a["grad/model.8.weight"], c["grad/model.8.weight"]);
}

#[test]
fn intervals_hold_the_prediction() {
    let Some(folder) = reference("models") else { return };
    let out = tempfile::tempdir().unwrap();
    let (model, data) = (folder.join("conv1d_net.onnx"), folder.join("conv1d_net.npz"));
    let result = out.path().join("b.npz");
    let run = modelmend(&[
        "intervals",
        model.to_str().unwrap(),
        data.to_str().unwrap(),
        "--radius",
        "0.1",
        "--out",
        result.to_str().unwrap(),
    ]);
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    let (bounds, truth) = (read_npz(&result).unwrap(), read_npz(&data).unwrap());
    let (lo, hi, y) = (floats(&bounds["y/lo"]), floats(&bounds["y/hi"]), floats(&truth["y"]));
    assert!(lo.iter().zip(&hi).zip(&y).all(|((lo, hi), y)| lo < y && y < hi));
}

#[test]
fn hostile_files_give_one_clear_line_and_exit_code_2() {
    let Some(folder) = reference("onnx_bad") else { return };
    let text = std::fs::read_to_string(folder.join("expected.json")).unwrap();
    let cases: Vec<serde_json::Value> = serde_json::from_str(&text).unwrap();
    assert!(cases.len() > 20);
    let out = tempfile::tempdir().unwrap();
    let result = out.path().join("out.npz");
    let good = folder.join("good_control.onnx");
    for case in cases {
        let name = case["file"].as_str().unwrap();
        let file = folder.join(name);
        let run = if case["kind"] == "onnx" {
            modelmend(&["inspect", file.to_str().unwrap()])
        } else {
            modelmend(&[
                "predict",
                good.to_str().unwrap(),
                file.to_str().unwrap(),
                "--out",
                result.to_str().unwrap(),
            ])
        };
        let error = String::from_utf8_lossy(&run.stderr).into_owned();
        if case["expect"] == "ok" {
            assert!(run.status.success(), "{name}: {error}");
            let _ = std::fs::remove_file(&result);
            continue;
        }
        assert_eq!(run.status.code(), Some(2), "{name}: {error}");
        assert!((1..=2).contains(&error.trim_end().lines().count()), "{name}: {error}");
        assert!(error.contains(name), "{name} is not named: {error}");
        assert!(!result.exists(), "{name}: a file was written");
    }
}

#[test]
fn inspect_ops_and_schema_answer() {
    let ops = modelmend(&["ops"]);
    assert!(String::from_utf8_lossy(&ops.stdout).contains("ConvTranspose"));
    let schema = modelmend(&["schema"]);
    let schema: serde_json::Value = serde_json::from_slice(&schema.stdout).unwrap();
    assert!(schema.to_string().contains("keep_correct"));
    let Some(folder) = reference("models") else { return };
    let model = folder.join("vgg_small.onnx");
    let shown = modelmend(&["inspect", model.to_str().unwrap()]);
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    assert!(shown.contains("1075426 parameters") && shown.contains("MaxPool"), "{shown}");
}
