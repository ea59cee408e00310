//! Whole models against PyTorch in double precision: outputs, losses, per-sample gradients, activations, dropout.

use std::collections::BTreeMap;
use std::ops::Range;

use modelmend_net::exec::Sink;
use modelmend_net::loss::{CrossEntropy, Loss, MeanSquaredError};
use modelmend_net::{Element, Model, Runtime, Settings, Tensor};

use super::losses::{CellCrossEntropy, NegativeLog};
use super::vectors::{Npz, assert_close, largest, reference};

/// What the reference allows: in `f32` what its README says; in `f64` little more than the rounding of the stored
/// single-precision arrays.
struct Tolerance {
    output: f64,
    loss: f64,
    gradient: f64,
    /// Times the largest gradient of all tensors.
    floor: f64,
}

fn tolerance<T: Element>() -> Tolerance {
    match T::NAME {
        "f32" => Tolerance { output: 1e-5, loss: 1e-5, gradient: 1e-4, floor: 1e-6 },
        _ => Tolerance { output: 1e-7, loss: 1e-10, gradient: 1e-7, floor: 1e-12 },
    }
}

/// Keeps all rows.
#[derive(Default)]
struct Keep(BTreeMap<usize, Vec<f64>>);

impl<T: Element> Sink<T> for Keep {
    fn parameter(&mut self, parameter: usize, _: Range<usize>, rows: &[T]) {
        self.0.insert(parameter, rows.iter().map(|v| v.f64()).collect());
    }
}

/// One model with its reference, in the type `T`.
struct Case<T> {
    model: Model,
    runtime: Runtime<T>,
    npz: Npz,
    x: Vec<Tensor<T>>,
}

impl<T: Element> Case<T> {
    fn open(name: &str) -> Option<Self> {
        let folder = reference("models")?;
        let model = Model::read(&folder.join(format!("{name}.onnx"))).unwrap_or_else(|e| panic!("{e}"));
        let mut npz = Npz::open(&folder.join(format!("{}.npz", name.trim_end_matches("_folded"))));
        let x = vec![npz.get("x").map(|&v| T::of(v))];
        let runtime = Runtime::new(model.graph().clone());
        Some(Self { model, runtime, npz, x })
    }

    fn outputs(&mut self) {
        let outputs = self
            .runtime
            .forward(&self.model.parameters().cast(), &self.x, Settings::default())
            .expect("runs");
        for (output, name) in outputs.iter().zip(self.model.graph().output_names()) {
            let expected = self.npz.get(name);
            assert_eq!(output.shape(), expected.shape(), "{name}");
            let bound = tolerance::<T>().output * largest(expected.data());
            assert_close(name, &double(output), expected.data(), bound);
        }
    }

    fn gradients(&mut self, terms: &[&dyn Loss<T>]) {
        let (parameters, settings) = (self.model.parameters().cast(), Settings::default());
        let result = self
            .runtime
            .per_sample(&parameters, &self.x, terms, settings, |_| Keep::default())
            .expect("runs");
        let losses: Vec<f64> = result.losses.iter().map(|l| l.f64()).collect();
        let expected = self.npz.get("loss");
        assert_close("loss", &losses, expected.data(), tolerance::<T>().loss * largest(expected.data()));

        let [sink] = &result.sinks[..] else { panic!("4 images are one chunk") };
        self.parameter_gradients(&sink.0);
        let sum = self.runtime.gradient(&parameters, &self.x, terms, true, settings).expect("runs");
        for (p, total) in sum.parameters.iter().enumerate() {
            let rows = &sink.0[&p];
            let by_hand: Vec<f64> =
                (0..total.len()).map(|i| rows.iter().skip(i).step_by(total.len()).sum()).collect();
            let bound = tolerance::<T>().gradient * largest(rows);
            assert_close("summed gradient", &double(total), &by_hand, bound);
        }
        if self.npz.names().iter().any(|n| n == "grad_input") {
            let expected = self.npz.get("grad_input");
            let got = sum.inputs[0].as_ref().expect("asked for");
            let bound = tolerance::<T>().gradient * largest(expected.data());
            assert_close("grad_input", &double(got), expected.data(), bound);
        }
    }

    /// Every array about parameter gradients in the file.
    fn parameter_gradients(&mut self, rows: &BTreeMap<usize, Vec<f64>>) {
        let overall = rows.values().map(|r| largest(r)).fold(0.0, f64::max);
        let tolerance = tolerance::<T>();
        let bound = |expected: &[f64]| tolerance.gradient * largest(expected) + tolerance.floor * overall;
        let names = self.npz.names();
        let graph = self.model.graph().clone();
        for (p, parameter) in graph.parameters().iter().enumerate() {
            let (name, rows, len) = (&parameter.name, &rows[&p], parameter.shape.iter().product::<usize>());
            if names.contains(&format!("grad.{name}")) {
                let expected = self.npz.get(&format!("grad.{name}"));
                assert_close(name, rows, expected.data(), bound(expected.data()));
                continue;
            }
            let full = self.npz.get(&format!("grad0.{name}"));
            assert_close(name, &rows[..len], full.data(), bound(full.data()));
            let (index, subset) =
                (self.npz.get(&format!("gidx.{name}")), self.npz.get(&format!("gsub.{name}")));
            let picked: Vec<f64> = rows
                .chunks_exact(len)
                .flat_map(|row| index.data().iter().map(|&i| row[i as usize]))
                .collect();
            assert_close(name, &picked, subset.data(), bound(full.data()));
            let norms: Vec<f64> =
                rows.chunks_exact(len).map(|row| row.iter().map(|g| g * g).sum::<f64>().sqrt()).collect();
            let sums: Vec<f64> = rows.chunks_exact(len).map(|row| row.iter().sum()).collect();
            let (l2, gsum) = (self.npz.get(&format!("gl2.{name}")), self.npz.get(&format!("gsum.{name}")));
            assert_close(name, &norms, l2.data(), tolerance.gradient * largest(l2.data()));
            // A sum of many elements of both signs: errors are relative to the elements, not to the sum.
            assert_close(
                name,
                &sums,
                gsum.data(),
                tolerance.gradient * largest(l2.data()) * (len as f64).sqrt(),
            );
        }
        let described = names.iter().filter(|n| n.starts_with("grad.") || n.starts_with("grad0."));
        assert_eq!(described.count(), graph.parameters().len(), "parameters with and without reference");
        self.gram(rows);
    }

