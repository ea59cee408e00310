//! Folders of DICOM files: order, orientation, patients, and what is refused.

use std::fs;
use std::io::Write;
use std::path::Path;

use flate2::Compression;
use flate2::write::DeflateEncoder;
use modelmend_data::formats::{read_slices, slices_from_dicom};

use crate::craft::{Dicom, element, start};
use crate::{first_pixels, refused};

/// Pixels of 2 x 2 that tell slices apart by the first.
fn marked(first: u16) -> Vec<u8> {
    [first, 1, 2, 3].iter().flat_map(|value| value.to_le_bytes()).collect()
}

const PIXELS: u32 = 0x7FE0_0010;
const SERIES: u32 = 0x0020_000E;
const ORIENTATION: u32 = 0x0020_0037;

#[test]
fn slices_come_by_patient_series_and_height_under_pseudonyms() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let slice = |patient: &str, series: &'static str, height: f64, mark: u16| {
        Dicom::new().of(patient).with(SERIES, series).at(height).with(PIXELS, marked(mark))
    };
    slice("Zed ", "1.2.1", 5.0, 1).write(&at("a/1"));
    slice("Zed", "1.2.1", -10.5, 2).write(&at("z/deep/2.dcm"));
    slice("Ann", "1.2.9", 0.0, 3).write(&at("b/3.ima"));
    slice("Ann", "1.2.3", 20.0, 4).write(&at("b/4"));
    slice("Ann", "1.2.3", 9.0, 5).write(&at("b/5"));
    fs::write(at("notes.txt"), "nothing").unwrap();
    slice("Hid", "1", 0.0, 9).write(&at(".hidden/6"));
    slice("Zed", "1.2.1", 0.0, 9).with(0x0008_0008, "ORIGINAL\\PRIMARY\\LOCALIZER").write(&at("a/7"));
    let mut directory = vec![0; 128];
    directory.extend(b"DICM");
    directory.extend(element(0x0002_0002, b"UI", b"1.2.840.10008.1.3.10"));
    directory.extend(element(0x0002_0010, b"UI", b"1.2.840.10008.1.2.1\0"));
    fs::write(at("DICOMDIR"), directory).unwrap();

    let slices = read_slices(folder.path()).unwrap();
    assert_eq!(first_pixels(&slices), [5.0, 4.0, 3.0, 2.0, 1.0]);
    let [one, two] = ["patient-1", "patient-2"];
    assert_eq!(slices.patients(), [one, one, one, two, two]);
    assert_eq!(read_slices(&at("a/1")).unwrap().patients(), [one]);
}

#[test]
fn every_axial_orientation_becomes_one() {
    for (orientation, expected) in [
        ("1\\0\\0\\0\\1\\0", [0.0, 1.0, 2.0, 3.0]),
        ("-1\\0\\0\\0\\1\\0", [1.0, 0.0, 3.0, 2.0]),
        ("1\\0\\0\\0\\-1\\0", [2.0, 3.0, 0.0, 1.0]),
        ("0\\1\\0\\1\\0\\0", [0.0, 2.0, 1.0, 3.0]),
        ("0\\-1\\0\\-1\\0\\0", [3.0, 1.0, 2.0, 0.0]),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let turned = Dicom::new().with(ORIENTATION, orientation);
        turned.clone().at(2.0).with(PIXELS, marked(7)).write(&folder.path().join("a"));
        turned.at(1.0).write(&folder.path().join("b"));
        let slices = read_slices(folder.path()).unwrap();
        assert_eq!(slices.iter().next().unwrap(), expected, "{orientation}");
        assert_eq!(slices.iter().nth(1).unwrap().iter().filter(|&&v| v == 7.0).count(), 1, "{orientation}");
    }
}

#[test]
fn tilted_heights_are_projected_on_the_normal() {
    // Tilted by 2 degrees: the slice that lies lower along z lies higher along the normal, by its place along y.
    let tilted = Dicom::new().with(ORIENTATION, "1\\0\\0\\0\\0.99939\\0.0349");
    let folder = tempfile::tempdir().unwrap();
    let lower = tilted.clone().with(0x0020_0032, "0\\-100\\0").with(PIXELS, marked(9));
    lower.write(&folder.path().join("a"));
    tilted.with(0x0020_0032, "0\\0\\1").write(&folder.path().join("b"));
    assert_eq!(first_pixels(&read_slices(folder.path()).unwrap()), [0.0, 9.0]);
}

#[test]
fn what_is_not_square_lies_in_air() {
    let wide = Dicom::new().with(0x0028_0010, [1, 0]).with(0x0028_0011, [2, 0]);
    let slices = slices_from_dicom(&wide.with(PIXELS, [5, 0, 6, 0]).bytes()).unwrap();
    assert_eq!((slices.size(), slices.iter().next().unwrap()), (2, &[5.0, 6.0, -1000.0, -1000.0][..]));
}

