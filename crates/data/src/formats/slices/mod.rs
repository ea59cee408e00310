//! Slices in Hounsfield units, one door for every format that holds them.
//!
//! What identifies a patient in a header stays there: slices from DICOM and NIfTI name their patients `patient-1`,
//! `patient-2` and so on, and no error repeats a header's text beyond codes of the standard.

mod dicom;
mod files;
mod nifti;
mod npz;
mod stack;
mod volume;

use std::path::Path;

pub use dicom::slices_from_dicom;
pub use nifti::slices_from_nifti;

use super::has_extension;
use crate::error::{Error, Result};
use crate::slices::Slices;
use files::Kind;

/// What users may give.
const KNOWN: &str = "`.npz` with arrays `hu` and `patient`; a DICOM file or a folder of them; `.nii`, `.nii.gz` or a folder of them";

/// Reads square axial slices in Hounsfield units, each of a patient.
///
/// - `.npz`: arrays `hu` (slices, size, size) and `patient` (slices), numbers or text, taken as they are.
/// - A DICOM file, whatever its ending, or a folder of them at any depth: CT with one frame a file, in the order of patients, series
///   and height. Patients are told apart by `PatientID`, in whose order they are named; series of a patient are volumes one after
///   another. Localizers and `DICOMDIR` are passed over.
/// - `.nii`, `.nii.gz` or a folder of them at any depth: NIfTI-1 in Hounsfield units, one patient a file, in the order of paths.
///
/// DICOM and NIfTI are brought into the orientation of axial DICOM: row 0 anterior, column 0 at the patient's right, slices from
/// feet to head. Oblique volumes are refused, and so are pixels that are not square. An image that is not square lies in the middle
/// of a square of air (-1000), if its longer side is at most twice the shorter. Hidden files and symbolic links inside a folder
/// are not read.
///
/// # Errors
/// [`Error::InFile`] around what is missing or wrong.
pub fn read_slices(path: &Path) -> Result<Slices> {
    read(path).map_err(|error| error.in_file(path))
}

fn read(path: &Path) -> Result<Slices> {
    if path.is_dir() {
        return read_folder(path);
    }
    if has_extension(path, "npz") {
        return npz::read(path);
    }
    match files::kind(path)? {
        Some(Kind::Nifti) => nifti::read(&[path.to_owned()]),
        Some(Kind::Dicom) => dicom::read(&[path.to_owned()]),
        None if has_extension(path, "dcm") => Err(dicom::without_magic()),
        None => Err(Error::UnknownFormat { known: KNOWN.to_owned() }),
    }
}

fn read_folder(folder: &Path) -> Result<Slices> {
    let (dicom, nifti) = files::of_folder(folder)?;
    match (dicom.is_empty(), nifti.is_empty()) {
        (false, true) => dicom::read(&dicom),
        (true, false) => nifti::read(&nifti),
        (true, true) => Err(Error::NoSamples { name: "DICOM or NIfTI files in the folder".to_owned() }),
        (false, false) => {
            Err(Error::Request("holds DICOM and NIfTI files; give a folder with one of them".to_owned()))
        }
    }
}
