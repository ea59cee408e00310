//! NIfTI files: patients, scale, and what is refused.

use std::fs;
use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use modelmend_data::formats::{read_slices, slices_from_nifti};

use crate::craft::Nifti;
use crate::refused;

fn packed(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn changed(change: impl FnOnce(&mut Nifti)) -> Nifti {
    let mut file = Nifti::new();
    change(&mut file);
    file
}

#[test]
fn each_file_of_a_folder_is_a_patient() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::create_dir(at("m")).unwrap();
    fs::write(at("Roe-Richard.nii.gz"), packed(&Nifti::new().bytes())).unwrap();
    fs::write(at("m/Doe-Jane.nii"), changed(|file| file.floats(112, &[2.0, 10.0])).bytes()).unwrap();
    fs::write(at("m/table.csv"), "name\nDoe").unwrap();
    let slices = read_slices(folder.path()).unwrap();
    assert_eq!(slices.patients(), ["patient-1", "patient-1", "patient-2", "patient-2"]);
    // Right and anterior come last in the file, and first here.
    let first: Vec<&[f32]> = slices.iter().collect();
    assert_eq!(first[..2], [[3.0, 2.0, 1.0, 0.0], [7.0, 6.0, 5.0, 4.0]]);
    assert_eq!(first[2], [16.0, 14.0, 12.0, 10.0]);
    let shown = format!("{slices:?}");
    assert!(!shown.contains("Doe") && !shown.contains("Roe"), "{shown}");
}

#[test]
fn slope_0_means_no_scale() {
    let file = changed(|file| file.floats(112, &[0.0, f32::NAN]));
    assert_eq!(slices_from_nifti(&file.bytes()).unwrap().iter().next().unwrap(), [3.0, 2.0, 1.0, 0.0]);
}

#[test]
fn what_cannot_be_used_is_said_in_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.nii");
    for (change, expected) in [
        (
            Box::new(|file: &mut Nifti| file.set(0, &540i32.to_le_bytes())) as Box<dyn FnOnce(&mut Nifti)>,
            "NIfTI-2",
        ),
        (Box::new(|file| file.set(0, &[0; 4])), "does not begin with its size"),
        (Box::new(|file| file.set(344, b"nope")), "does not end with `n+1`"),
        (Box::new(|file| file.set(344, b"ni1\0")), "in two files"),
        (Box::new(|file| file.dim(&[3, 2, 2, 0, 1, 1, 1, 1])), "malformed `dim`"),
        (Box::new(|file| file.dim(&[3, -2, 2, 2, 1, 1, 1, 1])), "65534x2x2 voxels are not one volume"),
        (Box::new(|file| file.dim(&[2, 2, 2, 1, 1, 1, 1, 1])), "2x2 voxels are not one volume"),
        (Box::new(|file| file.dim(&[4, 2, 2, 1, 2, 1, 1, 1])), "2x2x1x2 voxels are not one volume"),
        (Box::new(|file| file.dim(&[3, 2, 9, 2, 1, 1, 1, 1])), "too far from square"),
        (Box::new(|file| file.dim(&[3, 2, 2, 9, 1, 1, 1, 1])), "declares 424 bytes, 368 are there"),
        (Box::new(|file| file.dim(&[3, 32767, 32767, 32767, 1, 1, 1, 1])), "over 4 GiB"),
        (Box::new(|file| file.set(70, &128i16.to_le_bytes())), "datatype 128 is not supported"),
        (Box::new(|file| file.set(70, &999i16.to_le_bytes())), "datatype 999 is not supported"),
        (Box::new(|file| file.floats(112, &[f32::NAN])), "`scl_slope` or `scl_inter`"),
        (Box::new(|file| file.floats(112, &[1.0, f32::INFINITY])), "`scl_slope` or `scl_inter`"),
        (Box::new(|file| file.floats(112, &[3e38])), "non-finite value"),
        (Box::new(|file| file.floats(108, &[3.0])), "`vox_offset` 3"),
        (Box::new(|file| file.floats(108, &[f32::NAN])), "`vox_offset` NaN"),
        (Box::new(|file| file.floats(108, &[1e30])), "`vox_offset` 1"),
        (Box::new(|file| file.set(254, &[0; 2])), "neither `sform` nor `qform`"),
        (Box::new(|file| file.floats(280, &[1.0, 0.3])), "obliquely"),
        (Box::new(|file| file.floats(280, &[f32::NAN])), "obliquely"),
        (Box::new(|file| file.floats(280, &[2.0])), "pixels of 1 x 2 mm"),
        (
            Box::new(|file| {
                file.set(252, &[1, 0, 0, 0]);
                file.floats(256, &[1.0, 1.0]);
            }),
            "no rotation",
        ),
        (Box::new(|file| file.voxels.truncate(15)), "declares 368 bytes, 367 are there"),
    ] {
        let file = changed(change);
        fs::write(&path, file.bytes()).unwrap();
        let text = refused(&path);
        assert!(text.contains(expected), "{expected}: {text}");
    }
}

#[test]
fn gzip_is_bounded_and_its_checksum_counts() {
    let read = |bytes: &[u8]| slices_from_nifti(bytes).map_err(|error| error.to_string());
    let good = packed(&Nifti::new().bytes());
    assert!(read(&good).is_ok());
    let mut wrong = good.clone();
    let checksum = wrong.len() - 8;
    wrong[checksum] ^= 1;
    assert!(read(&wrong).unwrap_err().contains("damaged"));
    assert!(read(&good[..good.len() / 2]).unwrap_err().contains("cut off"));
    // 800 MB that are not there.
    let bomb = changed(|file| file.dim(&[3, 1000, 1000, 400, 1, 1, 1, 1]));
    assert!(read(&packed(&bomb.bytes())).unwrap_err().contains("would unpack to 800000352 bytes"));
}