#[test]
fn bits_and_scale_are_those_of_the_header() {
    let stored = Dicom::new().with(PIXELS, [0xF0, 0xFF, 0x0F, 0x80, 0x10, 0x00, 0x00, 0x80]);
    let high = stored.clone().with(0x0028_0101, [12, 0]).with(0x0028_1053, "0.5").with(0x0028_1052, " -3e1 ");
    let read = |file: Dicom| slices_from_dicom(&file.bytes()).unwrap().iter().next().unwrap().to_vec();
    assert_eq!(read(stored), [-16.0, -32753.0, 16.0, -32768.0]);
    assert_eq!(read(high.clone()), [-30.5, -1054.0, -29.5, -1054.0]);
    assert_eq!(read(high.with(0x0028_0103, [0, 0]))[0], 0.5 * 4095.0 - 30.0);
}

/// Changes that make a slice unusable, with what is said about each.
fn unusable() -> Vec<(Dicom, &'static str)> {
    let with = |tag: u32, value: &str| Dicom::new().with(tag, value);
    let number = |tag: u32, value: u16| Dicom::new().with(tag, value.to_le_bytes());
    let syntax = |syntax| Dicom { syntax, ..Dicom::new() };
    vec![
        (with(0x0008_0060, "MR"), "Modality is MR; only CT"),
        (Dicom::new().without(0x0008_0060), "Modality is missing"),
        (with(0x0008_0060, "Doe^Jane"), "Modality is malformed"),
        (syntax("1.2.840.10008.1.2.4.90"), "transfer syntax 1.2.840.10008.1.2.4.90 (JPEG 2000) is not"),
        (syntax("1.2.840.10008.1.2.4.80"), "(JPEG-LS)"),
        (syntax("Doe^Jane"), "TransferSyntaxUID is malformed"),
        (syntax(""), "TransferSyntaxUID is missing"),
        (Dicom::new().without(0x0028_0004), "PhotometricInterpretation is missing"),
        (syntax("1.2.840.10008.1.2.5"), "disagree about compression"),
        (with(0x0028_0004, "MONOCHROME1"), "MONOCHROME1 is not supported"),
        (with(0x0028_0004, "PALETTE COLOR"), "PALETTE COLOR is not supported"),
        (number(0x0028_0002, 3), "one sample a pixel"),
        (with(0x0028_0008, "2"), "several frames"),
        (with(0x0028_1054, "OD"), "RescaleType OD is not Hounsfield"),
        (with(0x0028_1053, "0"), "RescaleSlope is 0"),
        (with(0x0028_1053, "nan"), "RescaleSlope is malformed"),
        (with(0x0028_1053, "Doe^Jane"), "RescaleSlope is malformed"),
        (with(0x0028_1053, "1e300"), "non-finite value"),
        (Dicom::new().without(0x0028_1052), "RescaleIntercept is missing"),
        (with(ORIENTATION, "1\\0\\0\\0\\0\\-1"), "sagittal or coronal"),
        (with(ORIENTATION, "1\\0\\0\\0\\0.9\\0.44"), "obliquely"),
        (with(ORIENTATION, "0\\0\\0\\0\\0\\0"), "obliquely"),
        (with(ORIENTATION, "1\\0\\0"), "ImageOrientationPatient is malformed"),
        (Dicom::new().without(0x0020_0032), "ImagePositionPatient is missing"),
        (with(0x0028_0030, "1\\2"), "pixels of 1 x 2 mm are not square"),
        (number(0x0028_0010, 0), "0 rows"),
        (number(0x0028_0010, 9), "too far from square"),
        (number(0x0028_0010, 3), "declares 12 bytes, 8 are there"),
        (number(0x0028_0011, 1), "declares 4 bytes, 8 are there"),
        (with(0x0028_0010, "Doe^Jane"), "Rows is malformed"),
        (number(0x0028_0100, 32), "samples have 8 or 16 bits"),
        (number(0x0028_0101, 17), "samples have 8 or 16 bits"),
        (number(0x0028_0102, 16), "samples have 8 or 16 bits"),
        (number(0x0028_0103, 2), "PixelRepresentation 2"),
        (Dicom::new().without(PIXELS), "PixelData is missing"),
    ]
}

#[test]
fn what_cannot_be_used_is_said_in_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.dcm");
    for (file, expected) in unusable() {
        file.write(&path);
        let text = refused(&path);
        assert!(text.contains(expected), "{expected}: {text}");
    }
    fs::write(&path, "no DICOM at all").unwrap();
    assert!(refused(&path).contains("no DICOM file"));
    fs::write(folder.path().join("a.txt"), "text").unwrap();
    assert!(refused(&folder.path().join("a.txt")).contains("no format reads this"));
    assert!(refused(folder.path()).contains("no samples"));
    assert!(refused(&folder.path().join("none")).contains("No such file"));
}

