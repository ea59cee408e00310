//! A builder that draws weights.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::onnx::{Builder, attribute};
use crate::tensor::{Tensor, Value};

/// Operator set of built networks: read by every common runtime.
pub(super) const OPSET: i64 = 17;

/// How weights begin.
#[derive(Clone, Copy)]
pub(super) enum Start {
    /// Weights and biases uniform in +-1/sqrt(fan in), PyTorch's default.
    FanIn,
    /// Weights uniform in +-sqrt(6 / (fan in + fan out)), biases 0 (Glorot and Bengio 2010), Keras' default.
    Glorot,
    Zero,
}

/// A convolution that keeps the size, up to its stride.
pub(super) struct Conv {
    pub(super) from: usize,
    pub(super) to: usize,
    /// Along every axis; an even one reaches further to the right and down.
    pub(super) kernel: usize,
    pub(super) stride: usize,
    pub(super) start: Start,
}

/// A builder that draws weights.
pub(super) struct Layers {
    pub(super) builder: Builder,
    rng: ChaCha8Rng,
    /// Axes of an image: 2, or 1 for a signal.
    axes: usize,
    convolutions: usize,
    dropouts: usize,
}

impl Layers {
    pub(super) fn new(graph: &str, axes: usize, seed: u64) -> Self {
        let rng = ChaCha8Rng::seed_from_u64(seed);
        Self { builder: Builder::new(graph), rng, axes, convolutions: 0, dropouts: 0 }
    }

    pub(super) fn conv(&mut self, x: &str, conv: &Conv) -> String {
        let output = format!("conv{}", self.convolutions);
        self.conv_to(&output, x, conv);
        output
    }

    /// A convolution whose output has this name.
    pub(super) fn conv_to(&mut self, output: &str, x: &str, conv: &Conv) {
        let name = format!("conv{}", self.convolutions);
        self.convolutions += 1;
        let shape = [&[conv.to, conv.from][..], &vec![conv.kernel; self.axes]].concat();
        let [weight, bias] = self.weights(&name, &shape, conv.start);
        let (before, after) = ((conv.kernel - 1) / 2, conv.kernel / 2);
        let pads = [vec![before as i64; self.axes], vec![after as i64; self.axes]].concat();
        let attributes = vec![
            attribute::ints("kernel_shape", &vec![conv.kernel as i64; self.axes]),
            attribute::ints("pads", &pads),
            attribute::ints("strides", &vec![conv.stride as i64; self.axes]),
        ];
        self.builder.push("Conv", &name, attributes, &[x, &weight, &bias], &[output]);
    }

    /// A dropout node, which does nothing before [`super::with_dropout`] turns it on; none for a rate of 0.
    pub(super) fn dropout(&mut self, x: String, rate: f32) -> String {
        if rate == 0.0 {
            return x;
        }
        let ratio = format!("dropout{}.ratio", self.dropouts);
        self.dropouts += 1;
        self.builder.initializer(&ratio, &Value::Float(Tensor::scalar(rate)));
        self.builder.node("Dropout", vec![], &[&x, &ratio])
    }

    /// Adds `<name>.weight` of shape (outputs, inputs, kernel ...) and `<name>.bias`.
    pub(super) fn weights(&mut self, name: &str, shape: &[usize], start: Start) -> [String; 2] {
        let product = |axis: &[usize]| axis.iter().product::<usize>() as f32;
        let (outputs, taps) = (product(&shape[..1]), product(&shape[2..]));
        let fan_in = product(&shape[1..]);
        let [weight, bias] = match start {
            Start::FanIn => [1.0 / fan_in.sqrt(); 2],
            Start::Glorot => [(6.0 / (fan_in + outputs * taps)).sqrt(), 0.0],
            Start::Zero => [0.0; 2],
        };
        let mut draw = |shape: &[usize], bound: f32| {
            let mut tensor = Tensor::full(shape, 0f32);
            tensor.data_mut().iter_mut().for_each(|w| *w = bound * (2.0 * self.rng.random::<f32>() - 1.0));
            tensor
        };
        let names = [format!("{name}.weight"), format!("{name}.bias")];
        let tensors = [draw(shape, weight), draw(&shape[..1], bias)];
        names.iter().zip(&tensors).for_each(|(name, tensor)| self.builder.weight(name, tensor));
        names
    }
}
