//! One image file (PNG, JPEG, BMP, TIFF) inside a folder.

use std::fs;
use std::io::BufReader;
use std::path::{Component, Path, PathBuf};

use image::{DynamicImage, ImageReader, Limits};

use crate::error::{Error, Result};

/// One decoded image file takes no more than this.
const MAX_IMAGE_BYTES: u64 = 128 << 20;

/// Decodes the file `name` of a folder (canonical).
pub(super) fn decode(folder: &Path, name: &str) -> Result<DynamicImage> {
    let mut reader = open(folder, name)?;
    let mut limits = Limits::default();
    limits.max_alloc = Some(MAX_IMAGE_BYTES);
    reader.limits(limits);
    reader.decode().map_err(|error| bad(name, &error))
}

/// Width and height as the file's head declares them.
pub(super) fn dimensions(folder: &Path, name: &str) -> Result<(u32, u32)> {
    open(folder, name)?.into_dimensions().map_err(|error| bad(name, &error))
}

/// Whether an image has no colour.
pub(super) fn is_grey(image: &DynamicImage) -> bool {
    !image.color().has_color()
}

fn bad(name: &str, cause: &dyn std::fmt::Display) -> Error {
    Error::Image { name: name.to_owned(), cause: cause.to_string() }
}

fn open(folder: &Path, name: &str) -> Result<ImageReader<BufReader<fs::File>>> {
    let file = fs::File::open(inside(folder, name)?).map_err(|error| bad(name, &error))?;
    ImageReader::new(BufReader::new(file)).with_guessed_format().map_err(|error| bad(name, &error))
}

/// The real path of a file, which must lie in `folder` (canonical) even after links are followed.
fn inside(folder: &Path, name: &str) -> Result<PathBuf> {
    let outside = || Error::OutsideFolder { name: name.to_owned() };
    let plain = |part: Component<'_>| matches!(part, Component::Normal(_) | Component::CurDir);
    if !Path::new(name).components().all(plain) {
        return Err(outside());
    }
    let path = folder.join(name).canonicalize().map_err(|error| bad(name, &error))?;
    if path.starts_with(folder) { Ok(path) } else { Err(outside()) }
}
