//! NumPy's `.npz`: a zip archive of `.npy` arrays.

use std::borrow::Borrow;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use zip::read::ZipFile;
use zip::result::ZipError;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

use super::array::Array;
use super::in_place::{Place, read_images};
use super::npy::{read_array, write_array};
use super::write_atomically;
use crate::error::{Error, Result};
use crate::images::Images;

/// Real images deflate by at most about 50:1; label columns by more, but those are small (see [`ALWAYS_ALLOWED`]).
pub(super) const MAX_RATIO: u64 = 100;
/// An archive that unpacks to no more than this is read whatever its ratio.
const ALWAYS_ALLOWED: u64 = 64 << 20;

/// An open member of an archive.
type Member<'a> = ZipFile<'a, BufReader<File>>;

/// An open `.npz` of which arrays are read one at a time, so that only those that are wanted take memory.
#[derive(Debug)]
pub struct NpzFile {
    path: PathBuf,
    archive: ZipArchive<BufReader<File>>,
    names: Vec<String>,
}

impl NpzFile {
    /// Opens an archive and checks how much it would unpack to.
    ///
    /// # Errors
    /// [`Error::InFile`] around [`Error::NotZip`], [`Error::ZipBomb`] or what the operating system said.
    pub fn open(path: &Path) -> Result<Self> {
        let open = || {
            let file = File::open(path)?;
            let packed = file.metadata()?.len();
            let mut archive = ZipArchive::new(BufReader::new(file)).map_err(not_zip)?;
            let names = member_names(&mut archive, packed)?;
            Ok(NpzFile { path: path.to_owned(), archive, names })
        };
        open().map_err(|error: Error| error.in_file(path))
    }

    /// Names of the arrays, in the order of the file.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Whether there is an array of this name.
    pub fn has(&self, name: &str) -> bool {
        self.names.iter().any(|known| known == name)
    }

    /// Reads one array.
    ///
    /// # Errors
    /// [`Error::InFile`] around [`Error::MissingArray`] or what is wrong with the array.
    pub fn read(&mut self, name: &str) -> Result<Array> {
        self.read_member(name).map_err(|error| error.in_file(&self.path))
    }

    /// Reads an array of images. Where it is stored uncompressed and has more than `in_memory` bytes, it stays in the file.
    pub(super) fn read_images(&mut self, name: &str, in_memory: u64) -> Result<Images> {
        let read = |member: &mut Member<'_>, path: &Path| {
            let bytes = member.size();
            let stored = member.compression() == CompressionMethod::Stored && bytes > in_memory;
            let start = member.data_start().filter(|_| stored);
            read_images(member, (name, bytes), start.map(|start| Place { path, start }))
        };
        self.with_member(name, read).map_err(|error| error.in_file(&self.path))
    }

    fn read_member(&mut self, name: &str) -> Result<Array> {
        self.with_member(name, |member, _| {
            let bytes = member.size();
            read_array(member, name, bytes)
        })
    }

    /// Has one member read from begin to end.
    fn with_member<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(&mut Member<'_>, &Path) -> Result<T>,
    ) -> Result<T> {
        let mut member = self.archive.by_name(&format!("{name}.npy")).map_err(|error| match error {
            ZipError::FileNotFound => {
                Error::MissingArray { wanted: name.to_owned(), present: self.names.join(", ") }
            }
            other => not_zip(other),
        })?;
        let value = read(&mut member, &self.path)?;
        // The checksum is compared when the end is met; more bytes than declared are as wrong as fewer.
        let damaged = |cause: String| Error::NotZip { cause: format!("array {name}: {cause}") };
        match member.read(&mut [0]) {
            Ok(0) => Ok(value),
            Ok(_) => Err(damaged("longer than declared".to_owned())),
            Err(error) => Err(damaged(error.to_string())),
        }
    }
}

fn not_zip(error: ZipError) -> Error {
    Error::NotZip { cause: error.to_string() }
}

/// Most bytes that so many compressed ones may become.
pub(super) fn unpacked_limit(packed: u64) -> u64 {
    packed.saturating_mul(MAX_RATIO).max(ALWAYS_ALLOWED)
}

/// Names of the `.npy` members, after a check of what all members together would unpack to.
fn member_names(archive: &mut ZipArchive<BufReader<File>>, packed: u64) -> Result<Vec<String>> {
    let limit = unpacked_limit(packed);
    let mut unpacked = 0u64;
    let mut names = Vec::new();
    for index in 0..archive.len() {
        let member = archive.by_index_raw(index).map_err(not_zip)?;
        unpacked = unpacked.saturating_add(member.size());
        if let Some(name) = member.name().map_err(not_zip)?.strip_suffix(".npy") {
            names.push(name.to_owned());
        }
    }
    if unpacked > limit {
        return Err(Error::ZipBomb { unpacked, packed, limit, ratio: MAX_RATIO });
    }
    Ok(names)
}

/// Reads every array of a `.npz`.
///
/// # Errors
/// As [`NpzFile::open`] and [`NpzFile::read`].
pub fn read_npz(path: &Path) -> Result<BTreeMap<String, Array>> {
    let mut file = NpzFile::open(path)?;
    let names = file.names().to_vec();
    names.into_iter().map(|name| file.read(&name).map(|array| (name, array))).collect()
}

/// Writes a `.npz` as `numpy.savez` does (stored, not compressed), complete or not at all; the same arrays give the
/// same bytes. Takes arrays one after another, so that they need not all be in memory.
///
/// # Errors
/// [`Error::InFile`] with what the operating system said; a name that occurs twice is refused.
pub fn write_npz<N: AsRef<str>, A: Borrow<Array>>(
    path: &Path,
    arrays: impl IntoIterator<Item = (N, A)>,
) -> Result<()> {
    write_atomically(path, |writer| {
        let mut archive = ZipWriter::new(writer);
        let options =
            SimpleFileOptions::DEFAULT.compression_method(CompressionMethod::Stored).large_file(true);
        for (name, array) in arrays {
            archive.start_file(format!("{}.npy", name.as_ref()), options).map_err(io::Error::other)?;
            write_array(&mut archive, array.borrow())?;
        }
        archive.finish().map_err(io::Error::other)?;
        Ok(())
    })
}
