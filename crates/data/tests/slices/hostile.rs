//! Damaged slices give an error or other pixels, never a panic.

use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use modelmend_data::formats::{slices_from_dicom, slices_from_nifti};
use proptest::prelude::*;

use crate::craft::{Dicom, Nifti};

/// Every vector, with its name.
static VALID: LazyLock<Vec<(String, Vec<u8>)>> = LazyLock::new(|| {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/slices/vectors"));
    let mut paths: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|end| end != "npz"));
    paths.sort();
    paths.iter().map(|path| (path.display().to_string(), fs::read(path).unwrap())).collect()
});

fn read(name: &str, bytes: &[u8]) -> bool {
    let read = if name.ends_with(".dcm") { slices_from_dicom } else { slices_from_nifti };
    read(bytes).map_err(|error| assert!(!error.to_string().contains('\n'), "{error}")).is_ok()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn damaged_slices_never_panic(
        file in any::<prop::sample::Index>(),
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in prop::option::weighted(0.2, any::<prop::sample::Index>()),
    ) {
        let (name, bytes) = file.get(VALID.as_slice());
        let mut bytes = bytes.clone();
        for (at, value) in flips {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        read(name, &bytes);
    }
}

#[test]
fn no_beginning_of_a_file_is_the_file() {
    for (name, bytes) in [("a.dcm", Dicom::new().bytes()), ("a.nii", Nifti::new().bytes())] {
        assert!(read(name, &bytes));
        for length in 0..bytes.len() {
            assert!(!read(name, &bytes[..length]), "{name}: {length} of {}", bytes.len());
        }
    }
}

#[test]
fn lengths_that_are_not_there_take_no_memory() {
    let good = Dicom::new().bytes();
    let length = good.len() - 12;
    for claimed in [9u32, 0x7FFF_FFFF, 0xFFFF_FFFE, 0xFFFF_FFFF] {
        let mut bytes = good.clone();
        bytes[length..length + 4].copy_from_slice(&claimed.to_le_bytes());
        assert!(!read("a.dcm", &bytes), "{claimed}");
    }
}
