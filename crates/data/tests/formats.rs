//! What is written reads back; real files read as they are; folders of images keep to themselves.

#![allow(clippy::unwrap_used, reason = "helpers of tests may fail the test")]

mod shared;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Instant;

use image::{GrayImage, RgbImage};
use modelmend_data::formats::{
    Array, Source, Values, read_cases, read_csv, read_npy, read_npz, read_parquet,
};
use modelmend_data::formats::{write_npy, write_npz, write_parquet};
use modelmend_data::{Column, Table};
use proptest::prelude::*;

#[test]
fn arrays_of_every_type_read_back() {
    let folder = tempfile::tempdir().unwrap();
    let of = |values: Values| Array::new(vec![values.len(), 1], values).unwrap();
    let arrays = BTreeMap::from([
        ("bool".to_owned(), of(vec![true, false].into())),
        ("u8".to_owned(), of(vec![0u8, 255].into())),
        ("i8".to_owned(), of(vec![-128i8, 127].into())),
        ("u16".to_owned(), of(vec![0u16, u16::MAX].into())),
        ("i16".to_owned(), of(vec![i16::MIN, i16::MAX].into())),
        ("u32".to_owned(), of(vec![0u32, u32::MAX].into())),
        ("i32".to_owned(), of(vec![i32::MIN, i32::MAX].into())),
        ("u64".to_owned(), of(vec![0u64, u64::MAX].into())),
        ("i64".to_owned(), of(vec![i64::MIN, i64::MAX].into())),
        ("grad/conv.weight".to_owned(), of(vec![f32::MIN_POSITIVE, -1.5].into())),
        ("f64".to_owned(), of(vec![f64::MAX, -1e-300].into())),
        ("text".to_owned(), of(vec!["".to_owned(), "Gewebe ü".to_owned()].into())),
        ("large".to_owned(), of((0..100_000u32).collect::<Vec<_>>().into())),
        ("scalar".to_owned(), Array::new(vec![], vec![2.5f64].into()).unwrap()),
    ]);
    let path = folder.path().join("new/all.npz");
    write_npz(&path, &arrays).unwrap();
    assert_eq!(read_npz(&path).unwrap(), arrays);
    let before = fs::read(&path).unwrap();
    write_npz(&path, &arrays).unwrap();
    assert_eq!(fs::read(&path).unwrap(), before, "the same arrays give the same bytes");
    for array in arrays.values() {
        let path = folder.path().join("one.npy");
        write_npy(&path, array).unwrap();
        assert_eq!(&read_npy(&path).unwrap(), array);
    }
}

proptest! {
    #[test]
    fn tables_read_back(
        words in prop::collection::vec(prop::option::of(".{0,12}"), 1..40),
        seed in any::<i64>(),
    ) {
        let mut table = Table::new();
        let rows = words.len() as i64;
        let some = |row: i64| (row + seed) % 3 != 0;
        table.push("word", Column::Text(words)).unwrap();
        table.push("whole", Column::Integer((0..rows).map(|r| (r == 0 || some(r)).then_some(seed ^ r)).collect())).unwrap();
        table.push("real", Column::Float((0..rows).map(|r| (r == 0 || some(r)).then_some(r as f64 / 7.0)).collect())).unwrap();
        table.push("yes", Column::Bool((0..rows).map(|r| (r == 0 || some(r)).then_some(r % 2 == 0)).collect())).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cases.parquet");
        write_parquet(&path, &table).unwrap();
        prop_assert_eq!(read_parquet(&path).unwrap(), table);
    }
}

