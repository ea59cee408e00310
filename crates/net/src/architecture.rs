//! Networks that can be built and trained: each is an ONNX model like any other.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::error::NetError;
use crate::graph::Dim;
use crate::onnx::{Builder, Model, attribute};
use crate::tensor::{DType, Tensor, Value};

/// A classifier to build. Input `image` (N, `channels`, `height`, `width`) with values 0 to 255, output `logits`
/// (N, `classes`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Classifier {
    /// Which network.
    pub kind: ClassifierKind,
    /// Colour channels of the input.
    pub channels: usize,
    /// Height of the input.
    pub height: usize,
    /// Width of the input.
    pub width: usize,
    /// Classes.
    pub classes: usize,
    /// Channels of the first layer; `None` for the network's own.
    pub base: Option<usize>,
    /// Seed of the initial weights.
    pub seed: u64,
}

/// Classifiers that can be built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClassifierKind {
    /// The network of Henn et al. (METHODS 1.7): 3x3 convolutions with 16, M, 32, M, 128, 128, M, 256, 256 channels
    /// (M = 2x2 max pool), ReLU after each, 1x1 convolution to the classes, mean over space.
    VggSmall,
    /// Five residual blocks of two 3x3 convolutions, 16 to 128 channels, then the mean over space and a linear layer.
    /// Without normalisation, so that no case depends on others; the last convolution of each block starts at zero
    /// instead (Zhang et al., Fixup, arXiv 1901.09321).
    ResnetSmall,
}

/// Operator set of built networks: read by every common runtime.
const OPSET: i64 = 17;

/// Builds a classifier with random weights: uniform in +-1/sqrt(fan in), PyTorch's default.
///
/// # Errors
/// An image too small for the network's poolings.
pub fn classifier(spec: &Classifier) -> Result<Model, NetError> {
    let mut net = Layers::new(spec.seed);
    let dims = [
        Dim::Free("batch".into()),
        Dim::Fixed(spec.channels),
        Dim::Fixed(spec.height),
        Dim::Fixed(spec.width),
    ];
    net.builder.input("image", DType::Float, &dims);
    let scale = Value::Float(Tensor::scalar(255f32));
    net.builder.push("Constant", "scale", vec![attribute::tensor("value", &scale)], &[], &["scale"]);
    let x = net.builder.node("Div", vec![], &["image", "scale"]);
    match spec.kind {
        ClassifierKind::VggSmall => vgg_small(&mut net, x, spec),
        ClassifierKind::ResnetSmall => resnet_small(&mut net, x, spec),
    }
    let dims = [Dim::Free("batch".into()), Dim::Fixed(spec.classes)];
    net.builder.output("logits", DType::Float, Some(&dims));
    Model::from_proto(net.builder.finish(OPSET))
}

fn vgg_small(net: &mut Layers, mut x: String, spec: &Classifier) {
    let base = spec.base.unwrap_or(16);
    let mut channels = spec.channels;
    for stage in [&[1][..], &[2], &[8, 8], &[16, 16]] {
        if channels != spec.channels {
            let shape = [attribute::ints("kernel_shape", &[2, 2]), attribute::ints("strides", &[2, 2])];
            x = net.builder.node("MaxPool", shape.to_vec(), &[&x]);
        }
        for factor in stage {
            let conv = Conv { from: channels, to: base * factor, kernel: 3, stride: 1, start: Start::Random };
            x = net.conv(&x, &conv);
            x = net.builder.node("Relu", vec![], &[&x]);
            channels = base * factor;
        }
    }
    x = net.conv(&x, &Conv { from: channels, to: spec.classes, kernel: 1, stride: 1, start: Start::Random });
    x = net.builder.node("GlobalAveragePool", vec![], &[&x]);
    net.builder.push("Flatten", "logits", vec![attribute::int("axis", 1)], &[&x], &["logits"]);
}

fn resnet_small(net: &mut Layers, x: String, spec: &Classifier) {
    let base = spec.base.unwrap_or(16);
    let mut channels = base;
    let stem = Conv { from: spec.channels, to: base, kernel: 3, stride: 1, start: Start::Random };
    let mut x = net.conv(&x, &stem);
    x = net.builder.node("Relu", vec![], &[&x]);
    for (factor, stride) in [(1, 1), (2, 2), (4, 2), (8, 2), (8, 1)] {
        let to = base * factor;
        let mut y = net.conv(&x, &Conv { from: channels, to, kernel: 3, stride, start: Start::Random });
        y = net.builder.node("Relu", vec![], &[&y]);
        y = net.conv(&y, &Conv { from: to, to, kernel: 3, stride: 1, start: Start::Zero });
        if channels != to || stride != 1 {
            x = net.conv(&x, &Conv { from: channels, to, kernel: 1, stride, start: Start::Random });
        }
        let sum = net.builder.node("Add", vec![], &[&x, &y]);
        x = net.builder.node("Relu", vec![], &[&sum]);
        channels = to;
    }
    x = net.builder.node("GlobalAveragePool", vec![], &[&x]);
    x = net.builder.node("Flatten", vec![attribute::int("axis", 1)], &[&x]);
    let [weight, bias] = net.weights("head", &[spec.classes, channels], channels, Start::Random);
    let transposed = vec![attribute::int("transB", 1)];
    net.builder.push("Gemm", "logits", transposed, &[&x, &weight, &bias], &["logits"]);
}

/// How weights begin.
#[derive(Clone, Copy)]
enum Start {
    Random,
    Zero,
}

struct Conv {
    from: usize,
    to: usize,
    kernel: usize,
    stride: usize,
    start: Start,
}

/// A builder that draws weights.
struct Layers {
    builder: Builder,
    rng: ChaCha8Rng,
    convolutions: usize,
}

impl Layers {
    fn new(seed: u64) -> Self {
        Self { builder: Builder::new("classifier"), rng: ChaCha8Rng::seed_from_u64(seed), convolutions: 0 }
    }

    fn conv(&mut self, x: &str, conv: &Conv) -> String {
        let name = format!("conv{}", self.convolutions);
        self.convolutions += 1;
        let fan_in = conv.from * conv.kernel * conv.kernel;
        let [weight, bias] =
            self.weights(&name, &[conv.to, conv.from, conv.kernel, conv.kernel], fan_in, conv.start);
        let pad = (conv.kernel / 2) as i64;
        let size = [conv.kernel as i64; 2];
        let attributes = vec![
            attribute::ints("kernel_shape", &size),
            attribute::ints("pads", &[pad; 4]),
            attribute::ints("strides", &[conv.stride as i64; 2]),
        ];
        self.builder.push("Conv", &name, attributes, &[x, &weight, &bias], &[&name]);
        name
    }

    /// Adds `<name>.weight` and `<name>.bias`.
    fn weights(&mut self, name: &str, shape: &[usize], fan_in: usize, start: Start) -> [String; 2] {
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
