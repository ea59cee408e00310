//! Small convolutional networks.

use modelmend_net::graph::Dim;
use modelmend_net::onnx::{Builder, attribute};
use modelmend_net::tensor::DType;
use modelmend_net::{Model, NetError, Tensor};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Convolutions in `dimensions` with kernels of the odd size `kernel` that keep the size of the image, `channels` before the
/// first and after each, ReLU between them. Node `i` is `conv<i>`, the output `y`.
pub(crate) fn convolutions(
    dimensions: usize,
    kernel: usize,
    channels: &[usize],
    seed: u64,
) -> Result<Model, NetError> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut builder = Builder::new("convolutions");
    let dims = |channels: usize| -> Vec<Dim> {
        let space = (0..dimensions).map(|axis| Dim::Free(format!("d{axis}")));
        [Dim::Free("N".into()), Dim::Fixed(channels)].into_iter().chain(space).collect()
    };
    let first = channels.first().copied().unwrap_or(1);
    builder.input("x", DType::Float, &dims(first));
    let mut x = "x".to_owned();
    for (i, pair) in channels.windows(2).enumerate() {
        let [from, to] = [pair[0], pair[1]];
        let fan_in = from * kernel.pow(dimensions as u32);
        let bound = (3.0 / fan_in as f32).sqrt();
        let mut draw =
            |shape: Vec<usize>| Tensor::full(shape, 0f32).map(|_| bound * (2.0 * rng.random::<f32>() - 1.0));
        let weight = draw([vec![to, from], vec![kernel; dimensions]].concat());
        builder.weight(&format!("conv{i}.weight"), &weight);
        builder.weight(&format!("conv{i}.bias"), &draw(vec![to]));
        let last = i + 2 == channels.len();
        let name = if last { "y".to_owned() } else { format!("conv{i}") };
        let pads = attribute::ints("pads", &vec![(kernel / 2) as i64; 2 * dimensions]);
        let inputs = [x.clone(), format!("conv{i}.weight"), format!("conv{i}.bias")];
        let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
        builder.push("Conv", &format!("conv{i}"), vec![pads], &inputs, &[&name]);
        x = if last { name } else { builder.node("Relu", vec![], &[&name]) };
    }
    builder.output("y", DType::Float, Some(&dims(channels.last().copied().unwrap_or(1))));
    Model::from_proto(builder.finish(17))
}

/// Images with values in -1..1.
pub(crate) fn images(shape: &[usize], seed: u64) -> Tensor<f32> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    Tensor::full(shape, 0f32).map(|_| 2.0 * rng.random::<f32>() - 1.0)
}
