//! Monotone, structural and elementwise layers: the bounds of the reference are the hull.

use modelmend_net::interval::IntervalOptions;
use modelmend_net::onnx::proto::AttributeProto;
use modelmend_net::onnx::{Builder, Model, attribute};
use modelmend_net::tensor::{DType, Value};
use modelmend_net::{Element, Tensor};

use super::interval_layers::{bounds, dims, single};
use super::vectors::{Npz, assert_close, largest, reference};

/// A further input of the node under test.
enum Extra {
    /// The second box.
    Box,
    /// An array of the file as a weight.
    Weight(&'static str),
    /// A constant number.
    Scalar(f64),
    /// Constant numbers.
    Floats(&'static [f64]),
    /// An optional input that is left out.
    Absent,
}

fn check(name: &str, op_type: &str, attributes: Vec<AttributeProto>, extras: &[Extra]) {
    let Some(folder) = reference("interval") else { return };
    let mut npz = Npz::open(&folder.join("elementwise_pool.npz"));
    let x = ["x_lo", "x_hi"].map(|n| npz.get(n));
    let mut inputs = x.to_vec();
    let mut builder = Builder::new(name);
    builder.input("x", DType::Float, &dims(x[0].shape()));
    let mut names = vec!["x".to_owned()];
    for (i, extra) in extras.iter().enumerate() {
        let name = format!("extra{i}");
        match extra {
            Extra::Box => {
                builder.input(&name, DType::Float, &dims(x[0].shape()));
                inputs.extend(["z_lo", "z_hi"].map(|n| npz.get(n)));
            }
            Extra::Weight(array) => builder.weight(&name, &single(&npz.get(array))),
            Extra::Scalar(v) => builder.initializer(&name, &Value::Float(Tensor::scalar(*v))),
            Extra::Floats(v) => builder.initializer(&name, &Value::Float(Tensor::vector(v.to_vec()))),
            Extra::Absent => {}
        }
        names.push(if matches!(extra, Extra::Absent) { String::new() } else { name });
    }
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    builder.push(op_type, name, attributes, &names, &["y"]);
    builder.output("y", DType::Float, None);
    let model = Model::from_proto(builder.finish(17)).unwrap_or_else(|e| panic!("{name}: {e}"));
    in_type::<f32>(name, &model, &inputs, &mut npz);
    in_type::<f64>(name, &model, &inputs, &mut npz);
}

fn in_type<T: Element>(name: &str, model: &Model, inputs: &[Tensor<f64>], npz: &mut Npz) {
    let options = IntervalOptions { boxed_inputs: true, ..IntervalOptions::default() };
    let got = bounds::<T>(model, &options, inputs);
    let tolerance = if T::NAME == "f32" { 1e-6 } else { 1e-7 };
    for (end, got) in ["lo", "hi"].iter().zip(&got) {
        let expected = npz.get(&format!("{name}_{end}"));
        assert_eq!(got.shape(), expected.shape(), "{name}_{end}");
        let bound = tolerance * (1.0 + largest(expected.data()));
        assert_close(&format!("{name}_{end}"), got.data(), expected.data(), bound);
    }
}

fn window(reference_name: &str, further: Vec<AttributeProto>) -> Vec<AttributeProto> {
    let Some(folder) = reference("interval") else { return Vec::new() };
    let sizes = Npz::open(&folder.join("elementwise_pool.npz")).get(reference_name);
    let [kernel, stride, pad] = [0, 1, 2].map(|i| sizes.data()[i] as i64);
    let window = vec![
        attribute::ints("kernel_shape", &[kernel; 2]),
        attribute::ints("strides", &[stride; 2]),
        attribute::ints("pads", &[pad; 4]),
    ];
    [window, further].concat()
}

#[test]
fn activations() {
    check("relu", "Relu", vec![], &[]);
    check("leaky_relu", "LeakyRelu", vec![attribute::float("alpha", 0.1)], &[]);
    check("leaky_relu_neg", "LeakyRelu", vec![attribute::float("alpha", -0.3)], &[]);
    check("sigmoid", "Sigmoid", vec![], &[]);
    check("tanh", "Tanh", vec![], &[]);
    check("clip06", "Clip", vec![], &[Extra::Scalar(0.0), Extra::Scalar(6.0)]);
    check("neg", "Neg", vec![], &[]);
    check("abs", "Abs", vec![], &[]);
}

#[test]
fn pools() {
    check("max_pool", "MaxPool", window("pool_max", vec![]), &[]);
    let include = |flag| vec![attribute::int("count_include_pad", flag)];
    check("avg_pool", "AveragePool", window("pool_avg", include(1)), &[]);
    check("avg_pool_nopad", "AveragePool", window("pool_avg", include(0)), &[]);
    check("global_avg_pool", "GlobalAveragePool", vec![], &[]);
}

#[test]
fn structure() {
    let nearest = vec![
        attribute::string("mode", "nearest"),
        attribute::string("coordinate_transformation_mode", "asymmetric"),
        attribute::string("nearest_mode", "floor"),
    ];
    check("upsample", "Resize", nearest, &[Extra::Absent, Extra::Floats(&[1.0, 1.0, 2.0, 2.0])]);
    check("concat", "Concat", vec![attribute::int("axis", 1)], &[Extra::Box]);
}

#[test]
fn arithmetic() {
    check("add", "Add", vec![], &[Extra::Box]);
    check("sub", "Sub", vec![], &[Extra::Box]);
    check("mul_const_out", "Mul", vec![], &[Extra::Weight("mul_const")]);
    check("mul_interval", "Mul", vec![], &[Extra::Box]);
    check("square", "Pow", vec![], &[Extra::Scalar(2.0)]);
}

#[test]
fn batch_normalization() {
    let statistics = ["bn_gamma", "bn_beta", "bn_mean", "bn_var"].map(Extra::Weight);
    check("batch_norm", "BatchNormalization", vec![], &statistics);
}
