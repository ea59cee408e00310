//! Tensors of the file: read with every size checked against the bytes present, written as raw data.

use super::proto::{ModelProto, TensorProto, data_type};
use crate::error::NetError;
use crate::graph::{Graph, Parameters};
use crate::tensor::{Element, Tensor, Value, checked_len};

/// Reads a tensor. `label` says in errors what it is (`initialiser`, `attribute`).
pub(crate) fn read<T: Element>(tensor: &TensorProto, label: &str) -> Result<Value<T>, NetError> {
    let name = tensor.name.as_deref().unwrap_or("");
    let fail = |what: String| NetError::model(format!("{label} `{name}`: {what}"));
    if tensor.data_location == Some(1) {
        return Err(fail("external data cannot be read here".into()));
    }
    let shape: Vec<usize> = tensor
        .dims
        .iter()
        .map(|&d| usize::try_from(d).map_err(|_| fail(format!("negative dimension {d}"))))
        .collect::<Result<_, _>>()?;
    let len = checked_len(&shape)
        .ok_or_else(|| fail(format!("size mismatch: dimensions {shape:?} exceed the address space")))?;
    let raw = tensor.raw_data.as_deref();
    let value = match tensor.data_type.unwrap_or(0) {
        data_type::FLOAT => float(shape, floats(raw, &tensor.float_data, f32::from_le_bytes, len)),
        data_type::DOUBLE => float(shape, floats(raw, &tensor.double_data, f64::from_le_bytes, len)),
        data_type::INT64 => int(shape, ints(raw, &tensor.int64_data, i64::from_le_bytes, len)),
        data_type::INT32 => int(shape, ints(raw, &tensor.int32_data, i32::from_le_bytes, len)),
        data_type::BOOL => {
            let values = ints(raw, &tensor.int32_data, |[b]: [u8; 1]| i64::from(b), len);
            values.map(|v| Tensor::new(shape, v.into_iter().map(|b| b != 0).collect()).map(Value::Bool))
        }
        other => {
            return Err(fail(format!(
                "element type {other} is not supported (float, double, int32, int64, bool)"
            )));
        }
    };
    match value {
        Ok(Some(value)) => Ok(value),
        Ok(None) => Err(fail("size mismatch".into())),
        Err(present) => {
            let unit = if raw.is_some() { "bytes" } else { "elements" };
            Err(fail(format!(
                "size mismatch: byte length does not fit; dimensions {:?} mean {len} elements, but {present} {unit} are present",
                tensor.dims
            )))
        }
    }
}

/// Name and content of a tensor that is a file of its own (`.pb`, the inputs and outputs of test cases).
///
/// # Errors
/// Bytes that are not a tensor, sizes that do not agree, element types that this build does not compute with.
pub fn from_bytes(bytes: &[u8]) -> Result<(String, Value<f64>), NetError> {
    let tensor = <TensorProto as prost::Message>::decode(bytes)
        .map_err(|e| NetError::model(format!("not a tensor (invalid protobuf: {e})")))?;
    read(&tensor, "tensor").map(|value| (tensor.name.unwrap_or_default(), value))
}

fn float<T>(shape: Vec<usize>, values: Result<Vec<T>, usize>) -> Result<Option<Value<T>>, usize> {
    values.map(|v| Tensor::new(shape, v).map(Value::Float))
}

fn int<T>(shape: Vec<usize>, values: Result<Vec<i64>, usize>) -> Result<Option<Value<T>>, usize> {
    values.map(|v| Tensor::new(shape, v).map(Value::Int))
}

fn floats<T: Element, F: Into<f64> + Copy, const W: usize>(
    raw: Option<&[u8]>,
    typed: &[F],
    decode: fn([u8; W]) -> F,
    len: usize,
) -> Result<Vec<T>, usize> {
    elements(raw, (typed, |v: F| T::of(v.into())), |bytes: [u8; W]| T::of(decode(bytes).into()), len)
}

fn ints<I: Copy + Into<i64>, J: Into<i64> + Copy, const W: usize>(
    raw: Option<&[u8]>,
    typed: &[J],
    decode: fn([u8; W]) -> I,
    len: usize,
) -> Result<Vec<i64>, usize> {
    match raw {
        Some(bytes) => {
            elements(Some(bytes), (&[][..], |v: i64| v), |bytes: [u8; W]| decode(bytes).into(), len)
        }
        None if typed.len() == len => Ok(typed.iter().map(|&v| v.into()).collect()),
        None => Err(typed.len()),
    }
}

/// The elements from raw or typed data, or what is present instead of `len`.
fn elements<F: Copy, E, const W: usize>(
    raw: Option<&[u8]>,
    (typed, convert): (&[F], impl Fn(F) -> E),
    decode: impl Fn([u8; W]) -> E,
    len: usize,
) -> Result<Vec<E>, usize> {
    match raw {
        Some(bytes) if len.checked_mul(W) == Some(bytes.len()) => {
            Ok(bytes.as_chunks::<W>().0.iter().map(|c| decode(*c)).collect())
        }
        Some(bytes) => Err(bytes.len()),
        None if typed.len() == len => Ok(typed.iter().map(|&v| convert(v)).collect()),
        None => Err(typed.len()),
    }
}

