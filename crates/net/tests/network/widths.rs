//! Exported bounds, which are carried as upper end and width, against those of training, which are carried as ends.

use modelmend_net::architecture::{Conv1d, DnCnn, UNet, conv1d, dncnn, unet};
use modelmend_net::graph::Dim;
use modelmend_net::interval::Rounding;
use modelmend_net::interval::network::{IntervalNetwork, Part};
use modelmend_net::onnx::{Builder, attribute};
use modelmend_net::tensor::DType;
use modelmend_net::{Model, Parameters, Tensor};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::nets::images;
use super::{assert_around, network, run};

/// Weights and distances are multiples of this: ends, widths and their sums are exact in single precision.
const GRID: f32 = 1.0 / 4096.0;

fn built(model: Result<Model, modelmend_net::NetError>) -> Model {
    model.unwrap_or_else(|e| panic!("{e}"))
}

/// Networks of the studies, with images of theirs.
fn architectures() -> Vec<(Model, Tensor<f32>)> {
    vec![
        (built(conv1d(&Conv1d { base: 2, ..Conv1d::default() })), images(&[2, 1, 40], 1)),
        (built(dncnn(&DnCnn { width: 6, depth: 5, ..DnCnn::default() })), images(&[2, 1, 9, 8], 2)),
        (built(unet(&UNet { base: 3, depth: 3, ..UNet::default() })), images(&[2, 1, 8, 12], 3)),
    ]
}

/// A network in which boxes of any sign meet weights, and boxes meet points and boxes.
fn mixed() -> (Model, Tensor<f32>) {
    let mut builder = Builder::new("mixed");
    let dims = [Dim::Free("N".into()), Dim::Fixed(2), Dim::Fixed(6), Dim::Fixed(6)];
    builder.input("x", DType::Float, &dims);
    let mut seed = 10;
    let mut weight = |builder: &mut Builder, name: &str, shape: &[usize]| {
        seed += 1;
        builder.weight(name, &images(shape, seed).map(|w| 0.4 * w));
    };
    let pads = || vec![attribute::ints("pads", &[1, 1, 1, 1])];
    for (name, shape) in [
        ("a", &[4, 2, 3, 3][..]),
        ("a.bias", &[4]),
        ("b", &[4, 4, 3, 3]),
        ("c", &[4, 2, 3, 3]),
        ("d", &[4, 3, 2, 2]),
        ("d.bias", &[3]),
        ("e", &[2, 27]),
        ("e.bias", &[2]),
    ] {
        weight(&mut builder, name, shape);
    }
    let two = |name| attribute::ints(name, &[2, 2]);
    builder.push("Conv", "a", pads(), &["x", "a", "a.bias"], &["ya"]);
    builder.push("Conv", "b", pads(), &["ya", "b"], &["yb"]);
    builder.push("LeakyRelu", "leaky", vec![attribute::float("alpha", 0.25)], &["yb"], &["leaky"]);
    // Two groups.
    builder.push("Conv", "c", [pads(), vec![attribute::int("group", 2)]].concat(), &["leaky", "c"], &["yc"]);
    builder.push("Sub", "less", vec![], &["yc", "ya"], &["less"]);
    builder.push("Add", "more", vec![], &["less", "yb"], &["more"]);
    builder.push("AveragePool", "mean", vec![two("kernel_shape"), two("strides")], &["more"], &["mean"]);
    builder.push("ConvTranspose", "d", vec![two("strides")], &["mean", "d", "d.bias"], &["yd"]);
    builder.push("MaxPool", "max", vec![two("kernel_shape"), two("strides")], &["yd"], &["max"]);
    builder.push("Transpose", "turned", vec![attribute::ints("perm", &[0, 1, 3, 2])], &["max"], &["turned"]);
    builder.push("Flatten", "row", vec![], &["turned"], &["row"]);
    builder.push("Gemm", "e", vec![attribute::int("transB", 1)], &["row", "e", "e.bias"], &["y"]);
    builder.output("y", DType::Float, None);
    (built(Model::from_proto(builder.finish(17))), images(&[3, 2, 6, 6], 4))
}

/// The model with its weights on the grid.
fn on_grid(model: &Model) -> Model {
    let round = |t: &Tensor<f32>| t.map(|w| (w / GRID).round() * GRID);
    built(model.with_parameters(Parameters::new(model.parameters().iter().map(round).collect())))
}

/// The boxes widened by up to `most` steps of the grid.
fn widened(network: &IntervalNetwork, most: f32, seed: u64) -> Parameters<f32> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut parameters = network.model().parameters().clone();
    for (i, end) in parameters.iter_mut().enumerate() {
        let side = if i % 2 == 0 { -GRID } else { GRID };
        end.data_mut().iter_mut().for_each(|w| *w += side * (most * rng.random::<f32>()).floor());
    }
    parameters
}

fn export(network: &IntervalNetwork, ends: &Parameters<f32>) -> Model {
    built(network.export(ends, Rounding::Nearest))
}

