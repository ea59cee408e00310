//! Images to ask a network about.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use modelmend_data::Picture;
use modelmend_data::formats::read_pictures;
use modelmend_net::graph::{Dim, GraphInput};
use modelmend_net::{Model, Tensor};

use super::super::tensors;

/// One image, N = 1.
pub(in crate::commands) struct Image {
    /// Name that is used for files.
    pub(in crate::commands) name: String,
    pub(in crate::commands) tensor: Tensor<f32>,
}

/// Reads the images, each in the shape that the model takes; there is at least one.
pub(in crate::commands) fn read((path, model): (&Path, &Model), input: &Path) -> Result<Vec<Image>> {
    let [declared] = model.graph().inputs() else {
        bail!(
            "{}: has {} inputs; this command asks models with one image input",
            path.display(),
            model.graph().inputs().len()
        );
    };
    ensure!(input.exists(), "{}: there is no such file or folder", input.display());
    if input.is_dir() { folder(path, declared, input) } else { arrays(path, input) }
}

/// The rows of an array.
fn arrays(model: &Path, input: &Path) -> Result<Vec<Image>> {
    let fed = tensors::feed(model, input, &[])?;
    let all = fed.inputs.into_iter().next().context("the model has no input")?;
    ensure!(
        all.shape().len() > 2 && !all.is_empty(),
        "{}: has shape {:?}; this command reads arrays (N, channels, ...)",
        input.display(),
        all.shape()
    );
    let digits = (all.rows() - 1).to_string().len();
    let shape: Vec<usize> = std::iter::once(1).chain(all.shape().iter().skip(1).copied()).collect();
    let image = |(index, row): (usize, &[f32])| {
        let tensor = Tensor::new(shape.clone(), row.to_vec()).context("an image of an impossible shape")?;
        Ok(Image { name: format!("{index:0digits$}"), tensor })
    };
    all.data().chunks_exact(all.row_len().max(1)).enumerate().map(image).collect()
}

/// The image files of a folder.
fn folder(model: &Path, declared: &GraphInput, folder: &Path) -> Result<Vec<Image>> {
    let [_, channels, height, width] = declared.dims.as_slice() else {
        bail!(
            "{}: `{}` is not (N, channels, height, width), so it takes no image files; give it an .npy array",
            model.display(),
            declared.name
        );
    };
    let wanted = match channels {
        Dim::Fixed(channels @ (1 | 3)) => Some(*channels),
        Dim::Free(_) => None,
        Dim::Fixed(other) => bail!(
            "{}: `{}` has {other} channels, image files have 1 or 3; give it an .npy array",
            model.display(),
            declared.name
        ),
    };
    let pictures = read_pictures(folder, wanted == Some(1))?;
    let names = names(&pictures);
    let image = |(picture, name): (&Picture, String)| {
        for (dim, found, what) in [(height, picture.height(), "rows"), (width, picture.width(), "columns")] {
            if let Dim::Fixed(fixed) = dim {
                ensure!(
                    *fixed == found,
                    "{}: has {found} {what}, the model takes {fixed}: crop or scale it first",
                    folder.join(picture.name()).display()
                );
            }
        }
        // A folder of grey files for a network that takes colours.
        let copies = if wanted == Some(3) && picture.channels() == 1 { 3 } else { 1 };
        let shape = vec![1, copies * picture.channels(), picture.height(), picture.width()];
        let tensor = Tensor::new(shape, picture.values().repeat(copies));
        Ok(Image { name, tensor: tensor.context("an image of an impossible shape")? })
    };
    pictures.iter().zip(names).map(image).collect()
}

/// File names without endings, or with them where two would be the same.
fn names(pictures: &[Picture]) -> Vec<String> {
    let stem = |picture: &Picture| {
        Path::new(picture.name()).file_stem().unwrap_or_default().to_string_lossy().into_owned()
    };
    let mut times: BTreeMap<String, usize> = BTreeMap::new();
    pictures.iter().for_each(|picture| *times.entry(stem(picture)).or_default() += 1);
    let full = |picture: &Picture| picture.name().to_owned();
    let name = |picture| if times.get(&stem(picture)) == Some(&1) { stem(picture) } else { full(picture) };
    pictures.iter().map(name).collect()
}