#[test]
fn blood_cells_read_quickly_and_right() {
    let Some(path) = shared::path("data/rbc12.npz") else { return };
    let start = Instant::now();
    let test = read_cases(&Source::new(&path).splits(["test"])).unwrap();
    let seconds = start.elapsed().as_secs_f64();
    assert!(seconds < 2.0, "took {seconds} s");
    assert_eq!((test.count(), test.images.channels(), test.images.height()), (5495, 3, 28));
    let mut groups = test.groups.clone().unwrap();
    groups.sort();
    groups.dedup();
    assert_eq!(groups.len(), 204);
    let classes = BTreeMap::from([(0, vec![0, 1, 2, 4, 5, 11]), (1, vec![3, 6, 7, 8, 9, 12])]);
    assert_eq!(test.classes(&classes).unwrap().len(), 5495);
    let joined = read_cases(&Source::new(&path).splits(["test", "train"])).unwrap();
    assert_eq!((joined.count(), joined.split[5495].as_str()), (5495 + 7473, "train"));
    assert_eq!(read_cases(&Source::new(&path)).unwrap().count(), 14_633);
    let error = read_cases(&Source::new(&path).splits(["tset"])).unwrap_err().to_string();
    assert!(error.contains("no split tset; the data has: train, val, test"), "{error}");
}

#[test]
fn plain_images_and_labels_are_one_split() {
    let Some(path) = shared::path("data/pathmnist_1000.npz") else { return };
    let cases = read_cases(&Source::new(path)).unwrap();
    assert_eq!((cases.count(), cases.split[0].as_str()), (1000, "all"));
    assert_eq!(cases.labels.iter().max(), Some(&8));
}

#[test]
fn further_columns_become_metadata() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.npz");
    let column = |values: Values| Array::new(vec![2], values).unwrap();
    let arrays = [
        ("val_images", Array::new(vec![2, 4, 5], vec![9u8; 40].into()).unwrap()),
        ("val_labels", column(vec![1u8, 0].into())),
        ("val_groups", column(vec!["p1".to_owned(), "p2".to_owned()].into())),
        ("val_age", column(vec![50.5, f64::NAN].into())),
    ];
    write_npz(&path, arrays.clone()).unwrap();
    let cases = read_cases(&Source::new(&path)).unwrap();
    assert_eq!((cases.images.channels(), cases.images.height(), cases.images.width()), (1, 4, 5));
    assert_eq!(cases.groups.unwrap(), ["p1", "p2"]);
    assert_eq!(cases.metadata["age"], Column::Float(vec![Some(50.5), None]));
    let short = Array::new(vec![1], vec![1u8].into()).unwrap();
    write_npz(&path, arrays.into_iter().take(1).chain([("val_labels", short)])).unwrap();
    let error = read_cases(&Source::new(&path)).unwrap_err().to_string();
    assert!(error.ends_with("a.npz: val_images has 2 cases, val_labels has 1 (2 vs 1)"), "{error}");
}

#[test]
fn npy_pairs_read_with_their_groups() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, array: Array| write_npy(&folder.path().join(name), &array).unwrap();
    write("test_images.npy", Array::new(vec![2, 1, 3, 3], vec![0.5f32; 18].into()).unwrap());
    write("test_labels.npy", Array::new(vec![2], vec![1i32, 0].into()).unwrap());
    write("test_groups.npy", Array::new(vec![2], vec![7u16, 8].into()).unwrap());
    let cases = read_cases(&Source::new(folder.path().join("test_images.npy"))).unwrap();
    assert_eq!((cases.labels, cases.split[0].as_str()), (vec![1, 0], "test"));
    assert_eq!(cases.groups.unwrap(), ["7", "8"]);
    fs::remove_file(folder.path().join("test_labels.npy")).unwrap();
    let error = read_cases(&Source::new(folder.path().join("test_images.npy"))).unwrap_err().to_string();
    assert!(error.contains("test_labels.npy: "), "{error}");
}

/// Two colour images and one grey, with a table.
fn image_folder(folder: &Path, last_size: u32) {
    fs::create_dir(folder.join("sub")).unwrap();
    RgbImage::from_pixel(4, 3, image::Rgb([10, 20, 30])).save(folder.join("sub/a.png")).unwrap();
    RgbImage::from_pixel(4, 3, image::Rgb([1, 2, 3])).save(folder.join("b.bmp")).unwrap();
    GrayImage::from_pixel(4, last_size, image::Luma([7])).save(folder.join("c.tiff")).unwrap();
    let table =
        "path,label,group,split,stain\nsub/a.png,3,p1,train,H\nb.bmp,4,p1,test,E\nc.tiff,3,p2,test,\n";
    fs::write(folder.join("cases.csv"), table).unwrap();
}

