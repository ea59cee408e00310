//! The content-addressed cache, and the only part of this crate that touches the disk.
//!
//! A result lies under the key of its step ([`crate::step::Step::key`]), so that studies that share a cache folder
//! share what is common, and nothing has to be invalidated. An entry is written aside, synchronised and
//! renamed; it carries a checksum over every byte and is verified before it is believed.

mod atomic;
mod entry;
mod input;

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

pub use atomic::{sweep_stale, write_atomically};
pub(crate) use entry::Broken;
pub(crate) use input::read_limited;
pub use input::{InputError, InputHash, hash_input};

use crate::Hash;
use crate::artifact::Encoded;

/// A folder of step results. Any number of processes may use it at the same time.
#[derive(Clone, Debug)]
pub struct Cache {
    folder: PathBuf,
}

/// The cache folder cannot be written.
#[derive(Debug, thiserror::Error)]
#[error("{}: the cache cannot be written: {source}", path.display())]
pub struct CacheError {
    /// The file or folder.
    pub path: PathBuf,
    /// The system's reason.
    pub source: io::Error,
}

/// Where one result lies.
#[derive(Clone, Debug)]
pub(crate) struct Slot {
    pub(crate) path: PathBuf,
    key: Hash,
}

impl Cache {
    /// The cache folder that goes with an output folder: `.modelmend-cache` beside it, so that studies with
    /// neighbouring outputs (`out/a`, `out/b`) share what is common, and deleting an output keeps the work.
    pub fn default_folder(output: &Path) -> PathBuf {
        let absolute = std::path::absolute(output).unwrap_or_else(|_| output.to_owned());
        absolute.parent().unwrap_or(&absolute).join(".modelmend-cache")
    }

    /// Opens the cache in `folder`, making it if there is none, and removes what killed processes left half-written.
    ///
    /// # Errors
    /// [`CacheError`] if the folder cannot be made or written.
    pub fn open(folder: &Path) -> Result<Self, CacheError> {
        let failed = |source| CacheError { path: folder.to_owned(), source };
        fs::create_dir_all(folder).map_err(failed)?;
        let tag = folder.join("CACHEDIR.TAG");
        if !tag.exists() {
            // The mark by which backup tools know a cache, https://bford.info/cachedir/
            let text =
                b"Signature: 8a477f597d28d172789f06886806bc55\n# Results of modelmend; safe to delete.\n";
            write_atomically(&tag, &[text]).map_err(failed)?;
        }
        sweep_stale(folder);
        Ok(Self { folder: folder.to_owned() })
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The slot of a step's result.
    pub(crate) fn step(&self, key: Hash) -> Slot {
        Slot { path: self.folder.join(format!("{key}.entry")), key }
    }

    /// The slot of a part of the step `step`.
    pub(crate) fn part(&self, step: Hash, key: Hash) -> Slot {
        Slot { path: self.parts(step).join(format!("{key}.entry")), key }
    }

    /// The slot of the state from which the unfinished `key`, the step `step` or a part of it, continues.
    pub(crate) fn state(&self, step: Hash, key: Hash) -> Slot {
        Slot { path: self.parts(step).join(format!("{key}.state")), key }
    }

    /// Removes the parts and states of a step. Another process that is working on the same step loses time by it,
    /// never correctness, so that what cannot be removed may stay.
    pub(crate) fn discard_parts(&self, step: Hash) {
        let _ = fs::remove_dir_all(self.parts(step));
    }

    fn parts(&self, step: Hash) -> PathBuf {
        self.folder.join(format!("{step}.parts"))
    }
}

impl Slot {
    /// The verified result; `None` if there is none.
    pub(crate) fn read(&self) -> Result<Option<Encoded>, Broken> {
        entry::read(&self.path, &self.key)
    }

    /// Stores a result, replacing an older one.
    pub(crate) fn write(&self, value: &[u8], blobs: &BTreeMap<String, Vec<u8>>) -> Result<(), CacheError> {
        entry::write(&self.path, &self.key, value, blobs)
            .map_err(|source| CacheError { path: self.path.clone(), source })
    }
}
