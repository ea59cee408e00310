//! A file appears under its final name complete or not at all.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::error::{Error, Result};

/// Writes a file aside (in the same folder, under a hidden name), syncs it and renames it to `path`.
///
/// Whatever happens before the rename, an earlier file at `path` stays as it was. Folders that lack are made.
///
/// # Errors
/// [`Error::InFile`] with what the operating system or `write` said; nothing is left under `path` then.
pub fn write_atomically(
    path: &Path,
    write: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>,
) -> Result<()> {
    replace(path, write).map_err(|error| Error::Io(error).in_file(path))
}

fn replace(path: &Path, write: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>) -> io::Result<()> {
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    fs::create_dir_all(folder)?;
    let aside = aside_name(folder, path)?;
    let written = write_and_sync(&aside, write).and_then(|()| fs::rename(&aside, path));
    if written.is_err() {
        // The first error is the one to tell; a leftover hidden file does no harm.
        let _ = fs::remove_file(&aside);
    }
    written?;
    // The rename itself lasts only once the folder is on disk.
    File::open(folder)?.sync_all()
}

fn write_and_sync(path: &Path, write: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>) -> io::Result<()> {
    let mut writer = BufWriter::new(OpenOptions::new().write(true).create_new(true).open(path)?);
    write(&mut writer)?;
    writer.flush()?;
    writer.get_ref().sync_all()
}

/// A name no other thread or process writes to.
fn aside_name(folder: &Path, path: &Path) -> io::Result<PathBuf> {
    static WRITES: AtomicU64 = AtomicU64::new(0);
    let name = path.file_name().ok_or_else(|| io::Error::other("not a file name"))?.to_string_lossy();
    let count = WRITES.fetch_add(1, Ordering::Relaxed);
    Ok(folder.join(format!(".{name}.{}-{count}.partial", std::process::id())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_write_leaves_the_old_file_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/er/file.txt");
        write_atomically(&path, |w| w.write_all(b"old")).unwrap();
        let failed = write_atomically(&path, |w| {
            w.write_all(b"new")?;
            Err(io::Error::other("disk on fire"))
        });
        assert!(failed.unwrap_err().to_string().ends_with("file.txt: disk on fire"));
        assert_eq!(fs::read(&path).unwrap(), b"old");
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }
}
