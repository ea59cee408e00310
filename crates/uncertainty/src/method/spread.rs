//! Mean and spread of several outputs for the same image: of passes, of members, of views.

use modelmend_net::Tensor;

use super::{Maps, missing};
use crate::error::Result;

/// Outputs for an image that one thread computes at a time: pictures are large.
pub(super) const COPIES: usize = 4;

/// Asks for `count` (at least 2) outputs of each image by itself, a batch of them; the output is their mean, u their standard
/// deviation.
pub(super) fn image_by_image(
    input: &Tensor<f32>,
    count: usize,
    several: impl Fn(&Tensor<f32>) -> Result<Tensor<f32>>,
) -> Result<Maps> {
    let (mut output, mut u) = (Vec::new(), Vec::new());
    let one = with_images(1, input.shape());
    let mut shape = Vec::new();
    for image in input.data().chunks_exact(input.row_len().max(1)) {
        let image = Tensor::new(one.clone(), image.to_vec()).ok_or_else(missing)?;
        let outputs = several(&image)?;
        shape = outputs.shape().to_vec();
        let (mean, deviation) = spread(outputs.data(), count);
        output.extend(mean);
        u.extend(deviation);
    }
    if let Some(images) = shape.first_mut() {
        *images = input.rows();
    }
    maps(&shape, (output, u))
}

/// A shape with another number of images.
pub(super) fn with_images(images: usize, shape: &[usize]) -> Vec<usize> {
    std::iter::once(images).chain(shape.iter().skip(1).copied()).collect()
}

/// Maps of this shape without bounds, from output and u.
pub(super) fn maps(shape: &[usize], (output, u): (Vec<f32>, Vec<f32>)) -> Result<Maps> {
    let tensor = |data| Tensor::new(shape, data).ok_or_else(missing);
    Ok(Maps { output: tensor(output)?, u: tensor(u)?, bounds: None })
}

/// Mean and standard deviation (unbiased variance) of each element over `count` outputs that stand one after another.
pub(super) fn spread(outputs: &[f32], count: usize) -> (Vec<f32>, Vec<f32>) {
    let (mut mean, mut squares) = (vec![0.0; outputs.len() / count], vec![0.0; outputs.len() / count]);
    // Updated output by output (Welford 1962).
    for (before, values) in outputs.chunks_exact(mean.len().max(1)).enumerate() {
        for ((mean, square), &y) in mean.iter_mut().zip(&mut squares).zip(values) {
            let off = f64::from(y) - *mean;
            *mean += off / (before + 1) as f64;
            *square += off * (f64::from(y) - *mean);
        }
    }
    let deviation = squares.into_iter().map(|s| (s / (count - 1) as f64).sqrt() as f32).collect();
    (mean.into_iter().map(|m| m as f32).collect(), deviation)
}
