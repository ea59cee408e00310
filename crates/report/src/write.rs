//! Writing the report and its figures; the only module of this crate that touches the disk.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use crate::input::ReportInput;

/// A report could not be written.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// The disk refused.
    #[error("cannot {action} {path}: {source}\ncheck that the output folder exists, is writable and has room", path = path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On which file or folder.
        path: PathBuf,
        /// Why it failed.
        source: std::io::Error,
    },
}

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// The page.
    pub report: PathBuf,
    /// Its size in bytes.
    pub bytes: usize,
    /// The figures.
    pub figures: Vec<PathBuf>,
}

/// Writes `report.html` and `figures/*.svg` into a folder, which is made where it is missing.
///
/// Each file appears under its name complete or not at all. SVG files of an earlier run that this report does
/// not have are removed from `figures/`, so that none passes for a result of this one.
///
/// # Errors
/// [`ReportError::Io`] with the file and the reason.
pub fn write(input: &ReportInput, out_dir: &Path) -> Result<Written, ReportError> {
    let folder = out_dir.join("figures");
    fs::create_dir_all(&folder).map_err(io("make the folder", &folder))?;
    let mut figures = Vec::new();
    for (name, svg) in crate::figures(input) {
        let path = folder.join(name);
        write_file(&path, svg.as_bytes())?;
        figures.push(path);
    }
    remove_others(&folder, &figures)?;
    let report = out_dir.join("report.html");
    let html = crate::render(input);
    write_file(&report, html.as_bytes())?;
    sync_folder(&folder)?;
    sync_folder(out_dir)?;
    Ok(Written { report, bytes: html.len(), figures })
}

fn io<'a>(action: &'static str, path: &'a Path) -> impl FnOnce(std::io::Error) -> ReportError + 'a {
    move |source| ReportError::Io { action, path: path.to_owned(), source }
}

/// Writes aside, syncs and renames.
fn write_file(path: &Path, bytes: &[u8]) -> Result<(), ReportError> {
    let mut aside = path.as_os_str().to_owned();
    aside.push(".part");
    let aside = PathBuf::from(aside);
    let written = File::create(&aside)
        .and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()))
        .and_then(|()| fs::rename(&aside, path));
    if written.is_err() {
        // The error to tell is the first one; a left-over aside file is overwritten by the next run.
        let _ = fs::remove_file(&aside);
    }
    written.map_err(io("write", path))
}

/// Makes the renames last.
fn sync_folder(folder: &Path) -> Result<(), ReportError> {
    File::open(folder).and_then(|file| file.sync_all()).map_err(io("sync the folder", folder))
}

fn remove_others(folder: &Path, kept: &[PathBuf]) -> Result<(), ReportError> {
    let kept: BTreeSet<&PathBuf> = kept.iter().collect();
    for entry in fs::read_dir(folder).map_err(io("read the folder", folder))? {
        let path = entry.map_err(io("read the folder", folder))?.path();
        let ours = path.extension().is_some_and(|ending| ending == "svg" || ending == "part");
        if ours && !kept.contains(&path) {
            fs::remove_file(&path).map_err(io("remove the old figure", &path))?;
        }
    }
    Ok(())
}
