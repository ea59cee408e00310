//! Hostile files: each gives an error that says what is wrong, and no bytes whatever make the reader panic or take
//! memory without bound.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "tests stop at the first surprise"
)]

mod allocator;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use allocator::{alone, measured};
use modelmend_net::exec::Plan;
use modelmend_net::graph::Dim;
use modelmend_net::loss::MeanSquaredError;
use modelmend_net::onnx::proto::{ModelProto, TensorProto};
use modelmend_net::ops::TABLE;
use modelmend_net::{Model, Runtime, Settings, Tensor};
use proptest::prelude::*;
use proptest::test_runner::{RngAlgorithm, TestRng, TestRunner};

const MEBIBYTE: usize = 1 << 20;

fn folder() -> Option<PathBuf> {
    let shared = std::env::var("MODELMEND_SHARED")
        .unwrap_or_else(|_| concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared").to_owned());
    let folder = PathBuf::from(shared).join("reference/onnx_bad");
    if folder.is_dir() {
        return Some(folder);
    }
    eprintln!("SKIPPED: no hostile files at {} (set MODELMEND_SHARED)", folder.display());
    None
}

/// What the error of each file must mention, all of it.
const MENTIONS: [(&str, &[&str]); 14] = [
    ("truncated.onnx", &["truncated", "invalid protobuf"]),
    ("empty.onnx", &["empty file"]),
    ("not_protobuf.onnx", &["not an ONNX file"]),
    ("conv_channel_mismatch.onnx", &["conv0", "channels", "5", "3"]),
    ("unknown_op.onnx", &["FrobnicateV2"]),
    ("cycle.onnx", &["cycle", "n1", "n2"]),
    ("huge_dims.onnx", &["`w`", "size mismatch"]),
    ("external_path_traversal.onnx", &["external data path", "escapes the model directory"]),
    ("nan_weights.onnx", &["`w`", "contains NaN"]),
    ("undefined_input.onnx", &["missing_weight"]),
    ("raw_data_short.onnx", &["`w`", "byte length"]),
    ("zero_size_weight.onnx", &["zero-size"]),
    ("opset_99.onnx", &["opset 99", "unsupported"]),
    ("good_control.onnx", &[]),
];

#[test]
fn every_bad_file_is_refused_with_its_cause() {
    let Some(folder) = folder() else { return };
    let text = std::fs::read_to_string(folder.join("expected.json")).expect("the list of files");
    let list: Vec<serde_json::Value> = serde_json::from_str(&text).expect("a list");
    let models = list.iter().filter(|e| e["kind"] == "onnx");
    let _alone = alone();
    let mut seen = 0;
    for entry in models {
        let file = entry["file"].as_str().expect("a name");
        let path = folder.join(file);
        let started = Instant::now();
        let (result, memory) = measured(|| Model::read(&path));
        assert!(started.elapsed() < Duration::from_secs(2), "{file}: slow");
        assert!(memory < 100 * MEBIBYTE, "{file}: {} MiB", memory / MEBIBYTE);
        let mentions = MENTIONS.iter().find(|(name, _)| *name == file);
        let (_, mentions) = mentions.unwrap_or_else(|| panic!("{file} is not in the table of this test"));
        match (entry["expect"] == "ok", result) {
            (true, Ok(_)) => {}
            (true, Err(e)) => panic!("{file}: {e}"),
            (false, Ok(_)) => panic!("{file} was accepted"),
            (false, Err(e)) => {
                let message = e.to_string();
                assert!(message.contains(file), "{message}: does not name {file}");
                assert!(message.lines().count() == 1, "{message}: more than a line");
                for word in *mentions {
                    assert!(message.contains(word), "{message}: does not mention {word}");
                }
            }
        }
        seen += 1;
    }
    assert_eq!(seen, MENTIONS.len());
}

/// Reads a model and does with it all that a command would, on small inputs.
fn exercise(bytes: &[u8]) {
    let Ok(model) = Model::from_bytes(bytes) else { return };
    let Some(inputs) = small_inputs(&model) else { return };
    if is_large(&model, &inputs) {
        return;
    }
    let runtime = Runtime::<f32>::new(model.graph().clone());
    let Ok(outputs) = runtime.forward(model.parameters(), &inputs, Settings::default()) else { return };
    let target = outputs[0].map(|_| 0.5);
    let loss = MeanSquaredError { target: &target, weight: 1.0, output: 0 };
    // Both may be refused; neither may panic.
    let _ = runtime.gradient(model.parameters(), &inputs, &[&loss], true, Settings::default());
    let options = modelmend_net::interval::IntervalOptions { boxed_inputs: true, ..Default::default() };
    if let Ok(bounds) = modelmend_net::interval::enclose(&model, &options) {
        let ends: Vec<Tensor<f32>> = inputs.iter().flat_map(|t| [t.clone(), t.clone()]).collect();
        let runtime = Runtime::<f32>::new(bounds.graph().clone());
        let _ = runtime.forward(bounds.parameters(), &ends, Settings::default());
    }
}

/// Whether a value of the graph is larger than a small input explains: a number can make a model large and leave it
/// valid, and then it may take its memory and time.
fn is_large(model: &Model, inputs: &[Tensor<f32>]) -> bool {
    let shapes: Vec<Vec<usize>> = inputs.iter().map(|t| t.shape().to_vec()).collect();
    let Ok(plan) = Plan::<f32>::new(model.graph(), &shapes) else { return false };
    let produced = model.graph().nodes().iter().flat_map(|n| n.outputs.iter().flatten());
    produced.filter_map(|&v| plan.shape(v)).any(|shape| shape.iter().product::<usize>() > 1 << 18)
}

/// Ones in the declared shapes, two images, or nothing where that would be large.
fn small_inputs(model: &Model) -> Option<Vec<Tensor<f32>>> {
    let input = |input: &modelmend_net::graph::GraphInput| {
        let size = |(axis, dim): (usize, &Dim)| match dim {
            Dim::Fixed(n) => *n,
            Dim::Free(_) => {
                if axis == 0 {
                    2
                } else {
                    5
                }
            }
        };
        let shape: Vec<usize> = input.dims.iter().enumerate().map(size).collect();
        let len = shape.iter().try_fold(1usize, |n, &d| n.checked_mul(d)).filter(|&n| n <= 1 << 12)?;
        Tensor::new(shape, vec![1f32; len])
    };
    model.graph().inputs().iter().map(input).collect()
}

/// Valid models to start from: the control file and every example of the operator table.
fn valid() -> Vec<Vec<u8>> {
    let examples = TABLE.iter().flat_map(|entry| {
        (entry.samples)().into_iter().filter_map(|sample| Some(sample.model(entry.name, 1).ok()?.to_bytes()))
    });
    let control = folder().map(|f| std::fs::read(f.join("good_control.onnx")).expect("the control file"));
    control.into_iter().chain(examples).collect()
}

/// Checks that a mutant neither panics nor takes more memory than its inputs could explain.
fn check(bytes: &[u8]) -> Result<(), TestCaseError> {
    let ((), memory) = measured(|| exercise(bytes));
    prop_assert!(memory < 256 * MEBIBYTE, "{} MiB", memory / MEBIBYTE);
    Ok(())
}

/// The same mutants in every run; `PROPTEST_CASES` asks for more of them.
fn runner() -> TestRunner {
    let given = std::env::var("PROPTEST_CASES").ok().and_then(|n| n.parse().ok());
    let config = ProptestConfig {
        cases: given.unwrap_or(20_000),
        failure_persistence: None,
        max_shrink_iters: 64,
        ..Default::default()
    };
    TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha))
}

