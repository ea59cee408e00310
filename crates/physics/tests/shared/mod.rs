//! Finds development data and reference vectors, which are not part of the repository.

use std::path::PathBuf;

/// A path below the shared folder (`MODELMEND_SHARED`); `None`, said loudly, where it is not there.
pub(crate) fn path(relative: &str) -> Option<PathBuf> {
    let default = || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared"));
    let path = std::env::var_os("MODELMEND_SHARED").map_or_else(default, PathBuf::from).join(relative);
    if path.exists() {
        return Some(path);
    }
    #[allow(clippy::print_stderr, reason = "a skipped test must be heard of")]
    {
        eprintln!("SKIPPED: {} is not there (set MODELMEND_SHARED)", path.display());
    }
    None
}
