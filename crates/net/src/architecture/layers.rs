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
    Random,
    Zero,
}

/// A convolution that keeps the size, up to its stride.
pub(super) struct Conv {
    pub(super) from: usize,
    pub(super) to: usize,
    /// Along every axis, odd.
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
        let fan_in = shape.iter().skip(1).product();
        let [weight, bias] = self.weights(&name, &shape, fan_in, conv.start);
        let pad = (conv.kernel / 2) as i64;
        let attributes = vec![
            attribute::ints("kernel_shape", &vec![conv.kernel as i64; self.axes]),
            attribute::ints("pads", &vec![pad; 2 * self.axes]),
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

    /// Adds `<name>.weight` and `<name>.bias`.
    pub(super) fn weights(
        &mut self,
        name: &str,
        shape: &[usize],
        fan_in: usize,
        start: Start,
    ) -> [String; 2] {
        let bound = match start {
            Start::Random => 1.0 / (fan_in as f32).sqrt(),
            Start::Zero => 0.0,
        };
        let mut draw = |shape: &[usize]| {
            let mut tensor = Tensor::full(shape, 0f32);
            tensor.data_mut().iter_mut().for_each(|w| *w = bound * (2.0 * self.rng.random::<f32>() - 1.0));
            tensor
        };
        let names = [format!("{name}.weight"), format!("{name}.bias")];
        let tensors = [draw(shape), draw(&shape[..1])];
        names.iter().zip(&tensors).for_each(|(name, tensor)| self.builder.weight(name, tensor));
        names
    }
}