#[test]
fn no_change_of_bytes_makes_it_panic() {
    let valid = valid();
    let edit = (any::<prop::sample::Index>(), any::<u8>(), 0..4u8);
    let mutant = (any::<prop::sample::Index>(), prop::collection::vec(edit, 1..6));
    let _alone = alone();
    let outcome = runner().run(&mutant, |(start, edits)| {
        let mut bytes = start.get(&valid).clone();
        for (at, byte, kind) in edits {
            let at = at.index(bytes.len().max(1));
            match kind {
                0 if at < bytes.len() => bytes[at] = byte,
                1 if at < bytes.len() => drop(bytes.remove(at)),
                2 => bytes.insert(at.min(bytes.len()), byte),
                3 if at < bytes.len() && byte < 16 => bytes.truncate(at),
                _ => {}
            }
        }
        check(&bytes)
    });
    outcome.unwrap_or_else(|e| panic!("{e}"));
}

/// Numbers that break arithmetic on sizes.
fn nasty() -> impl Strategy<Value = i64> {
    prop_oneof![
        Just(0i64),
        Just(-1),
        Just(1),
        Just(i64::MAX),
        Just(i64::MIN),
        Just(1 << 31),
        Just(1 << 40),
        Just((1 << 62) + 1),
        -9..9i64,
        0..100_000i64,
    ]
}