#[test]
fn folders_read_with_their_table() {
    let folder = tempfile::tempdir().unwrap();
    image_folder(folder.path(), 3);
    let cases = read_cases(&Source::new(folder.path())).unwrap();
    assert_eq!(cases.ids, ["sub/a.png", "b.bmp", "c.tiff"]);
    assert_eq!((cases.images.height(), cases.images.width(), cases.images.channels()), (3, 4, 3));
    assert_eq!(&cases.images.rgb8(0).unwrap()[..3], [10, 20, 30]);
    assert_eq!(&cases.images.rgb8(2).unwrap()[..3], [7, 7, 7]);
    assert_eq!(cases.metadata["stain"].text_at(2), None);
    let test = read_cases(&Source::new(folder.path().join("cases.csv")).splits(["test"])).unwrap();
    assert_eq!((test.labels, test.groups.unwrap()), (vec![4, 3], vec!["p1".to_owned(), "p2".to_owned()]));
    let table = read_csv(&folder.path().join("cases.csv")).unwrap();
    fs::remove_file(folder.path().join("cases.csv")).unwrap();
    write_parquet(&folder.path().join("cases.parquet"), &table).unwrap();
    assert_eq!(read_cases(&Source::new(folder.path())).unwrap(), cases);
}

#[test]
fn other_sizes_are_refused_by_name_or_resized() {
    let folder = tempfile::tempdir().unwrap();
    image_folder(folder.path(), 5);
    let mut source = Source::new(folder.path());
    let error = read_cases(&source).unwrap_err().to_string();
    assert!(error.contains("image c.tiff is 5x4, the others are 3x4"), "{error}");
    source.resize = Some((2, 6));
    let images = read_cases(&source).unwrap().images;
    assert_eq!((images.height(), images.width()), (2, 6));
    assert_eq!(&images.rgb8(2).unwrap()[..3], [7, 7, 7]);
}

#[test]
fn paths_stay_inside_the_folder() {
    let outer = tempfile::tempdir().unwrap();
    RgbImage::new(4, 3).save(outer.path().join("secret.png")).unwrap();
    let folder = outer.path().join("data");
    fs::create_dir(&folder).unwrap();
    image_folder(&folder, 3);
    std::os::unix::fs::symlink("../secret.png", folder.join("link.png")).unwrap();
    std::os::unix::fs::symlink("b.bmp", folder.join("inner.bmp")).unwrap();
    let absolute = outer.path().join("secret.png").display().to_string();
    let with = |name: &str| {
        fs::write(folder.join("cases.csv"), format!("path,label\n{name},1\n")).unwrap();
        read_cases(&Source::new(&folder)).map_err(|error| error.to_string())
    };
    for name in ["../secret.png", "sub/../../secret.png", "link.png", absolute.as_str()] {
        let error = with(name).unwrap_err();
        assert!(error.contains("leads out of the data folder") && error.contains(name), "{error}");
    }
    assert!(with("./inner.bmp").is_ok());
    assert!(with("missing.png").unwrap_err().contains("image missing.png: "));
    assert!(with("cases.csv").unwrap_err().contains("image cases.csv: "));
}

#[test]
fn unknown_paths_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.txt");
    fs::write(&file, "x").unwrap();
    let error = read_cases(&Source::new(&file)).unwrap_err().to_string();
    assert!(error.contains("a.txt: no format reads this; known are: MedMNIST"), "{error}");
    let error = read_cases(&Source::new(folder.path().join("gone"))).unwrap_err().to_string();
    assert!(error.contains("gone: entity not found"), "{error}");
}
