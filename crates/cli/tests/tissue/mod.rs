//! A generated set of tissue patches as files, with a study of them.

use std::path::{Path, PathBuf};

use modelmend_data::Cases;
use modelmend_data::formats::{Array, Values, write_npz};
use modelmend_data::generate::{Histology, histology};

/// Writes `data.npz` and `study.yaml` into a folder; `{CLASSES}` in the study becomes the map of its classes.
pub(crate) fn write(folder: &Path, set: &Histology, study: &str) -> PathBuf {
    let set = histology(set).unwrap();
    let arrays =
        [split("train", &set.train), split("val", &set.validation), split("deployment", &set.deployment)];
    write_npz(&folder.join("data.npz"), arrays.concat()).unwrap();
    let classes: Vec<String> = set.classes.iter().map(|(c, labels)| format!("{c}: {labels:?}")).collect();
    let path = folder.join("study.yaml");
    std::fs::write(&path, study.replace("{CLASSES}", &format!("{{{}}}", classes.join(", ")))).unwrap();
    path
}

/// A split in the MedMNIST layout.
fn split(name: &str, cases: &Cases) -> Vec<(String, Array)> {
    let count = cases.count();
    let pixels: Vec<u8> = (0..count).flat_map(|case| cases.images.rgb8(case).unwrap()).collect();
    let planted = (0..count).map(|i| cases.metadata["planted"].text_at(i).unwrap()).collect();
    let array = |shape: &[usize], values| Array::new(shape.to_vec(), values).unwrap();
    vec![
        (format!("{name}_images"), array(&[count, 28, 28, 3], Values::U8(pixels))),
        (format!("{name}_labels"), array(&[count], Values::I64(cases.labels.clone()))),
        (format!("{name}_groups"), array(&[count], Values::Text(cases.groups.clone().unwrap()))),
        (format!("{name}_planted"), array(&[count], Values::Text(planted))),
    ]
}
