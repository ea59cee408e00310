//! U-Net for images that were reconstructed with artefacts.

use super::layers::{Conv, Layers, OPSET, Start};
use super::reconstruction::{check_positive, check_rate, hidden};
use crate::error::NetError;
use crate::graph::Dim;
use crate::onnx::{Model, attribute};
use crate::tensor::{DType, Tensor, Value};

/// The U-Net of Oala et al. for limited-angle tomography (arXiv 2003.11566; METHODS 2.6): on each level two 3x3 convolutions with ReLU, on the way down 2x2
/// maximum pooling and twice the channels, on the way up nearest upsampling, a 2x2 convolution with ReLU and the channels of the other side beside it,
/// dropout after each pooling and each merge, a 1x1 convolution at the end. Input `image` (N, 1, height, width), output `reconstruction` of the same shape;
/// height and width are multiples of `2^(depth - 1)`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct UNet {
    /// Channels of the first level, 64 in the paper; each further level has twice as many.
    pub base: usize,
    /// Levels, at least 1; 5 in the paper.
    pub depth: usize,
    /// Dropout rate, in 0 .. 1; 0.7 in the paper.
    pub dropout: f32,
    /// Seed of the initial weights.
    pub seed: u64,
}

impl Default for UNet {
    fn default() -> Self {
        Self { base: 64, depth: 5, dropout: 0.7, seed: 0 }
    }
}

/// More levels would need images larger than any.
const DEEPEST: usize = 12;

/// Builds a [`UNet`].
///
/// # Errors
/// No channels, no level or more than 12, or a dropout rate outside 0 .. 1.
pub fn unet(spec: &UNet) -> Result<Model, NetError> {
    check_positive("channels", spec.base)?;
    check_positive("levels", spec.depth)?;
    check_rate(spec.dropout)?;
    if spec.depth > DEEPEST {
        return Err(NetError::model(format!(
            "a U-Net of {} levels: at most {DEEPEST} are possible",
            spec.depth
        )));
    }
    let mut net = Layers::new("unet", 2, spec.seed);
    let dims =
        [Dim::Free("batch".into()), Dim::Fixed(1), Dim::Free("height".into()), Dim::Free("width".into())];
    net.builder.input("image", DType::Float, &dims);
    let scales = Tensor::new(vec![4], vec![1.0, 1.0, 2.0, 2.0]).unwrap_or_default();
    net.builder.initializer("upsampling.scales", &Value::Float(scales));
    let channels = |level: usize| spec.base.saturating_mul(1 << level);
    let (mut x, mut from, mut skips) = ("image".to_owned(), 1, Vec::new());
    for level in 0..spec.depth {
        if level > 0 {
            skips.push(x.clone());
            x = halved(&mut net, &x);
            x = net.dropout(x, spec.dropout);
        }
        x = twice(&mut net, &x, from, channels(level));
        from = channels(level);
    }
    for (level, skip) in skips.into_iter().enumerate().rev() {
        let to = channels(level);
        x = doubled(&mut net, &x);
        x = hidden(&mut net, &x, from, to, 2);
        x = net.builder.node("Concat", vec![attribute::int("axis", 1)], &[&skip, &x]);
        x = net.dropout(x, spec.dropout);
        x = twice(&mut net, &x, 2 * to, to);
        from = to;
    }
    let last = Conv { from, to: 1, kernel: 1, stride: 1, start: Start::Glorot };
    net.conv_to("reconstruction", &x, &last);
    net.builder.output("reconstruction", DType::Float, Some(&dims));
    Model::from_proto(net.builder.finish(OPSET))
}

/// Two convolutions with their ReLUs.
fn twice(net: &mut Layers, x: &str, from: usize, to: usize) -> String {
    let x = hidden(net, x, from, to, 3);
    hidden(net, &x, to, to, 3)
}

fn halved(net: &mut Layers, x: &str) -> String {
    let two = |name| attribute::ints(name, &[2, 2]);
    net.builder.node("MaxPool", vec![two("kernel_shape"), two("strides")], &[x])
}

fn doubled(net: &mut Layers, x: &str) -> String {
    let nearest = vec![
        attribute::string("mode", "nearest"),
        attribute::string("coordinate_transformation_mode", "asymmetric"),
        attribute::string("nearest_mode", "floor"),
    ];
    net.builder.node("Resize", nearest, &[x, "", "upsampling.scales"])
}
