//! A file appears under its final name complete or not at all.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

const TEMPORARY_SUFFIX: &str = ".modelmend-tmp";

/// Writes `chunks` one after the other as the file `path`, making its folders.
///
/// They go to a hidden file beside `path` first, which is synchronised to the disk and then renamed. So `path` is at
/// any moment the old file, the new one, or absent, also when the process or the machine dies; an abandoned
/// hidden file is removed by [`sweep_stale`].
///
/// # Errors
/// The system's, with the hidden file removed.
pub fn write_atomically(path: &Path, chunks: &[&[u8]]) -> io::Result<()> {
    const ATTEMPTS: u32 = 8;
    let mut attempt = 1;
    loop {
        match write_once(path, chunks) {
            // Another process took the folder away, or swept the hidden file before it was locked.
            Err(error) if error.kind() == io::ErrorKind::NotFound && attempt < ATTEMPTS => attempt += 1,
            result => return result,
        }
    }
}

fn write_once(path: &Path, chunks: &[&[u8]]) -> io::Result<()> {
    let folder = parent(path);
    fs::create_dir_all(folder)?;
    let temporary = temporary_name(path)?;
    let result = fill(&temporary, chunks).and_then(|locked| {
        fs::rename(&temporary, path)?;
        drop(locked);
        sync_folder(folder)
    });
    if result.is_err() {
        // The first error is the one to report.
        let _ = fs::remove_file(&temporary);
    }
    result
}

/// The returned file holds a lock that tells sweepers in other processes that its writer lives.
fn fill(temporary: &Path, chunks: &[&[u8]]) -> io::Result<File> {
    let mut file = OpenOptions::new().write(true).create_new(true).open(temporary)?;
    if let Err(error) = file.lock()
        && error.kind() != io::ErrorKind::Unsupported
    {
        return Err(error);
    }
    for chunk in chunks {
        file.write_all(chunk)?;
    }
    file.sync_all()?;
    Ok(file)
}

/// Removes what writers that have died left in `folder`; files of living writers stay. Problems are not reported,
/// since nothing depends on the removal.
pub fn sweep_stale(folder: &Path) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let regular = entry.file_type().is_ok_and(|kind| kind.is_file());
        if !(regular && name.starts_with('.') && name.ends_with(TEMPORARY_SUFFIX)) {
            continue;
        }
        // Opened for writing since some systems lock only writable files.
        let abandoned =
            OpenOptions::new().write(true).open(entry.path()).is_ok_and(|file| file.try_lock().is_ok());
        if abandoned {
            let _ = fs::remove_file(entry.path());
        }
    }
}

fn temporary_name(path: &Path) -> io::Result<PathBuf> {
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    let name = path.file_name().ok_or_else(|| io::Error::from(io::ErrorKind::InvalidFilename))?;
    let number = COUNTER.fetch_add(1, Ordering::Relaxed);
    let mut temporary = OsString::from(".");
    temporary.push(name);
    temporary.push(format!(".{}-{number}{TEMPORARY_SUFFIX}", std::process::id()));
    Ok(path.with_file_name(temporary))
}

fn parent(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Makes the rename itself survive a power failure.
fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replaces_a_file_and_leaves_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b/file");
        write_atomically(&path, &[b"old"]).unwrap();
        write_atomically(&path, &[b"n", b"", b"ew"]).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }

    #[test]
    fn a_failed_write_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("taken");
        fs::create_dir_all(path.join("inner")).unwrap();
        assert!(write_atomically(&path, &[b"x"]).is_err());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn sweeps_abandoned_files_but_not_those_of_living_writers() {
        let folder = tempfile::tempdir().unwrap();
        let abandoned = folder.path().join(format!(".x.1-0{TEMPORARY_SUFFIX}"));
        let living = folder.path().join(format!(".x.2-0{TEMPORARY_SUFFIX}"));
        let unrelated = folder.path().join(".profile");
        fs::write(&abandoned, b"half").unwrap();
        fs::write(&unrelated, b"mine").unwrap();
        let writer = fill(&living, &[b"half"]).unwrap();
        sweep_stale(folder.path());
        assert_eq!((abandoned.exists(), living.exists(), unrelated.exists()), (false, true, true));
        drop(writer);
        sweep_stale(folder.path());
        assert!(!living.exists());
    }
}
