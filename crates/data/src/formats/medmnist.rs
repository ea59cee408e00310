//! The layout of MedMNIST v2 (Yang et al., Scientific Data 2023): one `.npz` with `<split>_images` and
//! `<split>_labels` for each split; here also `<split>_groups` and further per-case columns `<split>_<name>`. A file
//! with plain `images`, `labels`, ... is one split, called `all`.

use super::array::{Array, Values};
use super::in_place::IN_MEMORY;
use super::{Format, NpzFile, Source, has_extension, labels};
use crate::cases::Cases;
use crate::error::{Error, Result, dims};
use crate::table::Column;

pub(super) const FORMAT: Format =
    Format { name: "MedMNIST-layout .npz", reads: |path| has_extension(path, "npz"), read };

/// Name of the split of a file that has only one.
const SINGLE: &str = "all";

fn read(source: &Source) -> Result<Cases> {
    let mut file = NpzFile::open(&source.path)?;
    let present = split_names(file.names());
    if present.is_empty() {
        return Err(Error::MissingArray {
            wanted: "images or <split>_images".to_owned(),
            present: file.names().join(", "),
        });
    }
    let wanted = if source.splits.is_empty() { &present } else { &source.splits };
    let mut joined: Option<Cases> = None;
    for split in wanted {
        if !present.contains(split) {
            return Err(Error::MissingSplit { wanted: split.clone(), present: present.join(", ") });
        }
        let cases = read_split(&mut file, split)?;
        joined = Some(match joined {
            None => cases,
            Some(before) => before.join(cases)?,
        });
    }
    joined.ok_or_else(|| Error::NoSamples { name: "splits".to_owned() })
}

fn split_names(arrays: &[String]) -> Vec<String> {
    let split = |name: &String| match name.strip_suffix("images") {
        Some("") => Some(SINGLE.to_owned()),
        Some(prefix) => prefix.strip_suffix('_').map(str::to_owned),
        None => None,
    };
    arrays.iter().filter_map(split).collect()
}

fn read_split(file: &mut NpzFile, split: &str) -> Result<Cases> {
    let single = file.has("images") && split == SINGLE;
    let prefix = if single { String::new() } else { format!("{split}_") };
    let images_name = format!("{prefix}images");
    let images = file.read_images(&images_name, IN_MEMORY)?;
    let labels_name = format!("{prefix}labels");
    let labels = labels(&labels_name, &file.read(&labels_name)?)?;
    check_count(&images_name, images.count(), &labels_name, labels.len())?;
    let mut cases = Cases::new(split, images, labels)?;
    for array_name in file.names().to_vec() {
        let Some(name) = array_name.strip_prefix(&prefix) else { continue };
        if matches!(name, "images" | "labels") || (single && name.ends_with("_images")) {
            continue;
        }
        let column = column(&array_name, file.read(&array_name)?)?;
        check_count(&images_name, cases.count(), &array_name, column.len())?;
        if name == "groups" {
            let text = |row| column.text_at(row).unwrap_or_default();
            cases.groups = Some((0..column.len()).map(text).collect());
        } else {
            cases.metadata.insert(name.to_owned(), column);
        }
    }
    Ok(cases)
}

fn check_count(first: &str, first_count: usize, second: &str, second_count: usize) -> Result<()> {
    if first_count == second_count {
        return Ok(());
    }
    Err(Error::CountMismatch {
        first: first.to_owned(),
        first_count,
        second: second.to_owned(),
        second_count,
    })
}

/// A column from an array of shape (N,) or (N, 1); NaN is a missing value.
pub(super) fn column(name: &str, array: Array) -> Result<Column> {
    if !matches!(array.shape(), [_] | [_, 1]) {
        let got = dims(array.shape());
        return Err(Error::Shape { array: name.to_owned(), expected: "N or Nx1".to_owned(), got });
    }
    let float = |value: f64| Some(value).filter(|value| value.is_finite());
    Ok(match array.values() {
        Values::Bool(values) => Column::Bool(values.iter().copied().map(Some).collect()),
        Values::Text(values) => Column::text(values.iter()),
        Values::F32(values) => Column::Float(values.iter().map(|&value| float(f64::from(value))).collect()),
        Values::F64(values) => Column::Float(values.iter().map(|&value| float(value)).collect()),
        _ => Column::integers(labels(name, &array)?),
    })
}
