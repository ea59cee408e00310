//! Slices from DICOM and NIfTI, against pydicom, GDCM and nibabel, and from files that are crafted here.

#![allow(clippy::unwrap_used, reason = "helpers of tests may fail the test")]

#[path = "slices/craft.rs"]
mod craft;
#[path = "slices/dicom.rs"]
mod dicom;
#[path = "slices/hostile.rs"]
mod hostile;
#[path = "slices/nifti.rs"]
mod nifti;
#[path = "slices/vectors.rs"]
mod vectors;

use std::path::Path;

use modelmend_data::Slices;
use modelmend_data::formats::read_slices;

/// The error for a path, one line that names it.
fn refused(path: &Path) -> String {
    let text = read_slices(path).unwrap_err().to_string();
    assert!(!text.contains('\n') && text.contains(&*path.to_string_lossy()), "{text}");
    text
}

/// The first pixel of each slice.
fn first_pixels(slices: &Slices) -> Vec<f32> {
    slices.iter().map(|slice| slice[0]).collect()
}
