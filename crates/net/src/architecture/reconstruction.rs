//! Networks that turn a measurement into an image or signal.
//!
//! Without normalisation the initial weights decide whether a deep network trains: with PyTorch's default a layer and its ReLU
//! shrink a signal to 0.4 of its spread, and 17 of them stand still. With Glorot's, the default of the authors' Keras, it is 0.7.

use super::layers::{Conv, Layers, OPSET, Start};
use crate::error::NetError;
use crate::graph::Dim;
use crate::onnx::Model;
use crate::tensor::DType;

/// The network of Oala et al. for 1-D deconvolution (arXiv 2003.11566; METHODS 2.6): convolutions of width 5 with
/// padding 2 and 1-16-32-64-128-256-256-64-32-1 channels, ReLU after all but the last. These are eight hidden
/// layers and one that reads them out. Input `signal` (N, 1, length), output `reconstruction` of the same shape, any length.
///
/// The paper names dropout rates of 0.2 and 0.5 and no places. Here 0.2 stands after the 128 channels on the way up and the 64
/// on the way down, 0.5 after both layers of 256 between them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Conv1d {
    /// Channels of the first layer, 16 in the paper; the others grow with it.
    pub base: usize,
    /// One rate, in 0 .. 1, at all four places; `None` for the paper's two.
    pub dropout: Option<f32>,
    /// Seed of the initial weights.
    pub seed: u64,
}

impl Default for Conv1d {
    fn default() -> Self {
        Self { base: 16, dropout: None, seed: 0 }
    }
}

/// Hidden layers of [`Conv1d`]: channels as a multiple of the first layer's, dropout rate after the ReLU.
const CONV1D_HIDDEN: [(usize, f32); 8] =
    [(1, 0.0), (2, 0.0), (4, 0.0), (8, 0.2), (16, 0.5), (16, 0.5), (4, 0.2), (2, 0.0)];

/// Builds a [`Conv1d`].
///
/// # Errors
/// No channels, or a dropout rate outside 0 .. 1.
pub fn conv1d(spec: &Conv1d) -> Result<Model, NetError> {
    check_positive("channels", spec.base)?;
    check_rate(spec.dropout.unwrap_or_default())?;
    let mut net = Layers::new("conv1d", 1, spec.seed);
    let dims = [Dim::Free("batch".into()), Dim::Fixed(1), Dim::Free("length".into())];
    net.builder.input("signal", DType::Float, &dims);
    let (mut x, mut from) = ("signal".to_owned(), 1);
    for (factor, rate) in CONV1D_HIDDEN {
        let to = spec.base.saturating_mul(factor);
        x = hidden(&mut net, &x, from, to, 5);
        let rate = if rate > 0.0 { spec.dropout.unwrap_or(rate) } else { 0.0 };
        x = net.dropout(x, rate);
        from = to;
    }
    let last = Conv { from, to: 1, kernel: 5, stride: 1, start: Start::Glorot };
    net.conv_to("reconstruction", &x, &last);
    net.builder.output("reconstruction", DType::Float, Some(&dims));
    Model::from_proto(net.builder.finish(OPSET))
}

/// DnCNN (Zhang et al., arXiv 1608.03981) without batch normalisation, as Oala et al. train it: `depth` 3x3 convolutions, ReLU
/// after all but the last, dropout after every other ReLU from the second on. Input `image` (N, `channels`, height, width),
/// output `reconstruction` of the same shape, any height and width.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DnCnn {
    /// Channels of the image: 1 for grey, 3 for colour.
    pub channels: usize,
    /// Channels of the hidden layers; 128 in Oala et al.
    pub width: usize,
    /// Convolutions, at least 2; 17 in Zhang et al.
    pub depth: usize,
    /// Dropout rate, in 0 .. 1; 0.05 in Oala et al.
    pub dropout: f32,
    /// Whether the convolutions estimate the noise, which is subtracted from the input (Zhang et al.), or the image itself.
    pub residual: bool,
    /// Seed of the initial weights.
    pub seed: u64,
}

impl Default for DnCnn {
    fn default() -> Self {
        Self { channels: 1, width: 128, depth: 17, dropout: 0.05, residual: true, seed: 0 }
    }
}

/// Builds a [`DnCnn`].
///
/// # Errors
/// No channels, fewer than two convolutions, or a dropout rate outside 0 .. 1.
pub fn dncnn(spec: &DnCnn) -> Result<Model, NetError> {
    check_positive("channels", spec.channels.min(spec.width))?;
    check_positive("hidden layers", spec.depth.saturating_sub(1))?;
    check_rate(spec.dropout)?;
    let mut net = Layers::new("dncnn", 2, spec.seed);
    let dims = [
        Dim::Free("batch".into()),
        Dim::Fixed(spec.channels),
        Dim::Free("height".into()),
        Dim::Free("width".into()),
    ];
    net.builder.input("image", DType::Float, &dims);
    let (mut x, mut from) = ("image".to_owned(), spec.channels);
    for layer in 1..spec.depth {
        x = hidden(&mut net, &x, from, spec.width, 3);
        x = net.dropout(x, if layer % 2 == 0 { spec.dropout } else { 0.0 });
        from = spec.width;
    }
    let last = Conv { from, to: spec.channels, kernel: 3, stride: 1, start: Start::Glorot };
    if spec.residual {
        let noise = net.conv(&x, &last);
        net.builder.push("Sub", "reconstruction", vec![], &["image", &noise], &["reconstruction"]);
    } else {
        net.conv_to("reconstruction", &x, &last);
    }
    net.builder.output("reconstruction", DType::Float, Some(&dims));
    Model::from_proto(net.builder.finish(OPSET))
}

/// A convolution and its ReLU.
pub(super) fn hidden(net: &mut Layers, x: &str, from: usize, to: usize, kernel: usize) -> String {
    let x = net.conv(x, &Conv { from, to, kernel, stride: 1, start: Start::Glorot });
    net.builder.node("Relu", vec![], &[&x])
}

pub(super) fn check_positive(what: &str, count: usize) -> Result<(), NetError> {
    if count > 0 {
        Ok(())
    } else {
        Err(NetError::model(format!("a network needs {what}: at least 1, not 0")))
    }
}

pub(super) fn check_rate(rate: f32) -> Result<(), NetError> {
    if (0.0..1.0).contains(&rate) {
        return Ok(());
    }
    Err(NetError::model(format!("dropout rate {rate} is not in [0, 1)")))
}