/// Changes one number of the message: of an attribute, a shape, an integer constant or an input's dimension.
fn poison(proto: &mut ModelProto, place: &prop::sample::Index, value: i64) {
    use modelmend_net::onnx::proto::DimensionValue;
    let Some(graph) = proto.graph.as_mut() else { return };
    let mut numbers: Vec<&mut i64> = Vec::new();
    for attribute in graph.node.iter_mut().flat_map(|n| &mut n.attribute) {
        numbers.extend(attribute.i.as_mut());
        numbers.extend(&mut attribute.ints);
        numbers.extend(attribute.t.iter_mut().flat_map(|t| &mut t.dims));
    }
    let mut constants: Vec<&mut TensorProto> = Vec::new();
    for tensor in &mut graph.initializer {
        match tensor.data_type {
            Some(7) => constants.push(tensor),
            _ => numbers.extend(&mut tensor.dims),
        }
    }
    for dim in graph.input.iter_mut().filter_map(|i| i.r#type.as_mut()?.tensor_type.as_mut()?.shape.as_mut())
    {
        numbers.extend(dim.dim.iter_mut().filter_map(|d| match &mut d.value {
            Some(DimensionValue::DimValue(n)) => Some(n),
            _ => None,
        }));
    }
    let elements = constants.iter().map(|t| t.raw_data.as_ref().map_or(0, |r| r.len() / 8)).sum::<usize>();
    let chosen = place.index((numbers.len() + elements).max(1));
    if let Some(number) = numbers.into_iter().nth(chosen) {
        *number = value;
        return;
    }
    let raws = constants.into_iter().filter_map(|t| t.raw_data.as_mut());
    let mut words = raws.flat_map(|r| r.as_chunks_mut::<8>().0);
    // Past the attributes and dimensions: one of the integer constants.
    if let Some(word) = words.nth(place.index(elements.max(1))) {
        *word = value.to_le_bytes();
    }
}

#[test]
fn no_number_in_a_model_makes_it_panic() {
    let valid = valid();
    let mutant =
        (any::<prop::sample::Index>(), prop::collection::vec((any::<prop::sample::Index>(), nasty()), 1..4));
    let _alone = alone();
    let outcome = runner().run(&mutant, |(start, edits)| {
        let bytes: &Vec<u8> = start.get(&valid);
        let mut proto = Model::from_bytes(bytes).expect("valid").message();
        edits.iter().for_each(|(place, value)| poison(&mut proto, place, *value));
        check(&prost::Message::encode_to_vec(&proto))
    });
    outcome.unwrap_or_else(|e| panic!("{e}"));
}
