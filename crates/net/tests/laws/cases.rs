//! The examples of the table as models with data, and the loss that the gradient laws share.

use std::collections::BTreeSet;

use modelmend_net::exec::Plan;
use modelmend_net::loss::Loss;
use modelmend_net::ops::{Entry, Sample, TABLE};
use modelmend_net::tensor::DType;
use modelmend_net::{Element, Model, Parameters, Runtime, Settings, Tensor};

/// One example of one operator.
pub(crate) struct Case {
    pub(crate) entry: &'static Entry,
    pub(crate) sample: Sample,
    pub(crate) model: Model,
    seed: u64,
}

/// Applies a law to every example and reports all that break it.
pub(crate) fn for_every_case(law: impl Fn(&Case) -> Result<(), String>) {
    let mut broken = Vec::new();
    let mut seed = 0;
    for entry in TABLE {
        let samples = (entry.samples)();
        let names: BTreeSet<&str> = samples.iter().map(|s| s.name).collect();
        if samples.is_empty() || names.len() != samples.len() {
            broken.push(format!("{}: no examples, or two of the same name", entry.name));
        }
        for sample in samples {
            seed += 1;
            let name = format!("{}, {}", entry.name, sample.name);
            let checked = sample
                .model(entry.name, seed)
                .map_err(|e| format!("does not load: {e}"))
                .and_then(|model| law(&Case { entry, sample, model, seed }));
            broken.extend(checked.err().map(|e| format!("{name}: {e}")));
        }
    }
    assert!(broken.is_empty(), "{} broken:\n{}", broken.len(), broken.join("\n"));
}

impl Case {
    pub(crate) fn runtime<T: Element>(&self) -> Runtime<T> {
        Runtime::new(self.model.graph().clone())
    }

    pub(crate) fn parameters<T: Element>(&self) -> Parameters<T> {
        self.model.parameters().cast()
    }

    pub(crate) fn inputs<T: Element>(&self, images: usize) -> Vec<Tensor<T>> {
        self.sample.batch(images, self.seed + 1000)
    }

    pub(crate) fn has_data(&self) -> bool {
        self.sample.data().next().is_some()
    }

    pub(crate) fn plan(&self, images: usize) -> Plan<f64> {
        let shapes: Vec<Vec<usize>> = self.inputs::<f64>(images).iter().map(|t| t.shape().to_vec()).collect();
        Plan::new(self.model.graph(), &shapes).expect("planned at load")
    }

    /// Whether the outputs change with the seed.
    pub(crate) fn is_random(&self) -> bool {
        let outputs = |seed| self.forward::<f64>(&self.inputs(4), Settings { seed, ..Settings::default() });
        outputs(0) != outputs(1)
    }

    pub(crate) fn forward<T: Element>(
        &self,
        inputs: &[Tensor<T>],
        settings: Settings,
    ) -> Result<Vec<Tensor<T>>, String> {
        self.runtime().forward(&self.parameters(), inputs, settings).map_err(|e| e.to_string())
    }

    /// A random projection for every floating-point output that depends on the data.
    pub(crate) fn projections(&self) -> Vec<Projection> {
        let (graph, plan) = (self.model.graph(), self.plan(2));
        let floats = graph.outputs().iter().enumerate().filter(|(_, v)| {
            let fact = plan.fact(**v).expect("outputs have facts");
            self.has_data() && fact.dtype == DType::Float && fact.value.is_none()
        });
        floats.map(|(output, _)| Projection { output }).collect()
    }
}

/// The loss of the gradient laws: a sum over an output with pseudo-random weights.
pub(crate) struct Projection {
    output: usize,
}

impl Projection {
    /// Of the first output.
    pub(crate) fn first() -> Self {
        Self { output: 0 }
    }

    /// A number in -1..1 for each element of each image's row.
    fn weight(&self, image: usize, element: usize) -> f64 {
        let mut z = ((image as u64) << 32 | (element as u64) << 8 | self.output as u64)
            .wrapping_add(1)
            .wrapping_mul(0x9E37_79B9_7F4A_7C15);
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 52) as f64 - 1.0
    }

    /// The loss of the whole batch, straight from the outputs of a forward run.
    pub(crate) fn total(&self, outputs: &[Tensor<f64>], images: usize) -> f64 {
        let y = &outputs[self.output];
        let row = if y.rows() == images { y.row_len() } else { y.len() };
        let weighted = |(i, &v): (usize, &f64)| v * self.weight(i / row.max(1), i % row.max(1));
        y.data().iter().enumerate().map(weighted).sum()
    }
}

impl<T: Element> Loss<T> for Projection {
    fn output(&self) -> usize {
        self.output
    }

    fn evaluate(&self, image: usize, output: &[T], gradient: &mut [T]) -> T {
        let mut sum = T::zero();
        for (i, (g, &y)) in gradient.iter_mut().zip(output).enumerate() {
            *g = T::of(self.weight(image, i));
            sum += *g * y;
        }
        sum
    }
}

/// The projections as a list of loss terms.
pub(crate) fn terms<T: Element>(projections: &[Projection]) -> Vec<&dyn Loss<T>> {
    projections.iter().map(|p| p as &dyn Loss<T>).collect()
}

/// The largest magnitude, for tolerances.
pub(crate) fn largest<T: Element>(values: &[T]) -> f64 {
    values.iter().fold(0.0, |m, v| f64::max(m, v.f64().abs()))
}

/// Complains where two lists differ by more than `tolerance`.
pub(crate) fn close<T: Element>(what: &str, got: &[T], expected: &[T], tolerance: f64) -> Result<(), String> {
    if got.len() != expected.len() {
        return Err(format!("{what}: {} elements, expected {}", got.len(), expected.len()));
    }
    let differs = |(a, b): (&T, &T)| !((a.f64() - b.f64()).abs() <= tolerance || a == b);
    match got.iter().zip(expected).position(differs) {
        None => Ok(()),
        Some(i) => Err(format!("{what}: element {i} is {:?}, expected {:?}", got[i], expected[i])),
    }
}
