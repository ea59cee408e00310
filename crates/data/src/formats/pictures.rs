//! A folder of photographs without a table.

use std::fs;
use std::path::Path;

use image::DynamicImage;
use rayon::prelude::*;

use super::has_extension;
use super::image_file::{decode, dimensions, is_grey};
use crate::error::{Error, Result};
use crate::picture::Picture;

/// Endings of the files that are read.
const EXTENSIONS: [&str; 6] = ["png", "jpg", "jpeg", "bmp", "tif", "tiff"];

/// All pictures of a folder take no more than this as bytes.
const MAX_BYTES: u64 = 2 << 30;

/// Reads the image files directly inside a folder, in the order of their names; other files are not looked at.
///
/// `grey` makes one channel of colour (luma of Rec. 709); without it grey files have three equal channels unless all are
/// grey.
///
/// # Errors
/// [`Error::InFile`] with the folder, around: [`Error::NoSamples`], [`Error::Image`], [`Error::Request`] where the
/// pictures together would take more than 2 GiB.
pub fn read_pictures(folder: &Path, grey: bool) -> Result<Vec<Picture>> {
    read(folder, grey).map_err(|error| error.in_file(folder))
}

fn read(folder: &Path, grey: bool) -> Result<Vec<Picture>> {
    let folder = folder.canonicalize()?;
    let names = names(&folder)?;
    check_memory(&folder, &names)?;
    let images: Vec<DynamicImage> =
        names.par_iter().map(|name| decode(&folder, name)).collect::<Result<_>>()?;
    let grey = grey || images.iter().all(is_grey);
    names.par_iter().zip(images).map(|(name, image)| picture(name, image, grey)).collect()
}

fn names(folder: &Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let is_picture = EXTENSIONS.iter().any(|extension| has_extension(&path, extension));
        if let Some(name) = path.file_name().and_then(|name| name.to_str()).filter(|_| is_picture) {
            names.push(name.to_owned());
        }
    }
    names.sort();
    if names.is_empty() {
        return Err(Error::NoSamples { name: "the folder of pictures".to_owned() });
    }
    Ok(names)
}

/// Adds up what the files declare before any is decoded.
fn check_memory(folder: &Path, names: &[String]) -> Result<()> {
    let mut bytes = 0u64;
    for name in names {
        let (width, height) = dimensions(folder, name)?;
        bytes = bytes.saturating_add(3 * u64::from(width) * u64::from(height));
        if bytes > MAX_BYTES {
            return Err(Error::Request(format!(
                "the pictures up to {name} take over {MAX_BYTES} bytes; put fewer into the folder"
            )));
        }
    }
    Ok(())
}

fn picture(name: &str, image: DynamicImage, grey: bool) -> Result<Picture> {
    let (height, width) = (image.height() as usize, image.width() as usize);
    if grey {
        return Picture::new(name, [1, height, width], image.into_luma8().into_raw());
    }
    let rgb = image.into_rgb8().into_raw();
    let planes = (0..3).flat_map(|channel| rgb.iter().skip(channel).step_by(3)).copied().collect();
    Picture::new(name, [3, height, width], planes)
}