    fn gram(&mut self, rows: &BTreeMap<usize, Vec<f64>>) {
        let expected = self.npz.get("gram");
        let images = expected.rows();
        let mut gram = vec![0.0; images * images];
        for rows in rows.values() {
            let row = |i: usize| &rows[i * rows.len() / images..(i + 1) * rows.len() / images];
            for (at, total) in gram.iter_mut().enumerate() {
                let pairs = row(at / images).iter().zip(row(at % images));
                *total += pairs.map(|(a, b)| a * b).sum::<f64>();
            }
        }
        // Squared gradients from unrounded rows: exact in double precision.
        let bound = if T::NAME == "f32" { 1e-4 } else { 1e-10 };
        assert_close("gram", &gram, expected.data(), bound * largest(expected.data()));
    }

    fn activations(&mut self) {
        for name in self.npz.names().iter().filter_map(|n| n.strip_prefix("act.")) {
            // PyTorch names the output of module `model.13` `/model/model.13/Conv_output_0`.
            let graph = self.model.graph();
            let of_module = |n: &&modelmend_net::graph::Node| n.name.contains(&format!("/{name}/"));
            let node = graph.nodes().iter().find(of_module).unwrap_or_else(|| panic!("no module {name}"));
            let value = node.outputs[0].expect("an output");
            let got = self
                .runtime
                .observe(&self.model.parameters().cast(), &self.x, &[value], Settings::default())
                .expect("runs");
            let expected = self.npz.get(&format!("act.{name}"));
            let bound = tolerance::<T>().output * largest(expected.data());
            assert_close(name, &double(&got[0]), expected.data(), bound);
        }
    }

    fn labels(&mut self, name: &str) -> Vec<usize> {
        self.npz.get(name).data().iter().map(|&v| v as usize).collect()
    }

    fn target(&mut self, name: &str) -> Tensor<T> {
        self.npz.get(name).map(|&v| T::of(v))
    }
}

fn double<T: Element>(tensor: &Tensor<T>) -> Vec<f64> {
    tensor.data().iter().map(|v| v.f64()).collect()
}

fn regression<T: Element>(name: &str) {
    let Some(mut case) = Case::<T>::open(name) else { return };
    case.outputs();
    let target = case.target("target");
    case.gradients(&[&MeanSquaredError { target: &target, weight: 1.0, output: 0 }]);
    case.activations();
}

fn vgg<T: Element>() {
    let Some(mut case) = Case::<T>::open("vgg_small") else { return };
    case.outputs();
    let labels = case.labels("label");
    case.gradients(&[&CrossEntropy { labels: &labels, weight: 1.0, output: 0 }]);
    assert!(case.npz.names().iter().any(|n| n == "act.model.13"));
    case.activations();
}

fn mlp<T: Element>() {
    let Some(mut case) = Case::<T>::open("mlp") else { return };
    case.outputs();
    let labels = case.labels("label");
    case.gradients(&[&NegativeLog(&labels)]);
}

/// Two outputs, a term of the loss for each.
fn detector<T: Element>() {
    let Some(mut case) = Case::<T>::open("resnet_det") else { return };
    case.outputs();
    let (labels, target) = (case.labels("label_map"), case.target("target_pos"));
    let cells = labels.len() / target.rows();
    let class = CellCrossEntropy { labels: &labels, cells };
    let position = MeanSquaredError { target: &target, weight: 1.0, output: 1 };
    case.gradients(&[&class, &position]);
    Case::<T>::open("resnet_det_folded").expect("there, like the other").outputs();
}

/// Both types of one model.
macro_rules! both {
    ($($name:ident: $check:expr, $check64:expr;)*) => {
        $(mod $name {
            #[test]
            fn f32() {
                use super::*;
                $check;
            }
            #[test]
            fn f64() {
                use super::*;
                $check64;
            }
        })*
    };
}

both! {
    vgg_small: vgg::<f32>(), vgg::<f64>();
    unet_small: regression::<f32>("unet_small"), regression::<f64>("unet_small");
    unet_transpose: regression::<f32>("unet_transpose"), regression::<f64>("unet_transpose");
    dncnn_small: regression::<f32>("dncnn_small"), regression::<f64>("dncnn_small");
    conv1d_net: regression::<f32>("conv1d_net"), regression::<f64>("conv1d_net");
    mlp_softmax: mlp::<f32>(), mlp::<f64>();
    resnet_det: detector::<f32>(), detector::<f64>();
}