/// The largest distance, relative to the largest magnitude.
fn distance(a: &Tensor<f64>, b: &Tensor<f64>) -> f64 {
    assert_eq!(a.shape(), b.shape());
    let largest = b.data().iter().fold(0f64, |m, v| m.max(v.abs()));
    a.data().iter().zip(b.data()).fold(0f64, |m, (a, b)| m.max((a - b).abs())) / largest
}

/// In double precision the bounds of the exported network and those of the graph that is trained are the same.
fn assert_same_bounds(base: &Model, part: &Part, x: &Tensor<f32>, what: &str) {
    let network = network(base, part);
    let ends = widened(&network, 200.0, 5);
    let exported = export(&network, &ends);
    let x64 = x.map(|&v| f64::from(v));
    let trained = run(network.model(), &ends.cast::<f64>(), &x64);
    let outputs = run(&exported, &exported.parameters().cast::<f64>(), &x64);
    for (i, (bound, expected)) in outputs.iter().zip(&trained).enumerate() {
        let off = distance(bound, expected);
        assert!(off < 1e-12, "{what}, {part:?}: output {i} off by {off:e}");
    }
    let wide = trained[1].data().iter().zip(trained[2].data()).filter(|(lo, hi)| *hi - *lo > 1e-3).count();
    assert!(2 * wide > trained[1].len(), "{what}, {part:?}: {wide} boxes are no points");
    assert_around(what, &run(&exported, exported.parameters(), x));
}

#[test]
fn exported_bounds_are_those_of_training() {
    for (base, x) in architectures() {
        for part in [Part::All, Part::Last(3)] {
            let name = base.graph().output_names().join(" ");
            assert_same_bounds(&on_grid(&base), &part, &x, &name);
        }
    }
}

#[test]
fn boxes_of_any_sign_and_points_among_them() {
    let (base, x) = mixed();
    let base = on_grid(&base);
    let named = |names: &[&str]| Part::Named(names.iter().map(|&n| n.to_owned()).collect());
    for part in [
        Part::All,
        Part::Last(2),
        // Weights behind the box are points.
        named(&["a"]),
        named(&["a.bias"]),
        // Points of any sign, and a bias that is a box beside weights that are none.
        named(&["b", "d.bias", "e.bias"]),
    ] {
        assert_same_bounds(&base, &part, &x, "mixed");
    }
}

/// Boxes far narrower than their weights, as training makes them. Bounds that are carried as ends are off by 1e-3 there; eight layers of
/// five taps by minimal filtering by 8e-6.
#[test]
fn bounds_of_narrow_boxes_are_as_precise_as_points() {
    let base = built(conv1d(&Conv1d { base: 8, ..Conv1d::default() }));
    let network = network(&base, &Part::All);
    let mut ends = network.model().parameters().clone();
    for (i, end) in ends.iter_mut().enumerate() {
        let away = images(end.shape(), i as u64);
        let side = if i % 2 == 0 { -1e-6 } else { 1e-6 };
        end.data_mut().iter_mut().zip(away.data()).for_each(|(w, t)| *w += side * t.abs());
    }
    let (exported, x) = (export(&network, &ends), images(&[2, 1, 64], 6));
    let single = run(&exported, exported.parameters(), &x);
    let double = run(&exported, &exported.parameters().cast(), &x.map(|&v| f64::from(v)));
    for (i, (single, double)) in single.iter().zip(&double).enumerate() {
        let off = distance(&single.map(|&v| f64::from(v)), double);
        assert!(off < 1e-5, "output {i} off by {off:e}");
    }
}

#[test]
fn bounds_hold_every_network_in_the_boxes() {
    let mut rng = ChaCha8Rng::seed_from_u64(8);
    for (base, x) in architectures().into_iter().chain([mixed()]) {
        let network = network(&base, &Part::All);
        let ends = widened(&network, 100.0, 9);
        let exported = export(&network, &ends);
        let x64 = x.map(|&v| f64::from(v));
        let outputs = run(&exported, &exported.parameters().cast::<f64>(), &x64);
        let scale = outputs[2].data().iter().fold(0f64, |m, v| m.max(v.abs()));
        let tensors: Vec<&Tensor<f32>> = ends.iter().collect();
        for round in 0..60 {
            let inside = tensors.chunks_exact(2).map(|ends| {
                let mut w = ends[0].map(|&v| f64::from(v));
                for (w, &hi) in w.data_mut().iter_mut().zip(ends[1].data()) {
                    let t: f64 = rng.random();
                    *w += if round % 2 == 0 { t.round() } else { t } * (f64::from(hi) - *w);
                }
                w
            });
            let y = run(&base, &Parameters::new(inside.collect()), &x64);
            for (at, &y) in y[0].data().iter().enumerate() {
                let [lo, hi] = [1, 2].map(|i| outputs[i].data()[at]);
                // The file has the widths in single precision.
                let slack = 1e-7 * scale;
                assert!(lo - slack <= y && y <= hi + slack, "element {at}: {y:e} outside [{lo:e}, {hi:e}]");
            }
        }
    }
}
