//! Layers that are linear in data and in weights: boxes of both.

use std::collections::BTreeMap;

use modelmend_net::graph::Dim;
use modelmend_net::interval::{IntervalOptions, enclose};
use modelmend_net::onnx::proto::AttributeProto;
use modelmend_net::onnx::{Builder, Model, attribute};
use modelmend_net::tensor::DType;
use modelmend_net::{Element, Runtime, Settings, Tensor};

use super::vectors::{Npz, assert_close, reference};

/// The bounds of a model's only output, for boxes (or points) of its inputs.
pub(crate) fn bounds<T: Element>(
    model: &Model,
    options: &IntervalOptions,
    inputs: &[Tensor<f64>],
) -> [Tensor<f64>; 2] {
    let enclosed = enclose(model, options).unwrap_or_else(|e| panic!("{e}"));
    let inputs: Vec<Tensor<T>> = inputs.iter().map(|t| t.map(|&v| T::of(v))).collect();
    let outputs = Runtime::new(enclosed.graph().clone())
        .forward(&enclosed.parameters().cast(), &inputs, Settings::default())
        .unwrap_or_else(|e| panic!("{e}"));
    let [lo, hi] = &outputs[..] else { panic!("two bounds, not {}", outputs.len()) };
    [lo, hi].map(|t| t.map(|v| v.f64()))
}

/// Declared dimensions with a free batch.
pub(crate) fn dims(shape: &[usize]) -> Vec<Dim> {
    std::iter::once(Dim::Free("N".into())).chain(shape[1..].iter().map(|&n| Dim::Fixed(n))).collect()
}

pub(crate) fn single(tensor: &Tensor<f64>) -> Tensor<f32> {
    tensor.map(|&v| v as f32)
}

/// Distances from a centre to its ends.
pub(crate) fn delta(centre: &Tensor<f64>, lo: &Tensor<f64>, hi: &Tensor<f64>) -> (Tensor<f32>, Tensor<f32>) {
    let distance = |a: &Tensor<f64>, b: &Tensor<f64>| {
        let data = a.data().iter().zip(b.data()).map(|(a, b)| (a - b) as f32).collect();
        Tensor::new(a.shape(), data).expect("the same shape")
    };
    (distance(centre, lo), distance(hi, centre))
}

/// Checks the file `name` with a node of these attributes; `exact` says that the bounds are the hull as well.
fn layer(name: &str, op_type: &str, attributes: Vec<AttributeProto>, exact: bool) {
    let Some(folder) = reference("interval") else { return };
    let mut npz = Npz::open(&folder.join(format!("{name}.npz")));
    let [x_lo, x_hi, w, b] = ["x_lo", "x_hi", "w", "b"].map(|n| npz.get(n));
    let mut builder = Builder::new(name);
    builder.input("x", DType::Float, &dims(x_lo.shape()));
    builder.weight("w", &single(&w));
    builder.weight("b", &single(&b));
    builder.push(op_type, name, attributes, &["x", "w", "b"], &["y"]);
    builder.output("y", DType::Float, None);
    let model = Model::from_proto(builder.finish(17)).unwrap_or_else(|e| panic!("{e}"));

    let mut deltas = BTreeMap::from([("b".to_owned(), delta(&b, &npz.get("b_lo"), &npz.get("b_hi")))]);
    let point_weight = name == "conv2d_point_weight";
    if !point_weight {
        deltas.insert("w".to_owned(), delta(&w, &npz.get("w_lo"), &npz.get("w_hi")));
    }
    let options = IntervalOptions { boxed_inputs: true, deltas, ..IntervalOptions::default() };
    let inputs = [x_lo, x_hi];
    // The rewrite rounds the ends of the weights once more, so double precision gains one digit only.
    for (bounds, tolerance) in
        [(bounds::<f32>(&model, &options, &inputs), 1e-5), (bounds::<f64>(&model, &options, &inputs), 2e-6)]
    {
        for (end, got) in ["lo", "hi"].iter().zip(&bounds) {
            let kinds = if exact { &["four_term", "exact_hull"][..] } else { &["four_term"] };
            for kind in kinds {
                let expected = npz.get(&format!("{kind}_{end}"));
                let scale = expected.data().iter().fold(1.0, |m, v| f64::max(m, v.abs()));
                assert_close(&format!("{name} {kind}_{end}"), got.data(), expected.data(), tolerance * scale);
            }
        }
        let [sample_min, sample_max, y] = ["sample_min", "sample_max", "y_point"].map(|n| npz.get(n));
        for i in 0..y.len() {
            let (lo, hi) = (bounds[0].data()[i] - 1e-5, bounds[1].data()[i] + 1e-5);
            assert!(lo <= sample_min.data()[i] && sample_max.data()[i] <= hi, "{name}: samples, element {i}");
            assert!((lo..=hi).contains(&y.data()[i]), "{name}: point, element {i}");
        }
    }
}

fn ints(name: &str, values: &[i64]) -> AttributeProto {
    attribute::ints(name, values)
}

fn pad1() -> Vec<AttributeProto> {
    vec![ints("pads", &[1, 1, 1, 1])]
}

#[test]
fn convolutions_in_one_dimension() {
    layer("conv1d_k5", "Conv", vec![ints("pads", &[2, 2])], false);
    let attributes = vec![ints("strides", &[2]), ints("dilations", &[2]), ints("pads", &[1, 1])];
    layer("conv1d_s2_d2", "Conv", attributes, false);
}

#[test]
fn convolutions_in_two_dimensions() {
    layer("conv2d_pad1", "Conv", pad1(), false);
    layer("conv2d_wide_weight", "Conv", pad1(), false);
    layer("conv2d_stride2", "Conv", [pad1(), vec![ints("strides", &[2, 2])]].concat(), false);
    layer("conv2d_dilated", "Conv", vec![ints("dilations", &[2, 2])], false);
    layer("conv2d_groups", "Conv", [pad1(), vec![attribute::int("group", 2)]].concat(), false);
}

#[test]
fn bounds_are_the_hull_where_data_or_weights_do_not_straddle_zero() {
    layer("conv2d_pos_input", "Conv", pad1(), true);
    layer("conv2d_neg_input", "Conv", pad1(), true);
    layer("conv2d_point_weight", "Conv", pad1(), true);
}

#[test]
fn transposed_convolutions() {
    layer("convt2d_k2s2", "ConvTranspose", vec![ints("strides", &[2, 2])], false);
    let attributes = [pad1(), vec![ints("strides", &[2, 2]), ints("output_padding", &[1, 1])]].concat();
    layer("convt2d_k3s2p1op1", "ConvTranspose", attributes, false);
}

#[test]
fn a_linear_layer() {
    layer("linear", "Gemm", vec![attribute::int("transB", 1)], false);
}
