//! The files of a folder that hold slices.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use super::dicom;
use crate::error::{Error, Result};
use crate::formats::has_extension;

/// A format that is known by a file's name or its first bytes.
pub(super) enum Kind {
    Dicom,
    Nifti,
}

/// What a file is, if it is one of these.
pub(super) fn kind(path: &Path) -> Result<Option<Kind>> {
    let unpacked = if has_extension(path, "gz") { path.with_extension("") } else { path.to_owned() };
    if has_extension(&unpacked, "nii") {
        return Ok(Some(Kind::Nifti));
    }
    let mut start = Vec::new();
    File::open(path)?.take(dicom::START as u64).read_to_end(&mut start)?;
    Ok(dicom::has_magic(&start).then_some(Kind::Dicom))
}

/// DICOM and NIfTI files at any depth, each in the order of their paths. Like the hash of a study's inputs it passes over hidden
/// files and symbolic links.
pub(super) fn of_folder(folder: &Path) -> Result<(Vec<PathBuf>, Vec<PathBuf>)> {
    let (mut dicom, mut nifti) = (Vec::new(), Vec::new());
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).map_err(|error| Error::from(error).in_file(&folder))? {
            let entry = entry?;
            let (path, found) = (entry.path(), entry.file_type()?);
            if entry.file_name().as_encoded_bytes().starts_with(b".") {
                continue;
            }
            if found.is_dir() {
                folders.push(path);
            } else if found.is_file() {
                match kind(&path).map_err(|error| error.in_file(&path))? {
                    Some(Kind::Dicom) => dicom.push(path),
                    Some(Kind::Nifti) => nifti.push(path),
                    None => {}
                }
            }
        }
    }
    dicom.sort();
    nifti.sort();
    Ok((dicom, nifti))
}
