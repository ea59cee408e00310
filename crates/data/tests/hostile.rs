//! Damaged and hostile files give one clear error: never a panic, never memory that the file does not back.

#![allow(clippy::unwrap_used, reason = "helpers of tests may fail the test")]

mod shared;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use modelmend_data::formats::{Array, Batch, Source, Values, read_cases, read_npy, read_npz};
use modelmend_data::formats::{read_csv, read_parquet, write_npy, write_npz, write_parquet};
use modelmend_data::{Column, Table};
use proptest::prelude::*;

/// What the data room says to one of the reference's bad files, used with a model that takes (3, 8, 8) and has 4 classes.
fn message(path: &Path) -> String {
    let checks = || {
        let batch = Batch::read(path, "x", &["x"], &["y"])?;
        batch.require("x", &[Some(3), Some(8), Some(8)])?;
        batch.labels("y", 4)
    };
    checks().unwrap_err().to_string()
}

#[test]
fn every_bad_file_of_the_reference_gets_its_error() {
    let Some(folder) = shared::path("reference/onnx_bad") else { return };
    let listed: serde_json::Value =
        serde_json::from_slice(&fs::read(folder.join("expected.json")).unwrap()).unwrap();
    let expected = BTreeMap::from([
        ("pickled_object.npz", "x: object dtype refused: reading it would run a pickle"),
        ("zip_bomb.npz", "size limit of 67108864 bytes (compression ratio at most 100:1)"),
        ("header_lies.npy", "x: size mismatch: the header declares 8000000000000 bytes, 16 are there"),
        ("label_count_mismatch.npz", "x has 10 cases, y has 7 (10 vs 7)"),
        ("nan_images.npz", "x: non-finite value in image 4"),
        ("zero_samples.npz", "x: no samples"),
        ("wrong_input_shape.npz", "x: expected 3x8x8 got 1x9x8"),
        ("label_out_of_range.npz", "y: label -1 of case 4 is out of range for 4 classes"),
        ("truncated.npz", "not a valid zip archive"),
    ]);
    let mut seen = 0;
    for entry in listed.as_array().unwrap() {
        let (file, kind) = (entry["file"].as_str().unwrap(), entry["kind"].as_str().unwrap());
        let path = folder.join(file);
        if kind == "onnx" {
            continue;
        }
        seen += 1;
        if entry["expect"] == "ok" {
            assert_eq!(Batch::read(&path, "x", &["x"], &["y"]).unwrap().labels("y", 4).unwrap().len(), 10);
            continue;
        }
        let text = if kind == "npy" { read_npy(&path).unwrap_err().to_string() } else { message(&path) };
        let text = text.replace("header_lies: ", "x: ");
        assert!(text.contains(expected[file]), "{file}: {text}");
        assert!(text.contains(file) && !text.contains('\n'), "{file}: {text}");
    }
    assert!(seen >= 10, "the reference lists {seen} arrays");
}

fn sample_table() -> Table {
    let mut table = Table::new();
    table.push("path", Column::text(["a.png", "b,\"c\".png", "ü.png"])).unwrap();
    table.push("label", Column::Integer(vec![Some(-3), None, Some(i64::MAX)])).unwrap();
    table.push("loss", Column::Float(vec![None, Some(0.5), Some(-1e300)])).unwrap();
    table.push("correct", Column::Bool(vec![Some(true), Some(false), None])).unwrap();
    table.push("site", Column::Text(vec![None, None, None])).unwrap();
    table
}

/// Valid files of every format that reads arrays or tables, by extension.
fn valid_files(folder: &Path) -> Vec<(&'static str, Vec<u8>)> {
    let images = Array::new(vec![3, 2, 2, 3], Values::U8((0..36).collect())).unwrap();
    let words = ["x", "yy", ""].map(str::to_owned).to_vec();
    let arrays = [
        ("test_images", images.clone()),
        ("test_labels", Array::new(vec![3, 1], vec![1i64, 2, 3].into()).unwrap()),
        ("test_site", Array::new(vec![3], words.into()).unwrap()),
    ];
    write_npz(&folder.join("a.npz"), arrays).unwrap();
    write_npy(&folder.join("a.npy"), &images).unwrap();
    write_parquet(&folder.join("a.parquet"), &sample_table()).unwrap();
    fs::write(folder.join("a.csv"), "path,label,x\n\"a\"\"b\",1,2.5\nü,2,\n").unwrap();
    let read = |extension| (extension, fs::read(folder.join(format!("a.{extension}"))).unwrap());
    ["npz", "npy", "parquet", "csv"].map(read).to_vec()
}

/// Reads a file in every way; only that it returns matters.
fn read_any(path: &Path, extension: &str) {
    match extension {
        "npz" => {
            let _ = (read_npz(path), read_cases(&Source::new(path)), Batch::read(path, "x", &["x"], &["y"]));
        }
        "npy" => {
            let _ = read_npy(path);
        }
        "parquet" => {
            let _ = read_parquet(path);
        }
        _ => {
            let _ = read_csv(path);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn damaged_files_never_panic(
        format in 0usize..4,
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        cut in prop::option::weighted(0.3, any::<prop::sample::Index>()),
    ) {
        static VALID: LazyLock<Vec<(&str, Vec<u8>)>> =
            LazyLock::new(|| valid_files(tempfile::tempdir().unwrap().path()));
        let folder = tempfile::tempdir().unwrap();
        let (extension, mut bytes) = VALID[format].clone();
        for (at, value) in flips {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        let path = folder.path().join(format!("damaged.{extension}"));
        fs::write(&path, bytes).unwrap();
        read_any(&path, extension);
    }
}

#[test]
fn changed_bytes_of_an_array_are_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.npz");
    write_npz(&path, [("x", Array::new(vec![64], vec![7u8; 64].into()).unwrap())]).unwrap();
    let mut bytes = fs::read(&path).unwrap();
    let at = bytes.windows(64).position(|window| window == [7; 64]).unwrap();
    bytes[at + 5] = 8;
    fs::write(&path, bytes).unwrap();
    let text = read_npz(&path).unwrap_err().to_string();
    assert!(text.contains("not a valid zip archive (array x: ") && text.contains("checksum"), "{text}");
}

#[test]
fn declared_sizes_take_no_memory() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.npz");
    write_npz(&path, [("x", Array::new(vec![64], vec![7u8; 64].into()).unwrap())]).unwrap();
    let good = fs::read(&path).unwrap();
    // The uncompressed size in the central directory, alone and then with the compressed size.
    let central = good.windows(4).rposition(|window| window == b"PK\x01\x02").unwrap();
    for (from, size) in [(24, 0xFFFF_FFFFu32), (20, 0xFFFF_FFFF), (24, 0x7FFF_FFFF), (24, 60 << 20)] {
        let mut bytes = good.clone();
        bytes[central + from..central + from + 4].copy_from_slice(&size.to_le_bytes());
        fs::write(&path, bytes).unwrap();
        // All ones mean that the ZIP64 field tells; where there is one, the file is right after all.
        let zip64 = size == 0xFFFF_FFFF && read_npz(&path).is_ok_and(|arrays| arrays["x"].shape() == [64]);
        assert!(zip64 || read_npz(&path).is_err(), "{from} {size}");
    }
}
