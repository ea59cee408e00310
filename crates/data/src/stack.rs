//! One array of images, in memory or where it lies on disk.

use std::borrow::Cow;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use crate::error::{Error, Result};
use crate::images::{Layout, Pixels};

/// The images of one array, all of one size.
#[derive(Debug)]
pub(crate) struct Stack {
    /// Order of the axes of an image.
    pub(crate) layout: Layout,
    /// The values, image after image.
    pub(crate) values: Values,
}

/// Where the values of a stack are.
#[derive(Debug)]
pub(crate) enum Values {
    Memory(Pixels),
    File(InFile),
}

/// Type of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Bytes,
    /// Little-endian.
    Floats,
}

/// Values that stay in a file and are read image by image, so that a stack may be larger than the memory.
#[derive(Debug)]
pub(crate) struct InFile {
    path: PathBuf,
    file: Mutex<File>,
    /// Where the first value begins.
    start: u64,
    pub(crate) kind: Kind,
}

impl InFile {
    pub(crate) fn open(path: &Path, start: u64, kind: Kind) -> Result<Self> {
        Ok(Self { path: path.to_owned(), file: Mutex::new(File::open(path)?), start, kind })
    }

    fn bytes(&self, index: usize, length: usize) -> Result<Vec<u8>> {
        let mut bytes = vec![0; length];
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let at = SeekFrom::Start(self.start + index as u64 * length as u64);
        file.seek(at)
            .and_then(|_| file.read_exact(&mut bytes))
            .map_err(|error| Error::from(error).in_file(&self.path))?;
        Ok(bytes)
    }
}

/// The values of one image as they are stored.
pub(crate) enum Image<'a> {
    Bytes(Cow<'a, [u8]>),
    Floats(Cow<'a, [f32]>),
}

impl Stack {
    /// Image `index`, of `size` values.
    ///
    /// # Errors
    /// A file that can no longer be read.
    pub(crate) fn image(&self, index: usize, size: usize) -> Result<Image<'_>> {
        let range = index * size..(index + 1) * size;
        Ok(match &self.values {
            Values::Memory(Pixels::U8(values)) => Image::Bytes(values[range].into()),
            Values::Memory(Pixels::F32(values)) => Image::Floats(values[range].into()),
            Values::File(file) => match file.kind {
                Kind::Bytes => Image::Bytes(file.bytes(index, size)?.into()),
                Kind::Floats => {
                    let bytes = file.bytes(index, size * size_of::<f32>())?;
                    let values = bytes.as_chunks().0.iter().map(|value| f32::from_le_bytes(*value));
                    Image::Floats(values.collect())
                }
            },
        })
    }
}
