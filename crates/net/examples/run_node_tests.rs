//! Runs the official ONNX node tests for the operators of this build: `run_node_tests FOLDER`, where `FOLDER` is
//! `onnx/backend/test/data/node` of the `onnx` package. Prints what passed, what is not supported and why, and what
//! failed; exits with 1 if anything failed.
#![allow(clippy::print_stdout, reason = "a command-line tool")]

use std::collections::BTreeMap;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use modelmend_net::onnx::proto::{GraphProto, ModelProto, TensorProto, ValueInfoProto};
use modelmend_net::onnx::tensor_from_bytes;
use modelmend_net::ops;
use modelmend_net::tensor::Value;
use modelmend_net::{Model, Runtime, Settings, Tensor};
use prost::Message;

/// Expected outputs that contradict the text of the standard; ONNX Runtime 1.31 gives our values.
const DISPUTED: [(&str, &str); 2] = [
    (
        "test_averagepool_3d_dilations_large_count_include_pad_is_1_ceil_mode_is_True",
        "counts elements behind the padding, which the last window only touches because of ceil_mode",
    ),
    (
        "test_resize_downsample_scales_linear_align_corners",
        "takes the resized length before it is rounded down to a whole number",
    ),
];

enum Outcome {
    Passed,
    /// The operator, its element type or its setting is not part of this build.
    Unsupported(String),
    Failed(String),
}

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let folder = PathBuf::from(std::env::args().nth(1).ok_or("usage: run_node_tests FOLDER")?);
    let mut cases: Vec<PathBuf> =
        std::fs::read_dir(folder)?.map(|e| Ok(e?.path())).collect::<std::io::Result<_>>()?;
    cases.sort();
    let (mut passed, mut elsewhere) = (0, 0);
    let mut unsupported: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut failed = Vec::new();
    for case in &cases {
        let name = case.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let proto = ModelProto::decode(&*std::fs::read(case.join("model.onnx"))?)?;
        let nodes = proto.graph.as_ref().map_or(&[][..], |g| &g.node);
        let ours = |op: Option<&str>| op.is_some_and(|op| ops::find(op).is_some());
        if !nodes.iter().all(|n| ours(n.op_type.as_deref()) && n.domain.as_deref().unwrap_or("").is_empty()) {
            elsewhere += 1;
            continue;
        }
        if let Some((_, why)) = DISPUTED.iter().find(|(disputed, _)| *disputed == name) {
            unsupported.entry(format!("disputed: {why}")).or_default().push(name);
            continue;
        }
        match run(case, proto) {
            Outcome::Passed => passed += 1,
            Outcome::Unsupported(why) => unsupported.entry(why).or_default().push(name),
            Outcome::Failed(why) => failed.push(format!("{name}: {why}")),
        }
    }
    println!(
        "{passed} passed, {} failed, {elsewhere} of operators that this build does not have",
        failed.len()
    );
    println!("{} not supported:", unsupported.values().map(Vec::len).sum::<usize>());
    for (why, names) in &unsupported {
        println!("  {why}\n    {}", names.join(" "));
    }
    failed.iter().for_each(|f| println!("FAILED {f}"));
    Ok(if failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn run(case: &Path, proto: ModelProto) -> Outcome {
    let set = case.join("test_data_set_0");
    match attempt(&set, proto) {
        Ok(None) => Outcome::Passed,
        Ok(Some(difference)) => Outcome::Failed(difference),
        Err(e) => {
            let message = e.to_string();
            let beyond =
                ["not supported", "is not a tensor", "unsupported", "declares no shape", "no samples"];
            if beyond.iter().any(|word| message.contains(word)) {
                Outcome::Unsupported(message)
            } else {
                Outcome::Failed(message)
            }
        }
    }
}

/// The first difference from the expected outputs, if any.
fn attempt(set: &Path, mut proto: ModelProto) -> Result<Option<String>, Box<dyn Error>> {
    let graph = proto.graph.as_mut().ok_or("no graph")?;
    let is_tensor = |i: &ValueInfoProto| i.r#type.as_ref().is_some_and(|t| t.tensor_type.is_some());
    if !graph.input.iter().all(is_tensor) {
        return Err("not supported: an input that is not a tensor".into());
    }
    let inputs = feed(set, graph)?;
    let wanted: Vec<String> = graph.output.iter().filter_map(|o| o.name.clone()).collect();
    let model = Model::from_proto(proto)?;
    let runtime = Runtime::<f32>::new(model.graph().clone());
    let outputs = runtime.forward(model.parameters(), &inputs, Settings::default())?;
    if outputs != runtime.forward(model.parameters(), &inputs, Settings { seed: 1, ..Settings::default() })? {
        return Err("not supported: the random numbers of another library".into());
    }
    for (i, (name, got)) in wanted.iter().zip(&outputs).enumerate() {
        let (_, expected) = tensor_from_bytes(&std::fs::read(set.join(format!("output_{i}.pb")))?)?;
        let expected = numbers(&expected);
        if got.shape() != expected.shape() {
            return Ok(Some(format!(
                "`{name}` has shape {:?}, expected {:?}",
                got.shape(),
                expected.shape()
            )));
        }
        let differs = |(a, b): (&f32, &f32)| {
            !((a - b).abs() <= 1e-6 + 1e-4 * b.abs() || a == b || a.is_nan() && b.is_nan())
        };
        if let Some(at) = got.data().iter().zip(expected.data()).position(differs) {
            return Ok(Some(format!(
                "`{name}`[{at}] is {}, expected {}",
                got.data()[at],
                expected.data()[at]
            )));
        }
    }
    Ok(None)
}

/// Data for the model. The test cases pass everything as inputs; here the first floating-point (or boolean) one is the data
/// and all others are initialisers, as in an exported model. Without data, the model gets an input that nobody reads.
fn feed(set: &Path, graph: &mut GraphProto) -> Result<Vec<Tensor<f32>>, Box<dyn Error>> {
    let mut data: Option<(usize, Tensor<f32>)> = None;
    for i in 0..graph.input.len() {
        let bytes = std::fs::read(set.join(format!("input_{i}.pb")))?;
        let (_, value) = tensor_from_bytes(&bytes)?;
        if data.is_none() && !matches!(value, Value::Int(_)) && !value.shape().is_empty() {
            data = Some((i, numbers(&value)));
            continue;
        }
        let name = graph.input[i].name.clone();
        graph.initializer.push(TensorProto { name, ..TensorProto::decode(&*bytes)? });
    }
    let tensor = match data {
        Some((i, tensor)) => {
            let input = graph.input.swap_remove(i);
            graph.input = vec![input];
            tensor
        }
        None => {
            graph.input = vec![unused()];
            Tensor::vector(vec![0.0])
        }
    };
    Ok(vec![tensor])
}

fn unused() -> ValueInfoProto {
    use modelmend_net::onnx::proto::{
        DimensionProto, DimensionValue, TensorShapeProto, TensorTypeProto, TypeProto,
    };
    let dim = DimensionProto { value: Some(DimensionValue::DimValue(1)), denotation: None };
    let tensor_type =
        TensorTypeProto { elem_type: Some(1), shape: Some(TensorShapeProto { dim: vec![dim] }) };
    let r#type = Some(TypeProto { tensor_type: Some(tensor_type), ..TypeProto::default() });
    ValueInfoProto { name: Some("unused".to_owned()), r#type, ..ValueInfoProto::default() }
}

fn numbers(value: &Value<f64>) -> Tensor<f32> {
    match value {
        Value::Float(t) => t.map(|&v| v as f32),
        Value::Int(t) => t.map(|&v| v as f32),
        Value::Bool(t) => t.map(|&v| f32::from(u8::from(v))),
    }
}
