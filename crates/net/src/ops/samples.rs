//! Example nodes, from which the laws of the operator table generate their tests.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::error::NetError;
use crate::exec::Plan;
use crate::graph::{Dim, ValueId};
use crate::onnx::proto::AttributeProto;
use crate::onnx::{Builder, Model};
use crate::tensor::{DType, Element, Tensor, Value};

/// One input of an example node.
#[derive(Clone, Debug)]
pub enum SampleInput {
    /// An optional input that is left out.
    Absent,
    /// Data of the batch: random values in `low..high`; `shape` does not count the batch axis.
    Data {
        /// Dimensions after the batch axis.
        shape: Vec<usize>,
        /// Smallest value.
        low: f64,
        /// Largest value.
        high: f64,
    },
    /// A weight: an initialiser with random values in `low..high`.
    Weight {
        /// Dimensions.
        shape: Vec<usize>,
        /// Smallest value.
        low: f64,
        /// Largest value.
        high: f64,
    },
    /// A constant initialiser.
    Constant(Value<f64>),
}

impl SampleInput {
    /// Data in -2..2.
    pub fn data(shape: &[usize]) -> Self {
        Self::data_in(shape, -2.0, 2.0)
    }

    /// Data in `low..high`.
    pub fn data_in(shape: &[usize], low: f64, high: f64) -> Self {
        Self::Data { shape: shape.to_vec(), low, high }
    }

    /// A weight in -1..1.
    pub fn weight(shape: &[usize]) -> Self {
        Self::weight_in(shape, -1.0, 1.0)
    }

    /// A weight in `low..high`.
    pub fn weight_in(shape: &[usize], low: f64, high: f64) -> Self {
        Self::Weight { shape: shape.to_vec(), low, high }
    }

    /// A constant list of integers.
    pub fn ints(values: &[i64]) -> Self {
        Self::Constant(Value::Int(Tensor::vector(values.to_vec())))
    }

    /// A constant list of numbers.
    pub fn floats(values: &[f64]) -> Self {
        Self::Constant(Value::Float(Tensor::vector(values.to_vec())))
    }

    /// A constant number of rank 0.
    pub fn scalar(value: f64) -> Self {
        Self::Constant(Value::Float(Tensor::scalar(value)))
    }
}

/// An example node of some operator.
#[derive(Clone, Debug)]
pub struct Sample {
    /// What it is an example of, in a few words.
    pub name: &'static str,
    /// Version of the operator set.
    pub opset: i64,
    /// Attributes of the node.
    pub attributes: Vec<AttributeProto>,
    /// Inputs of the node.
    pub inputs: Vec<SampleInput>,
    /// Number of outputs.
    pub outputs: usize,
}

impl Sample {
    /// An example with one output in operator set 17.
    pub fn new(name: &'static str, attributes: Vec<AttributeProto>, inputs: Vec<SampleInput>) -> Self {
        Self { name, opset: 17, attributes, inputs, outputs: 1 }
    }

    /// The same in another version of the operator set.
    pub fn opset(self, opset: i64) -> Self {
        Self { opset, ..self }
    }

    /// The same with several outputs.
    pub fn outputs(self, outputs: usize) -> Self {
        Self { outputs, ..self }
    }
}

/// The images' input where an example has no data of its own.
const UNUSED: SampleInput = SampleInput::Data { shape: Vec::new(), low: 0.0, high: 1.0 };

impl Sample {
    /// The example as a model of one node: data are the graph inputs `input0`, `input1`, ... with a free batch axis,
    /// weights and constants are initialisers of these names, outputs are `output0`, ...
    ///
    /// # Errors
    /// What is wrong with the example.
    pub fn model(&self, op_type: &str, seed: u64) -> Result<Model, NetError> {
        let model = self.build(op_type, &vec![(DType::Float, vec![]); self.outputs], seed)?;
        // Other runtimes insist on the true kinds and dimensions of the outputs.
        let plan = |images| {
            let inputs = self.batch::<f64>(images, seed);
            Plan::<f64>::new(model.graph(), &inputs.iter().map(|t| t.shape().to_vec()).collect::<Vec<_>>())
        };
        let (two, three) = (plan(2)?, plan(3)?);
        let declared = |&v: &ValueId| {
            let shape = |plan: &Plan<f64>| plan.shape(v).unwrap_or_default().to_vec();
            let dims = shape(&two).into_iter().zip(shape(&three)).enumerate().map(|(axis, (a, b))| {
                if a == b {
                    Dim::Fixed(a)
                } else {
                    Dim::Free(if axis == 0 { "N".into() } else { format!("d{axis}") })
                }
            });
            (two.fact(v).map_or(DType::Float, |f| f.dtype), dims.collect())
        };
        let outputs: Vec<(DType, Vec<Dim>)> = model.graph().outputs().iter().map(declared).collect();
        self.build(op_type, &outputs, seed)
    }

    fn build(&self, op_type: &str, outputs: &[(DType, Vec<Dim>)], seed: u64) -> Result<Model, NetError> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut builder = Builder::new("sample");
        let mut names = Vec::new();
        for (i, input) in self.inputs.iter().enumerate() {
            let name = format!("input{i}");
            match input {
                SampleInput::Absent => {}
                SampleInput::Data { shape, .. } => builder.input(&name, DType::Float, &batch_dims(shape)),
                SampleInput::Weight { shape, low, high } => {
                    builder.weight(&name, &random(shape.clone(), *low, *high, &mut rng));
                }
                SampleInput::Constant(value) => builder.initializer(&name, value),
            }
            names.push(if matches!(input, SampleInput::Absent) { String::new() } else { name });
        }
        if self.data().next().is_none() {
            builder.input("unused", DType::Float, &batch_dims(&[]));
        }
        let inputs: Vec<&str> = names.iter().map(String::as_str).collect();
        let results: Vec<String> = (0..self.outputs).map(|i| format!("output{i}")).collect();
        let refs: Vec<&str> = results.iter().map(String::as_str).collect();
        builder.push(op_type, &format!("example of {op_type}"), self.attributes.clone(), &inputs, &refs);
        results
            .iter()
            .zip(outputs)
            .for_each(|(name, (dtype, dims))| builder.output(name, *dtype, Some(dims)));
        Model::from_proto(builder.finish(self.opset))
    }

    /// Random data for the graph inputs of [`Self::model`].
    pub fn batch<T: Element>(&self, images: usize, seed: u64) -> Vec<Tensor<T>> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut tensor = |input: &SampleInput| match input {
            SampleInput::Data { shape, low, high } => {
                Some(random([&[images], &shape[..]].concat(), *low, *high, &mut rng))
            }
            _ => None,
        };
        let given: Vec<Tensor<T>> = self.inputs.iter().filter_map(&mut tensor).collect();
        if given.is_empty() { tensor(&UNUSED).into_iter().collect() } else { given }
    }

    /// The inputs that are data.
    pub fn data(&self) -> impl Iterator<Item = &SampleInput> {
        self.inputs.iter().filter(|i| matches!(i, SampleInput::Data { .. }))
    }
}

fn batch_dims(image: &[usize]) -> Vec<Dim> {
    std::iter::once(Dim::Free("N".to_owned())).chain(image.iter().map(|&n| Dim::Fixed(n))).collect()
}

fn random<T: Element>(shape: Vec<usize>, low: f64, high: f64, rng: &mut ChaCha8Rng) -> Tensor<T> {
    Tensor::full(shape, T::zero()).map(|_: &T| T::of(low + (high - low) * rng.random::<f64>()))
}
