//! Whole networks with boxed weights, for boxes and for points of the data.

use std::collections::BTreeMap;

use modelmend_net::Model;
use modelmend_net::interval::IntervalOptions;
use modelmend_net::onnx::attribute;

use super::interval_layers::{bounds, delta};
use super::vectors::{Npz, assert_close, largest, reference};

/// The model of a network file, with another activation where the file asks for it.
fn model(base: &str, npz: &mut Npz) -> Option<Model> {
    let path = reference("models")?.join(format!("{base}.onnx"));
    let model = Model::read(&path).unwrap_or_else(|e| panic!("{e}"));
    let mut proto = model.message();
    let graph = proto.graph.as_mut().expect("a graph");
    // The bounds are of smaller images than the file declares.
    let input = graph.input[0].r#type.as_mut().and_then(|t| t.tensor_type.as_mut()).expect("a tensor");
    input.shape.as_mut().expect("a shape").dim.iter_mut().skip(2).for_each(|d| d.value = None);
    if npz.names().iter().any(|n| n == "leaky_slope") {
        let slope = npz.get("leaky_slope").data()[0] as f32;
        for node in graph.node.iter_mut().filter(|n| n.op_type.as_deref() == Some("Relu")) {
            node.op_type = Some("LeakyRelu".into());
            node.attribute = vec![attribute::float("alpha", slope)];
        }
    }
    Some(Model::from_proto(proto).unwrap_or_else(|e| panic!("{e}")))
}

fn network(name: &str, base: &str) {
    let Some(folder) = reference("interval") else { return };
    let mut npz = Npz::open(&folder.join(format!("network_{name}.npz")));
    let Some(model) = model(base, &mut npz) else { return };
    let mut deltas = BTreeMap::new();
    for (parameter, centre) in model.graph().parameters().iter().zip(model.parameters().iter()) {
        // `net.0.weight` has its ends in `net.0.wlo` and `net.0.whi`.
        let (layer, kind) = parameter.name.rsplit_once('.').expect("a layer and a kind");
        let [lo, hi] = ["lo", "hi"].map(|end| npz.get(&format!("{layer}.{}{end}", &kind[..1])));
        deltas.insert(parameter.name.clone(), delta(&centre.map(|&w| f64::from(w)), &lo, &hi));
    }
    for tag in ["box", "point"] {
        let options = IntervalOptions {
            boxed_inputs: tag == "box",
            deltas: deltas.clone(),
            ..IntervalOptions::default()
        };
        let inputs = match tag {
            "box" => vec![npz.get("x_lo"), npz.get("x_hi")],
            _ => vec![npz.get("x")],
        };
        let single = bounds::<f32>(&model, &options, &inputs);
        let double = bounds::<f64>(&model, &options, &inputs);
        for (bounds, tolerance) in [(single, 1e-4), (double, 1e-6)] {
            for (end, got) in ["lo", "hi"].iter().zip(&bounds) {
                let what = format!("four_term_{tag}_{end}");
                let expected = npz.get(&what);
                let bound = tolerance * largest(expected.data());
                assert_close(&format!("{name} {what}"), got.data(), expected.data(), bound);
            }
            let [lo, hi] = &bounds;
            let [min, max] = ["min", "max"].map(|end| npz.get(&format!("sample_{tag}_{end}")));
            let y = npz.get("y_point");
            for i in 0..y.len() {
                let (lo, hi) = (lo.data()[i], hi.data()[i]);
                let inside = lo <= min.data()[i] && max.data()[i] <= hi && (lo..=hi).contains(&y.data()[i]);
                assert!(inside, "{name} {tag}: samples outside, element {i}");
            }
            let (attacked, reached) = (npz.get("adv_index"), npz.get(&format!("adv_{tag}")));
            for (k, &at) in attacked.data().iter().enumerate() {
                let (lo, hi) = (lo.data()[at as usize], hi.data()[at as usize]);
                let inside = lo <= reached.data()[k] && reached.data()[attacked.len() + k] <= hi;
                assert!(inside, "{name} {tag}: an attained value is outside, element {at}");
            }
        }
    }
}

#[test]
fn conv1d_net() {
    network("conv1d_net", "conv1d_net");
}

#[test]
fn conv1d_net_with_leaky_relu() {
    network("conv1d_net_leaky", "conv1d_net");
}

#[test]
fn dncnn_small() {
    network("dncnn_small", "dncnn_small");
}
