//! Slices from `.npz`.

use std::path::Path;

use crate::error::{Error, Result, dims};
use crate::formats::{Array, NpzFile, Values};
use crate::slices::Slices;

/// Reads square slices from arrays `hu` (slices, size, size), Hounsfield units, and `patient` (slices), numbers or text.
pub(super) fn read(path: &Path) -> Result<Slices> {
    let mut file = NpzFile::open(path)?;
    let (hu, patient) = (file.read("hu")?, file.read("patient")?);
    let read = move || {
        let &[count, size, width] = hu.shape() else { return Err(wrong(hu.shape())) };
        if size != width {
            return Err(wrong(hu.shape()));
        }
        if let Some(image) = hu.first_non_finite() {
            return Err(Error::NonFinite { array: "hu".to_owned(), image });
        }
        let patients = names(patient)?;
        if patients.len() != count {
            return Err(Error::CountMismatch {
                first: "hu".to_owned(),
                first_count: count,
                second: "patient".to_owned(),
                second_count: patients.len(),
            });
        }
        let text = || Error::Dtype { array: "hu".to_owned(), dtype: "text".to_owned() };
        let pixels = hu.into_f32().ok_or_else(text)?;
        Slices::new(size, pixels, patients)
    };
    read().map_err(|error: Error| error.in_file(path))
}

fn wrong(shape: &[usize]) -> Error {
    Error::Shape { array: "hu".to_owned(), expected: "(slices, size, size)".to_owned(), got: dims(shape) }
}

/// One name for each slice.
fn names(patient: Array) -> Result<Vec<String>> {
    if let Values::Text(names) = patient.values() {
        return Ok(names.clone());
    }
    let wrong = |(case, value)| Error::LabelType { array: "patient".to_owned(), case, value };
    Ok(patient.to_i64().map_err(wrong)?.iter().map(ToString::to_string).collect())
}
