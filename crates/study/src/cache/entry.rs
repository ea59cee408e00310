//! The file of one cache entry.
//!
//! ```text
//! MAGIC | key, 32 bytes | BLAKE3 of the content, 32 bytes | content
//! content = length of the header, u64 little-endian | header, JSON | value, JSON | blob | blob | ...
//! ```
//! One file and not a folder, since a file can be replaced in one step while others read it, a folder cannot.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::atomic::write_atomically;
use crate::Hash;
use crate::artifact::Encoded;

const MAGIC: &[u8; 18] = b"modelmend-cache-1\n";

/// Lengths in bytes of what follows the header.
#[derive(Serialize, Deserialize)]
struct Header {
    value: u64,
    blobs: Vec<(String, u64)>,
}

/// Why an entry is not believed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Broken {
    #[error("it cannot be read: {0}")]
    Unreadable(#[from] io::Error),
    #[error("it is no cache entry of this version")]
    Foreign,
    #[error("it belongs to another key")]
    OtherKey,
    #[error("its lengths do not add up")]
    Lengths,
    #[error("its checksum is wrong")]
    Checksum,
}

/// Writes an entry, replacing an older one.
pub(super) fn write(
    path: &Path,
    key: &Hash,
    value: &[u8],
    blobs: &BTreeMap<String, Vec<u8>>,
) -> io::Result<()> {
    let header = Header {
        value: value.len() as u64,
        blobs: blobs.iter().map(|(name, blob)| (name.clone(), blob.len() as u64)).collect(),
    };
    let header = serde_json::to_vec(&header).map_err(io::Error::other)?;
    let length = (header.len() as u64).to_le_bytes();
    let mut content: Vec<&[u8]> = vec![&length, &header, value];
    content.extend(blobs.values().map(Vec::as_slice));
    let mut hasher = blake3::Hasher::new();
    for chunk in &content {
        hasher.update(chunk);
    }
    let checksum = hasher.finalize();
    let mut chunks: Vec<&[u8]> = vec![MAGIC, key.as_bytes(), checksum.as_bytes()];
    chunks.extend(content);
    write_atomically(path, &chunks)
}

/// Reads and verifies an entry; `None` if there is none.
pub(super) fn read(path: &Path, key: &Hash) -> Result<Option<Encoded>, Broken> {
    match File::open(path) {
        Ok(file) => decode(file, key).map(Some),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn decode(file: File, key: &Hash) -> Result<Encoded, Broken> {
    let mut reader = Checked { left: file.metadata()?.len(), file, hasher: blake3::Hasher::new() };
    if reader.array()? != *MAGIC {
        return Err(Broken::Foreign);
    }
    if reader.array()? != *key.as_bytes() {
        return Err(Broken::OtherKey);
    }
    let checksum: [u8; 32] = reader.array()?;
    reader.hasher.reset();
    let length = u64::from_le_bytes(reader.array()?);
    let header = reader.take(length)?;
    let header: Header = serde_json::from_slice(&header).map_err(|_| Broken::Lengths)?;
    let value = reader.take(header.value)?;
    let blobs = header.blobs.into_iter().map(|(name, length)| Ok((name, reader.take(length)?)));
    let encoded = Encoded { value, blobs: blobs.collect::<Result<_, Broken>>()? };
    if reader.left != 0 {
        return Err(Broken::Lengths);
    }
    if reader.hasher.finalize() != blake3::Hash::from(checksum) {
        return Err(Broken::Checksum);
    }
    Ok(encoded)
}

/// Reads no more than the file holds, whatever its header claims, and hashes what it reads.
struct Checked {
    file: File,
    left: u64,
    hasher: blake3::Hasher,
}

impl Checked {
    fn take(&mut self, length: u64) -> Result<Vec<u8>, Broken> {
        self.left = self.left.checked_sub(length).ok_or(Broken::Lengths)?;
        let mut bytes = vec![0; usize::try_from(length).map_err(|_| Broken::Lengths)?];
        self.file.read_exact(&mut bytes)?;
        self.hasher.update(&bytes);
        Ok(bytes)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Broken> {
        self.take(N as u64)?.try_into().map_err(|_| Broken::Lengths)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::fs;

    fn entry() -> (Hash, Encoded) {
        let value = br#"{"mean":0.25,"note":"seven"}"#.to_vec();
        let blobs = [("empty", vec![]), ("weights", vec![7; 40])].map(|(name, blob)| (name.to_owned(), blob));
        (Hash::of(b"key"), Encoded { value, blobs: blobs.into() })
    }

    fn written() -> (tempfile::TempDir, std::path::PathBuf, Vec<u8>) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("entry");
        let (key, encoded) = entry();
        write(&path, &key, &encoded.value, &encoded.blobs).unwrap();
        let bytes = fs::read(&path).unwrap();
        (folder, path, bytes)
    }

    #[test]
    fn reads_what_was_written() {
        let (_folder, path, _) = written();
        let (key, encoded) = entry();
        assert_eq!(read(&path, &key).unwrap().unwrap(), encoded);
        assert!(matches!(read(&path, &Hash::of(b"other")), Err(Broken::OtherKey)));
        assert!(read(&path.with_file_name("absent"), &key).unwrap().is_none());
    }

    #[test]
    fn every_changed_byte_and_every_cut_is_detected() {
        let (_folder, path, bytes) = written();
        let key = entry().0;
        for position in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[position] ^= 1;
            fs::write(&path, &changed).unwrap();
            assert!(read(&path, &key).is_err(), "changed byte {position} was believed");
            fs::write(&path, &bytes[..position]).unwrap();
            assert!(read(&path, &key).is_err(), "cut at byte {position} was believed");
        }
    }

    proptest! {
        #[test]
        fn arbitrary_damage_is_detected(
            edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..20),
            tail in prop::collection::vec(any::<u8>(), 0..20),
        ) {
            let (_folder, path, bytes) = written();
            let mut changed = bytes.clone();
            for (position, byte) in edits {
                let position = position.index(changed.len());
                changed[position] = byte;
            }
            changed.extend(tail);
            fs::write(&path, &changed).unwrap();
            let believed = read(&path, &entry().0).is_ok();
            prop_assert_eq!(believed, changed == bytes);
        }

        #[test]
        fn arbitrary_files_are_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("entry");
            fs::write(&path, [MAGIC.as_slice(), entry().0.as_bytes(), &bytes].concat()).unwrap();
            prop_assert!(read(&path, &entry().0).is_err());
        }
    }
}
