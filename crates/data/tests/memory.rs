//! Hostile files take no memory. The only test of its process, since it looks at the most the process ever held.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "helpers of tests may fail the test")]

mod shared;

use modelmend_data::formats::{Batch, read_npy, read_npz};

/// Most resident memory so far, in KiB.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim_end_matches("kB").trim().parse().unwrap()
}

#[test]
fn bad_files_stay_far_below_what_they_declare() {
    let Some(folder) = shared::path("reference/onnx_bad") else { return };
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let _ = (read_npz(&path), read_npy(&path), Batch::read(&path, "x", &["x"], &["y"]));
    }
    assert!(peak() < 100 << 10, "{} KiB", peak());
}