#[test]
fn folders_that_cannot_be_one_set_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    Dicom::new().write(&at("a"));
    Dicom::new().with(0x0008_0060, "PT").write(&at("b"));
    assert!(refused(folder.path()).contains("b: DICOM: Modality is PT"));
    let three = Dicom::new().with(0x0028_0010, [3, 0]).with(0x0028_0011, [3, 0]).with(PIXELS, [0; 18]);
    three.write(&at("b"));
    assert!(refused(folder.path()).contains("b: pixels: expected slices of 2x2 as in the others got 3x3"));
    Dicom::new().of("").write(&at("b"));
    assert_eq!(read_slices(folder.path()).unwrap().patients(), ["patient-1", "patient-2"]);
    Dicom::new().of(" ").with(0x0020_000D, "1.9").write(&at("a"));
    assert!(refused(folder.path()).contains("patients cannot be told apart"));
    fs::write(at("c.nii"), "").unwrap();
    assert!(refused(folder.path()).contains("DICOM and NIfTI"));
}

#[test]
fn nothing_that_identifies_a_patient_leaves_the_header() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("Doe-Jane-19700101.dcm");
    let secrets = ["Doe", "Jane", "SECRET", "1970"];
    let named = Dicom::new().with(0x0010_0030, "19700101").write(&path);
    let slices = read_slices(&named).unwrap();
    let shown = format!("{slices:?} {:?}", slices.patients());
    assert!(secrets.iter().all(|secret| !shown.contains(secret)), "{shown}");
    for (file, _) in unusable() {
        let error = slices_from_dicom(&file.with(0x0010_0030, "19700101").bytes()).unwrap_err();
        let shown = format!("{error} {error:?}");
        assert!(secrets.iter().all(|secret| !shown.contains(secret)), "{shown}");
    }
}

#[test]
fn sequences_may_nest_but_not_without_end() {
    let nested = |depth: usize| {
        let undefined = |tag: u32| {
            let mut header = element(tag, b"SQ", b"");
            header.truncate(8);
            header.extend([0xFF; 4]);
            header
        };
        let marker = |tag: u32, length: u32| {
            [(tag >> 16) as u16, tag as u16]
                .iter()
                .flat_map(|half| half.to_le_bytes())
                .chain(length.to_le_bytes())
                .collect()
        };
        let mut out: Vec<u8> = start(crate::craft::EXPLICIT);
        for _ in 0..depth {
            out.extend(undefined(0x0008_0005));
            out.extend::<Vec<u8>>(marker(0xFFFE_E000, u32::MAX));
        }
        for _ in 0..depth {
            out.extend::<Vec<u8>>(marker(0xFFFE_E00D, 0));
            out.extend::<Vec<u8>>(marker(0xFFFE_E0DD, 0));
        }
        out.extend(&Dicom::new().bytes()[start(crate::craft::EXPLICIT).len()..]);
        out
    };
    assert!(slices_from_dicom(&nested(20)).is_ok());
    let error = slices_from_dicom(&nested(100_000)).unwrap_err().to_string();
    assert!(error.contains("nest too deep"), "{error}");
}

#[test]
fn what_the_decoder_of_jpeg_would_misread_is_refused() {
    let start = [0xFF, 0xD8];
    let frame = |kind: u8, rows: u8| [0xFF, kind, 0, 11, 16, 0, rows, 0, 2, 1, 1, 0x11, 0];
    let scan = |predictor: u8, transform: u8| [0xFF, 0xDA, 0, 8, 1, 1, 0, predictor, 0, transform];
    let restarts = [0xFF, 0xDD, 0, 4, 0, 1];
    let good = (frame(0xC3, 2), scan(1, 0));
    for (parts, expected) in [
        (vec![&start[..], &restarts, &good.0, &good.1], "restarts"),
        (vec![&start, &good.0, &scan(1, 1)], "point transform"),
        (vec![&start, &good.0, &scan(0, 0)], "point transform"),
        (vec![&start, &good.0, &good.1, &[0x12], &good.1], "several scans"),
        (vec![&start, &frame(0xC2, 2), &good.1], "this kind of JPEG"),
        (vec![&start, &frame(0xC0, 2), &good.1], "JPEG samples of 16 bits"),
        (vec![&start, &frame(0xC3, 3), &good.1], "declares 8 bytes, 12 are there"),
        (vec![&start, &good.1], "malformed JPEG"),
        (vec![&start, &good.0, &good.1, &[0x12]], "malformed JPEG"),
    ] {
        let file = Dicom::new().compressed("1.2.840.10008.1.2.4.70", &parts.concat());
        let error = slices_from_dicom(&file).unwrap_err().to_string();
        assert!(error.contains(expected), "{expected}: {error}");
    }
}

#[test]
fn a_deflated_file_cannot_unpack_to_any_size() {
    let mut encoder = DeflateEncoder::new(start("1.2.840.10008.1.2.1.99"), Compression::fast());
    encoder.write_all(&vec![0; 65 << 20]).unwrap();
    let error = slices_from_dicom(&encoder.finish().unwrap()).unwrap_err().to_string();
    assert!(error.contains("far more than it should"), "{error}");
}

#[test]
fn a_path_of_the_wrong_kind_is_no_panic() {
    assert!(read_slices(Path::new("")).is_err());
}
