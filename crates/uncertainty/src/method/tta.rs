//! Test-time augmentation (Ayhan and Berens, MIDL 2018; Wang et al., arXiv 1807.07356).

use modelmend_net::{Model, Runtime, Settings, Tensor};

use super::spread::{COPIES, image_by_image, with_images};
use super::{Maps, Method, missing, run};
use crate::error::{Result, UncertaintyError};

/// The network's answers to mirrored and turned views of an image, mirrored and turned back: the output is their mean, u their
/// standard deviation (unbiased variance). Draws nothing.
///
/// The views are all mirrorings of the axes (2 of a signal, 4 of an image, 8 of a volume) and for square images those of the
/// transposed image as well, which makes the 8 symmetries of the square with its quarter turns. Where mirrored data are nothing that
/// the problem could have produced, u is large for that reason.
#[derive(Debug)]
pub struct Augmented {
    runtime: Runtime<f32>,
    model: Model,
}

impl Augmented {
    /// Asks this network.
    pub fn new(base: &Model) -> Self {
        Self { runtime: Runtime::new(base.graph().clone()), model: base.clone() }
    }
}

impl Method for Augmented {
    fn maps(&self, input: &Tensor<f32>) -> Result<Maps> {
        let views = views(input.shape())?;
        image_by_image(input, views.len(), |image| self.answers(image, &views))
    }
}

impl Augmented {
    /// The outputs for all views of one image, as seen from the first.
    fn answers(&self, image: &Tensor<f32>, views: &[View]) -> Result<Tensor<f32>> {
        let (_, axes) = split(image.shape())?;
        let seen = views.iter().flat_map(|view| view.look(image.data().to_vec(), axes)).collect();
        let batch = Tensor::new(with_images(views.len(), image.shape()), seen).ok_or_else(missing)?;
        let settings = Settings { chunk: COPIES, ..Settings::default() };
        let outputs = run(&self.runtime, &self.model, &batch, settings)?;
        let output = outputs.into_iter().next().ok_or_else(missing)?;
        let (_, after) = split(output.shape())?;
        let turned = views.iter().any(|view| view.transposed);
        if after.len() != axes.len() || (turned && !is_square(after)) {
            return Err(UncertaintyError::Invalid(format!(
                "tta: an output of {:?} for an input of {:?} cannot be mirrored and turned back",
                output.shape(),
                batch.shape()
            )));
        }
        let rows = output.data().chunks_exact(output.row_len().max(1)).zip(views);
        let back = rows.flat_map(|(row, view)| view.look_back(row.to_vec(), after)).collect();
        Ok(Tensor::new(output.shape(), back).ok_or_else(missing)?)
    }
}

/// A way to look at an image.
struct View {
    /// Whether rows and columns change places first.
    transposed: bool,
    /// Which axes are mirrored.
    mirrored: Vec<bool>,
}

impl View {
    fn look(&self, data: Vec<f32>, axes: &[usize]) -> Vec<f32> {
        let data = if self.transposed { transpose(&data, axes) } else { data };
        self.mirror(data, axes)
    }

    fn look_back(&self, data: Vec<f32>, axes: &[usize]) -> Vec<f32> {
        let data = self.mirror(data, axes);
        if self.transposed { transpose(&data, axes) } else { data }
    }

    fn mirror(&self, mut data: Vec<f32>, axes: &[usize]) -> Vec<f32> {
        // Elements of one step along the axis, from the last axis on.
        let mut step = 1;
        for (&length, &mirrored) in axes.iter().zip(&self.mirrored).rev() {
            if mirrored {
                let lines = data.chunks_exact((length * step).max(1));
                data = lines.flat_map(|line| line.chunks_exact(step).rev().flatten()).copied().collect();
            }
            step *= length.max(1);
        }
        data
    }
}

/// All views of images of this shape, the image itself first.
fn views(shape: &[usize]) -> Result<Vec<View>> {
    let (_, axes) = split(shape)?;
    let transposed: &[bool] = if is_square(axes) { &[false, true] } else { &[false] };
    let mirrorings = 0..1usize << axes.len();
    let view = |transposed: bool, mirroring: usize| View {
        transposed,
        mirrored: (0..axes.len()).map(|axis| mirroring >> axis & 1 == 1).collect(),
    };
    Ok(transposed.iter().flat_map(|&t| mirrorings.clone().map(move |m| view(t, m))).collect())
}

/// Images and channels, and the axes in space: 1 to 3.
fn split(shape: &[usize]) -> Result<(&[usize], &[usize])> {
    let parts = shape.split_at_checked(2).filter(|(_, axes)| (1..=3).contains(&axes.len()));
    parts.ok_or_else(|| {
        UncertaintyError::Invalid(format!(
            "tta: {shape:?} is neither signals (N, channels, length) nor images or volumes; nothing can be mirrored"
        ))
    })
}

fn is_square(axes: &[usize]) -> bool {
    matches!(axes, [height, width] if height == width)
}

/// Swaps rows and columns of every plane of a square image.
fn transpose(data: &[f32], axes: &[usize]) -> Vec<f32> {
    let edge = axes.first().copied().unwrap_or(1).max(1);
    let planes = data.chunks_exact(edge * edge);
    planes
        .flat_map(|plane| (0..edge).flat_map(move |x| plane.iter().skip(x).step_by(edge)))
        .copied()
        .collect()
}
