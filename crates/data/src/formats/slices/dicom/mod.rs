//! DICOM: computed tomography, one slice a file (PS3.3 A.3, PS3.5, PS3.10).
//!
//! Read by hand, because every value that is wanted is a short one in the main data set, and what general readers do with hostile
//! files (take the memory that a length claims, recurse as deep as sequences nest, index a decoded frame by what another header
//! says) would have to be refused by a walk over all elements in any case. That walk is the reader.

mod dataset;
mod decode;
mod elements;
mod image;
mod jpeg;
mod series;
mod syntax;
mod tags;

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::stack::Room;
use crate::error::{Error, Result};
use crate::slices::Slices;
use dataset::Dataset;
use series::Slice;
pub(super) use syntax::{START, has_magic};

/// A file of one slice is not larger.
const MAX_FILE: u64 = 512 << 20;

/// Files that are in memory at once as they are on disk.
const AT_ONCE: usize = 64;

/// Reads one DICOM file from memory, as [`read_slices`](super::read_slices) does from disk.
///
/// # Errors
/// [`Error::Dicom`] and what else may be wrong with slices.
pub fn slices_from_dicom(bytes: &[u8]) -> Result<Slices> {
    let (mut room, mut slices) = (Room::default(), Vec::new());
    if let Some(slice) = slice(bytes)? {
        room.take(slice.volume.pixels.len())?;
        slices.push((Path::new(""), slice));
    }
    series::stack(slices)
}

/// Reads files, of which each holds one slice.
pub(super) fn read(paths: &[PathBuf]) -> Result<Slices> {
    let (mut room, mut slices) = (Room::default(), Vec::new());
    for paths in paths.chunks(AT_ONCE) {
        let read: Vec<_> = paths.par_iter().map(|path| slice(&content(path)?)).collect();
        for (path, slice) in paths.iter().zip(read) {
            let counted = || {
                let slice = slice?;
                slice.iter().try_for_each(|slice| room.take(slice.volume.pixels.len()))?;
                Ok(slice)
            };
            let slice = counted().map_err(|error: Error| error.in_file(path))?;
            slices.extend(slice.map(|slice| (path.as_path(), slice)));
        }
    }
    series::stack(slices)
}

fn content(path: &Path) -> Result<Vec<u8>> {
    let file = File::open(path)?;
    if file.metadata()?.len() > MAX_FILE {
        return Err(bad(format!("over {} MiB, too much for one slice", MAX_FILE >> 20)));
    }
    let mut bytes = Vec::new();
    file.take(MAX_FILE).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The slice of a file; `None` for localizers and directories, which belong to a series and hold no slice.
fn slice(bytes: &[u8]) -> Result<Option<Slice>> {
    let (syntax, body) = syntax::open(bytes)?;
    let Some(syntax) = syntax else { return Ok(None) };
    let body = syntax.unpack(body)?;
    let dataset = Dataset::read(&body, syntax.encoding)?;
    series::slice(&dataset, &syntax)
}

fn bad(cause: impl Into<String>) -> Error {
    Error::Dicom { cause: cause.into() }
}

/// The error for a file that has the ending but not the content.
pub(super) fn without_magic() -> Error {
    bad("no `DICM` after the first 128 bytes, so this is no DICOM file")
}
