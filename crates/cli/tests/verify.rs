//! `modelmend verify`: the gate for models that somebody else repaired.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test fails by panicking and says what it skips"
)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use modelmend_data::formats::{Array, Values, write_npz};
use modelmend_net::graph::Dim;
use modelmend_net::onnx::Builder;
use modelmend_net::tensor::DType;
use modelmend_net::{Model, Tensor};

const COUNT: usize = 2000;
/// From this brightness on a case is of class 1.
const BRIGHT: u8 = 100;

/// A file among the reference data, or `None` (said loudly) where it is not there.
fn shared(path: &str) -> Option<PathBuf> {
    let shared = std::env::var("MODELMEND_SHARED")
        .map_or_else(|_| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared"), PathBuf::from);
    let path = shared.join(path);
    if path.exists() {
        return Some(path);
    }
    eprintln!("SKIPPED: {} is not there; set MODELMEND_SHARED", path.display());
    None
}

fn verify(before: &Path, after: &Path, data: &Path, more: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_modelmend"));
    command.arg("verify").arg(before).arg(after).arg(data).args(more).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Says class 1 from a brightness of the first pixel on; `pixels` is the width of the image.
fn threshold(folder: &Path, name: &str, brightness: f32, pixels: usize) -> PathBuf {
    let mut builder = Builder::new("threshold");
    let dims = [Dim::Free("batch".to_owned()), Dim::Fixed(1), Dim::Fixed(1), Dim::Fixed(pixels)];
    builder.input("image", DType::Float, &dims);
    let mut weight = vec![0.0; 2 * pixels];
    weight[1] = 0.5;
    builder.weight("weight", &Tensor::new([pixels, 2], weight).unwrap());
    builder.weight("bias", &Tensor::new([2], vec![0.0, -0.5 * brightness]).unwrap());
    let flat = builder.node("Flatten", Vec::new(), &["image"]);
    let logits = builder.node("Gemm", Vec::new(), &[&flat, "weight", "bias"]);
    builder.output(&logits, DType::Float, None);
    let path = folder.join(name);
    Model::from_proto(builder.finish(17)).unwrap().write(&path).unwrap();
    path
}

/// Cases of all brightnesses but those next to the threshold, with a scanner each.
fn cases(folder: &Path) -> PathBuf {
    let brightness = |case: usize| {
        let value = (case * 37 % 200) as u8;
        if value.abs_diff(BRIGHT) < 5 { value + 20 } else { value }
    };
    let images: Vec<u8> = (0..COUNT).flat_map(|case| [brightness(case), (case % 256) as u8]).collect();
    let labels = (0..COUNT).map(|case| i64::from(brightness(case) >= BRIGHT)).collect();
    let scanners = (0..COUNT).map(|case| if case < COUNT / 2 { "A" } else { "B" }.to_owned()).collect();
    let path = folder.join("cases.npz");
    let array = |shape: &[usize], values| Array::new(shape.to_vec(), values).unwrap();
    let arrays = [
        ("test_images", array(&[COUNT, 1, 2], Values::U8(images))),
        ("test_labels", array(&[COUNT], Values::I64(labels))),
        ("test_scanner", array(&[COUNT], Values::Text(scanners))),
    ];
    write_npz(&path, arrays).unwrap();
    path
}

#[test]
fn a_repair_is_accepted_and_its_reverse_refused() {
    let folder = tempfile::tempdir().unwrap();
    let data = cases(folder.path());
    let failing = threshold(folder.path(), "failing.onnx", 140.0, 2);
    let repaired = threshold(folder.path(), "repaired.onnx", f32::from(BRIGHT) - 0.5, 2);
    let run = verify(&failing, &repaired, &data, &[]);
    let shown = text(&run.stdout);
    assert_eq!(run.status.code(), Some(0), "{shown}{}", text(&run.stderr));
    assert!(shown.contains("weights only: the values of 1 of 2 tensors"), "{shown}");
    assert!(shown.ends_with("accepted\n"), "{shown}");
    let run = verify(&repaired, &failing, &data, &["--json"]);
    assert_eq!(run.status.code(), Some(3), "{}", text(&run.stderr));
    let json: serde_json::Value = serde_json::from_slice(&run.stdout).unwrap();
    assert_eq!((json["cases"].as_u64(), json["targets"].as_u64()), (Some(2000), Some(0)));
    let criteria = json["verdict"]["criteria"].as_array().unwrap();
    let passed: Vec<bool> = criteria.iter().map(|c| c["passed"].as_bool().unwrap()).collect();
    assert_eq!(passed, [false; 5], "{json:#}");
    assert_eq!(json["difference"]["detail"]["changed"][0], "bias");
}

#[test]
fn the_target_can_be_a_metadata_value() {
    let folder = tempfile::tempdir().unwrap();
    let data = cases(folder.path());
    let failing = threshold(folder.path(), "failing.onnx", 140.0, 2);
    let repaired = threshold(folder.path(), "repaired.onnx", f32::from(BRIGHT) - 0.5, 2);
    let targets = |more: &[&str]| {
        let run = verify(&failing, &repaired, &data, &[&["--json"], more].concat());
        let json: serde_json::Value = serde_json::from_slice(&run.stdout).unwrap();
        json["targets"].as_u64().unwrap()
    };
    let (all, some) = (targets(&[]), targets(&["--target-column", "scanner=A"]));
    assert!(0 < some && some < all, "{some} of {all}");
}

#[test]
fn what_does_not_fit_gives_two_clear_lines_at_most_and_exit_code_2() {
    let folder = tempfile::tempdir().unwrap();
    let data = cases(folder.path());
    let model = threshold(folder.path(), "model.onnx", 140.0, 2);
    let wider = threshold(folder.path(), "wider.onnx", 140.0, 3);
    let text_file = folder.path().join("text.onnx");
    std::fs::write(&text_file, "no model").unwrap();
    let study = folder.path().join("study.yaml");
    std::fs::write(&study, "task: classification\nname: x\ndata: {surce: cases.npz}\n").unwrap();
    let gone = folder.path().join("gone.npz");
    let wrong: [(&Path, &Path, &[&str], &str); 8] = [
        (&wider, &data, &[], "wider.onnx: cannot stand in"),
        (&text_file, &data, &[], "text.onnx"),
        (&model, &gone, &[], "gone.npz"),
        (&model, &text_file, &[], "text.onnx"),
        (&model, &study, &[], "surce"),
        (&model, &data, &["--split", "tset"], "tset"),
        (&model, &data, &["--target-column", "scaner=A"], "scanner"),
        (&model, &data, &["--target-column", "scanner=Z"], "scanner = Z"),
    ];
    for (after, data, more, part) in wrong {
        let run = verify(&model, after, data, more);
        let error = text(&run.stderr);
        assert_eq!(run.status.code(), Some(2), "{part}: {error}");
        assert!((1..=2).contains(&error.trim_end().lines().count()), "{part}: {error}");
        assert!(error.contains(part), "{part}: {error}");
        assert!(run.stdout.is_empty(), "{part}");
    }
}

/// A model is no repair of itself: nothing improves, and nothing else is held against it.
#[test]
fn a_real_model_is_no_repair_of_itself() {
    let Some(model) = shared("models/rbc12_vgg.onnx") else { return };
    let Some(study) = shared("studies/rbc12_repair.yaml") else { return };
    let run = verify(&model, &model, &study, &[]);
    let shown = text(&run.stdout);
    assert_eq!(run.status.code(), Some(3), "{shown}{}", text(&run.stderr));
    assert!(shown.contains("5495 cases") && shown.contains("204 groups"), "{shown}");
    assert!(shown.contains("differ in nothing"), "{shown}");
    let refused: Vec<&str> =
        shown.lines().skip_while(|l| *l != "refused").skip(1).filter_map(|l| l.split(':').next()).collect();
    assert_eq!(refused, ["  target", "  all"], "{shown}");
    // Another epoch of the same training has other weights in the same graph.
    let Some(other) = shared("models/rbc12_vgg_checkpoints/epoch_004.onnx") else { return };
    let shown = text(&verify(&model, &other, &study, &[]).stdout);
    assert!(shown.contains("differ in weights only"), "{shown}");
}
