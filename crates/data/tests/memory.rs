//! Hostile files take no memory. The only test of its process, since it looks at the most the process ever held.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "helpers of tests may fail the test")]

#[path = "slices/craft.rs"]
#[allow(dead_code, reason = "shared with the tests of slices")]
mod craft;
mod shared;

use craft::{Dicom, Nifti};
use modelmend_data::formats::{Batch, read_npy, read_npz, slices_from_dicom, slices_from_nifti};

/// Most resident memory so far, in KiB.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim_end_matches("kB").trim().parse().unwrap()
}

/// Slices of 65,535 x 65,535 pixels or 32,767 x 32,767 x 1 voxels in files of a few hundred bytes.
fn read_absurd_slices() {
    let mut volume = Nifti::new();
    volume.dim(&[3, 32_767, 32_767, 1, 1, 1, 1, 1]);
    assert!(slices_from_nifti(&volume.bytes()).is_err());
    let large = Dicom::new().with(0x0028_0010, [0xFF; 2]).with(0x0028_0011, [0xFF; 2]);
    assert!(slices_from_dicom(&large.bytes()).is_err());
    let runs =
        [&2u32.to_le_bytes()[..], &64u32.to_le_bytes(), &70u32.to_le_bytes(), &[0; 52], &[129, 0, 129, 0]]
            .concat();
    let frame = [
        &[0xFF, 0xD8, 0xFF, 0xC3, 0, 11, 16][..],
        &[0xFF; 4],
        &[1, 1, 0x11, 0],
        &[0xFF, 0xDA, 0, 8, 1, 1, 0, 1, 0, 0],
    ]
    .concat();
    for (syntax, frame) in [("1.2.840.10008.1.2.5", runs), ("1.2.840.10008.1.2.4.70", frame)] {
        let bytes = large.clone().compressed(syntax, &frame);
        let error = slices_from_dicom(&bytes).unwrap_err().to_string();
        assert!(error.contains("malformed run-length") || error.contains("malformed JPEG"), "{error}");
    }
}

#[test]
fn bad_files_stay_far_below_what_they_declare() {
    read_absurd_slices();
    assert!(peak() < 100 << 10, "{} KiB", peak());
    let Some(folder) = shared::path("reference/onnx_bad") else { return };
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let _ = (read_npz(&path), read_npy(&path), Batch::read(&path, "x", &["x"], &["y"]));
    }
    assert!(peak() < 100 << 10, "{} KiB", peak());
}
