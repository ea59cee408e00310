//! Reading study files and hashing inputs.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::Hash;

/// An input of a run: a file, or a folder with everything in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InputHash {
    /// BLAKE3 of the file's bytes; of a folder, over the relative names and hashes of its files in order.
    pub hash: Hash,
    /// Bytes in all.
    pub bytes: u64,
}

/// An input that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("{}: cannot be read: {source}", path.display())]
pub struct InputError {
    /// The file or folder.
    pub path: PathBuf,
    /// The system's reason.
    pub source: io::Error,
}

/// Hashes a file, or a folder by names and contents. Hidden files and symbolic links inside a folder do not count.
///
/// # Errors
/// [`InputError`] with the path that could not be read.
pub fn hash_input(path: &Path) -> Result<InputHash, InputError> {
    let failed = |source| InputError { path: path.to_owned(), source };
    if fs::metadata(path).map_err(failed)?.is_dir() {
        hash_folder(path)
    } else {
        hash_file(path).map_err(failed)
    }
}

fn hash_file(path: &Path) -> io::Result<InputHash> {
    let mut hasher = blake3::Hasher::new();
    hasher.update_reader(File::open(path)?)?;
    Ok(InputHash { hash: hasher.finalize().into(), bytes: hasher.count() })
}

fn hash_folder(folder: &Path) -> Result<InputHash, InputError> {
    let mut fields = Vec::new();
    let mut bytes = 0;
    for path in visible_entries(folder).map_err(|source| InputError { path: folder.to_owned(), source })? {
        let name = path.file_name().unwrap_or_default().as_encoded_bytes().to_vec();
        let input = hash_input(&path)?;
        bytes += input.bytes;
        fields.push(name);
        fields.push(input.hash.as_bytes().to_vec());
    }
    let fields: Vec<&[u8]> = fields.iter().map(Vec::as_slice).collect();
    Ok(InputHash { hash: Hash::of_fields("modelmend 1 input folder", &fields), bytes })
}

fn visible_entries(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
        if !hidden && !entry.file_type()?.is_symlink() {
            paths.push(entry.path());
        }
    }
    paths.sort();
    Ok(paths)
}

/// The content of a file, or `None` if it is larger than `limit` bytes.
pub(crate) fn read_limited(path: &Path, limit: u64) -> io::Result<Option<Vec<u8>>> {
    let mut content = Vec::new();
    File::open(path)?.take(limit + 1).read_to_end(&mut content)?;
    Ok((content.len() as u64 <= limit).then_some(content))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_changes_with_any_name_and_content() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir(at("inner")).unwrap();
        fs::write(at("inner/a.png"), b"one").unwrap();
        fs::write(at("b.png"), b"two").unwrap();
        let first = hash_input(folder.path()).unwrap();
        assert_eq!(first.bytes, 6);
        fs::write(at(".DS_Store"), b"noise").unwrap();
        assert_eq!(hash_input(folder.path()).unwrap(), first);
        fs::write(at("inner/a.png"), b"One").unwrap();
        let second = hash_input(folder.path()).unwrap();
        assert_ne!(second.hash, first.hash);
        fs::write(at("inner/a.png"), b"one").unwrap();
        fs::rename(at("b.png"), at("c.png")).unwrap();
        assert_ne!(hash_input(folder.path()).unwrap().hash, first.hash);
    }

    #[test]
    fn a_missing_input_is_named() {
        let error = hash_input(Path::new("no/such.npz")).unwrap_err();
        assert!(error.to_string().starts_with("no/such.npz: cannot be read: "), "{error}");
    }

    #[test]
    fn reads_up_to_the_limit() {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), b"12345").unwrap();
        assert_eq!(read_limited(file.path(), 5).unwrap().as_deref(), Some(&b"12345"[..]));
        assert_eq!(read_limited(file.path(), 4).unwrap(), None);
    }
}