/// A float tensor as the file stores it.
pub(crate) fn float_tensor(name: &str, tensor: &Tensor<f32>) -> TensorProto {
    TensorProto {
        dims: dims(tensor.shape()),
        data_type: Some(data_type::FLOAT),
        name: Some(name.to_owned()),
        raw_data: Some(raw(tensor)),
        ..TensorProto::default()
    }
}

/// Single precision as raw data.
fn raw(tensor: &Tensor<f32>) -> Vec<u8> {
    let mut raw = Vec::with_capacity(size_of::<f32>() * tensor.len());
    tensor.data().iter().for_each(|v| raw.extend_from_slice(&v.to_le_bytes()));
    raw
}

/// Any tensor as the file stores it; floating point as `f32`.
pub(crate) fn tensor<T: Element>(name: &str, value: &Value<T>) -> TensorProto {
    let (data_type, raw) = match value {
        Value::Float(t) => return float_tensor(name, &t.map(|v| v.f64() as f32)),
        Value::Int(t) => (data_type::INT64, t.data().iter().flat_map(|v| v.to_le_bytes()).collect()),
        Value::Bool(t) => (data_type::BOOL, t.data().iter().map(|&b| u8::from(b)).collect()),
    };
    TensorProto {
        dims: dims(value.shape()),
        data_type: Some(data_type),
        name: Some(name.to_owned()),
        raw_data: Some(raw),
        ..TensorProto::default()
    }
}

/// The bytes of a tensor without a name.
pub(crate) fn to_bytes<T: Element>(value: &Value<T>) -> Vec<u8> {
    prost::Message::encode_to_vec(&tensor("", value))
}

fn dims(shape: &[usize]) -> Vec<i64> {
    shape.iter().map(|&d| d as i64).collect()
}

/// The values of a floating-point tensor in single precision. Those that the message has in this precision leave it, for [`fill`] to put back.
pub(super) fn take_weights(tensor: &mut TensorProto) -> Result<Tensor<f32>, NetError> {
    let Value::Float(weights) = read(tensor, "initialiser")? else {
        return Err(NetError::model("a weight that is not floating-point"));
    };
    if tensor.data_type == Some(data_type::FLOAT) {
        tensor.raw_data = tensor.raw_data.take().map(|_| Vec::new());
        tensor.float_data = Vec::new();
    }
    Ok(weights)
}

/// Puts the weights that left a message back.
pub(super) fn fill(proto: &mut ModelProto, graph: &Graph, parameters: &Parameters<f32>) {
    for_each_weight(proto, graph, parameters, |target, tensor| {
        if target.data_type == Some(data_type::FLOAT) {
            write_floats(target, tensor);
        }
    });
}

/// Makes new weights those of a message that some have left; everything else stays.
pub(super) fn replace(
    proto: &mut ModelProto,
    graph: &Graph,
    parameters: &Parameters<f32>,
) -> Result<(), NetError> {
    if parameters.len() != graph.parameters().len() {
        return Err(NetError::model(format!(
            "{} tensors given for {} parameters",
            parameters.len(),
            graph.parameters().len()
        )));
    }
    for (parameter, tensor) in graph.parameters().iter().zip(parameters.iter()) {
        if parameter.shape != tensor.shape() {
            return Err(NetError::model(format!(
                "parameter `{}`: shape {:?} given, {:?} expected",
                parameter.name,
                tensor.shape(),
                parameter.shape
            )));
        }
    }
    for_each_weight(proto, graph, parameters, |target, tensor| {
        if target.data_type != Some(data_type::FLOAT) {
            write_floats(target, tensor);
        }
    });
    Ok(())
}

fn for_each_weight(
    proto: &mut ModelProto,
    graph: &Graph,
    parameters: &Parameters<f32>,
    mut visit: impl FnMut(&mut TensorProto, &Tensor<f32>),
) {
    let initializers = proto.graph.as_mut().map(|g| &mut g.initializer).into_iter().flatten();
    let mut by_name: std::collections::BTreeMap<String, &mut TensorProto> =
        initializers.map(|t| (t.name.clone().unwrap_or_default(), t)).collect();
    for (parameter, tensor) in graph.parameters().iter().zip(parameters.iter()) {
        if let Some(target) = by_name.get_mut(&parameter.name) {
            visit(target, tensor);
        }
    }
}

/// Overwrites the values in the encoding that the file has.
fn write_floats(target: &mut TensorProto, tensor: &Tensor<f32>) {
    let double = target.data_type == Some(data_type::DOUBLE);
    if target.raw_data.is_some() {
        let bytes = if double {
            tensor.data().iter().flat_map(|v| f64::from(*v).to_le_bytes()).collect()
        } else {
            raw(tensor)
        };
        target.raw_data = Some(bytes);
    } else if double {
        target.double_data = tensor.data().iter().map(|v| f64::from(*v)).collect();
    } else {
        target.float_data = tensor.data().to_vec();
    }
}
