//! File formats: the only place of this crate that touches the disk.
//!
//! Input is taken to be hostile: what a file declares is compared with the bytes that are there before memory is taken,
//! archives that unpack to far more than they are get refused, so are pickles, and image paths stay inside their folder.
//!
//! To add a format for cases, write a file beside this one with a `pub(super) const FORMAT: Format` and add its line to
//! [`FORMATS`].

mod array;
mod atomic;
mod batch;
mod csv;
mod folder;
mod image_file;
mod in_place;
mod medmnist;
mod npy;
mod npy_header;
mod npy_pair;
mod npz;
mod parquet;
mod pictures;
mod png;
mod slices;

use std::path::{Path, PathBuf};

pub use array::{Array, Values};
pub use atomic::write_atomically;
pub use batch::Batch;
pub use csv::read_csv;
pub use npy::{read_npy, write_npy};
pub use npz::{NpzFile, read_npz, write_npz};
pub use parquet::{read_parquet, write_parquet};
pub use pictures::read_pictures;
pub use png::write_png;
pub use slices::{read_slices, slices_from_dicom, slices_from_nifti};

use crate::cases::Cases;
use crate::error::{Error, Result, dims};
use crate::images::{Images, Pixels};

/// A way in which cases are kept in files.
#[derive(Clone, Copy)]
pub struct Format {
    /// What users call it.
    pub name: &'static str,
    /// Whether it reads this path.
    pub reads: fn(&Path) -> bool,
    /// Reads cases from a path that it `reads`.
    pub read: fn(&Source) -> Result<Cases>,
}

/// Every format of this build; the first that reads a path is taken.
pub const FORMATS: &[Format] = &[medmnist::FORMAT, npy_pair::FORMAT, folder::FORMAT];

/// Where cases are and which of them are wanted.
#[derive(Clone, Debug)]
pub struct Source {
    /// A `.npz` in MedMNIST layout, an `images.npy` beside its `labels.npy`, a `.csv` or `.parquet` table of image
    /// files, or a folder with one such table.
    pub path: PathBuf,
    /// Names of the splits to read and join, in this order; none means all there are.
    pub splits: Vec<String>,
    /// Height and width that image files of another size are brought to; `None` refuses them.
    pub resize: Option<(u32, u32)>,
    /// Columns of a table of image files.
    pub columns: TableColumns,
}

/// Names of the columns of a table of image files that have a meaning; all others are metadata.
#[derive(Clone, Debug)]
pub struct TableColumns {
    /// Path of the image file, relative to the table's folder.
    pub path: String,
    /// Fine label, a whole number.
    pub label: String,
    /// Group (patient, slide); may lack.
    pub group: String,
    /// Split; may lack.
    pub split: String,
}

impl Default for TableColumns {
    fn default() -> Self {
        let [path, label, group, split] = ["path", "label", "group", "split"].map(str::to_owned);
        TableColumns { path, label, group, split }
    }
}

impl Source {
    /// All cases at a path, image files of one size, columns by their usual names.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Source { path: path.into(), splits: Vec::new(), resize: None, columns: TableColumns::default() }
    }

    /// Only these splits, joined in this order.
    #[must_use]
    pub fn splits<S: Into<String>>(mut self, splits: impl IntoIterator<Item = S>) -> Self {
        self.splits = splits.into_iter().map(Into::into).collect();
        self
    }
}

/// Reads cases in whichever of the [`FORMATS`] the path is.
///
/// # Errors
/// [`Error::InFile`] with the path, around what is wrong.
pub fn read_cases(source: &Source) -> Result<Cases> {
    let format = FORMATS.iter().find(|format| (format.reads)(&source.path)).ok_or_else(|| {
        match source.path.try_exists() {
            Ok(true) => Error::UnknownFormat {
                known: FORMATS.iter().map(|format| format.name).collect::<Vec<_>>().join("; "),
            },
            Ok(false) => Error::Io(std::io::ErrorKind::NotFound.into()),
            Err(error) => Error::Io(error),
        }
    });
    let read = || {
        let cases = (format?.read)(source)?;
        cases.check()?;
        Ok(cases)
    };
    read().map_err(|error: Error| error.in_file(&source.path))
}

/// Whether a path ends in this extension (in any case).
fn has_extension(path: &Path, extension: &str) -> bool {
    path.extension().is_some_and(|found| found.eq_ignore_ascii_case(extension))
}

/// A stack of images from an array of bytes or numbers.
fn images(name: &str, array: Array) -> Result<Images> {
    let shape = array.shape().to_vec();
    let pixels = match array.into_values() {
        Values::U8(values) => Pixels::U8(values),
        Values::Text(_) | Values::Bool(_) => {
            return Err(Error::Dtype {
                array: name.to_owned(),
                dtype: "(text or bool) for images".to_owned(),
            });
        }
        numbers => {
            let numbers = Array::new(shape.clone(), numbers)?.into_f32();
            Pixels::F32(numbers.unwrap_or_default())
        }
    };
    Images::new(name, &shape, pixels)
}

/// Labels from an array of shape (N,) or (N, 1).
fn labels(name: &str, array: &Array) -> Result<Vec<i64>> {
    if !matches!(array.shape(), [_] | [_, 1]) {
        let got = dims(array.shape());
        return Err(Error::Shape { array: name.to_owned(), expected: "N or Nx1".to_owned(), got });
    }
    array.to_i64().map_err(|(case, value)| Error::LabelType { array: name.to_owned(), case, value })
}
