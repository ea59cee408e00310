//! Classifiers.

use super::layers::{Conv, Layers, OPSET, Start};
use crate::error::NetError;
use crate::graph::Dim;
use crate::onnx::{Model, attribute};
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

/// Builds a classifier with random weights: uniform in +-1/sqrt(fan in), PyTorch's default.
///
/// # Errors
/// An image too small for the network's poolings.
pub fn classifier(spec: &Classifier) -> Result<Model, NetError> {
    let mut net = Layers::new("classifier", 2, spec.seed);
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
            let conv = Conv { from: channels, to: base * factor, kernel: 3, stride: 1, start: Start::FanIn };
            x = net.conv(&x, &conv);
            x = net.builder.node("Relu", vec![], &[&x]);
            channels = base * factor;
        }
    }
    x = net.conv(&x, &Conv { from: channels, to: spec.classes, kernel: 1, stride: 1, start: Start::FanIn });
    x = net.builder.node("GlobalAveragePool", vec![], &[&x]);
    net.builder.push("Flatten", "logits", vec![attribute::int("axis", 1)], &[&x], &["logits"]);
}

fn resnet_small(net: &mut Layers, x: String, spec: &Classifier) {
    let base = spec.base.unwrap_or(16);
    let mut channels = base;
    let stem = Conv { from: spec.channels, to: base, kernel: 3, stride: 1, start: Start::FanIn };
    let mut x = net.conv(&x, &stem);
    x = net.builder.node("Relu", vec![], &[&x]);
    for (factor, stride) in [(1, 1), (2, 2), (4, 2), (8, 2), (8, 1)] {
        let to = base * factor;
        let mut y = net.conv(&x, &Conv { from: channels, to, kernel: 3, stride, start: Start::FanIn });
        y = net.builder.node("Relu", vec![], &[&y]);
        y = net.conv(&y, &Conv { from: to, to, kernel: 3, stride: 1, start: Start::Zero });
        if channels != to || stride != 1 {
            x = net.conv(&x, &Conv { from: channels, to, kernel: 1, stride, start: Start::FanIn });
        }
        let sum = net.builder.node("Add", vec![], &[&x, &y]);
        x = net.builder.node("Relu", vec![], &[&sum]);
        channels = to;
    }
    x = net.builder.node("GlobalAveragePool", vec![], &[&x]);
    x = net.builder.node("Flatten", vec![attribute::int("axis", 1)], &[&x]);
    let [weight, bias] = net.weights("head", &[spec.classes, channels], Start::FanIn);
    let transposed = vec![attribute::int("transB", 1)];
    net.builder.push("Gemm", "logits", transposed, &[&x, &weight, &bias], &["logits"]);
}
