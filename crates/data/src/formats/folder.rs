//! A folder of image files (PNG, JPEG, BMP, TIFF) with a CSV or Parquet table of their paths, labels, groups, splits
//! and metadata.

use std::fs;
use std::path::{Path, PathBuf};

use image::DynamicImage;
use image::imageops::FilterType;
use rayon::prelude::*;

use super::image_file::{decode, is_grey};
use super::{Format, Source, has_extension, read_csv, read_parquet};
use crate::cases::Cases;
use crate::error::{Error, Result};
use crate::images::{Images, Pixels};
use crate::table::{Column, Table};

pub(super) const FORMAT: Format = Format {
    name: "folder of images with a .csv or .parquet table",
    reads: |path| is_table(path) || path.is_dir(),
    read,
};

fn is_table(path: &Path) -> bool {
    has_extension(path, "csv") || has_extension(path, "parquet")
}

fn read(source: &Source) -> Result<Cases> {
    let table_path = find_table(&source.path)?;
    let in_table = |error: Error| error.in_file(&table_path);
    let table =
        if has_extension(&table_path, "csv") { read_csv(&table_path) } else { read_parquet(&table_path) }?;
    let rows = Rows::new(&table, source).map_err(in_table)?;
    let folder =
        table_path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let images = read_images(folder, &rows.paths, source.resize)?;
    Ok(Cases {
        ids: rows.paths,
        images,
        labels: rows.labels,
        groups: rows.groups,
        split: rows.split,
        metadata: metadata(&table, source, &rows.indices),
    })
}

/// The table itself, or the only one in a folder.
fn find_table(path: &Path) -> Result<PathBuf> {
    if is_table(path) {
        return Ok(path.to_owned());
    }
    let entries = fs::read_dir(path)?.map(|entry| entry.map(|entry| entry.path()));
    let mut tables: Vec<_> = entries.collect::<std::io::Result<Vec<_>>>()?;
    tables.retain(|path| is_table(path));
    match tables.as_slice() {
        [one] => Ok(one.clone()),
        several => {
            let count = several.len();
            Err(Error::Request(format!(
                "the folder has {count} .csv or .parquet tables; name the one to read"
            )))
        }
    }
}

/// The rows of the wanted splits.
struct Rows {
    indices: Vec<usize>,
    paths: Vec<String>,
    labels: Vec<i64>,
    groups: Option<Vec<String>>,
    split: Vec<String>,
}

impl Rows {
    fn new(table: &Table, source: &Source) -> Result<Self> {
        let names = &source.columns;
        let split_of = |row| match table.get(&names.split) {
            Some(column) => column.text_at(row).unwrap_or_default(),
            None => "all".to_owned(),
        };
        let splits: Vec<String> = (0..table.rows()).map(split_of).collect();
        let indices = wanted_rows(&splits, &source.splits)?;
        let (path_column, label_column) = (table.require(&names.path)?, table.require(&names.label)?);
        let required = |column: &Column, name: &str, row: usize| {
            column
                .text_at(row)
                .ok_or_else(|| Error::Table { cause: format!("row {}: {name} is missing", row + 1) })
        };
        let label = |&row: &usize| {
            let value = required(label_column, &names.label, row)?;
            value.parse().map_err(|_| Error::LabelType { array: names.label.clone(), case: row, value })
        };
        let group =
            |column: &Column| indices.iter().map(|&row| required(column, &names.group, row)).collect();
        Ok(Rows {
            paths: indices
                .iter()
                .map(|&row| required(path_column, &names.path, row))
                .collect::<Result<_>>()?,
            labels: indices.iter().map(label).collect::<Result<_>>()?,
            groups: table.get(&names.group).map(group).transpose()?,
            split: indices.iter().map(|&row| splits[row].clone()).collect(),
            indices,
        })
    }
}

fn wanted_rows(splits: &[String], wanted: &[String]) -> Result<Vec<usize>> {
    if splits.is_empty() {
        return Err(Error::NoSamples { name: "table".to_owned() });
    }
    if wanted.is_empty() {
        return Ok((0..splits.len()).collect());
    }
    let mut rows = Vec::new();
    for name in wanted {
        let before = rows.len();
        rows.extend((0..splits.len()).filter(|&row| &splits[row] == name));
        if rows.len() == before {
            let mut present = splits.to_vec();
            present.sort();
            present.dedup();
            return Err(Error::MissingSplit { wanted: name.clone(), present: present.join(", ") });
        }
    }
    Ok(rows)
}

fn metadata(table: &Table, source: &Source, rows: &[usize]) -> std::collections::BTreeMap<String, Column> {
    let names = &source.columns;
    let special = [&names.path, &names.label, &names.group, &names.split];
    let others = table.columns().iter().filter(|(name, _)| !special.contains(&name));
    others.map(|(name, column)| (name.clone(), column.select(rows))).collect()
}

/// Files that are held decoded beside the stack that they go into.
const DECODED_AT_ONCE: usize = 256;

/// Decodes all files, in parallel; grey where all are grey, else RGB.
fn read_images(folder: &Path, names: &[String], resize: Option<(u32, u32)>) -> Result<Images> {
    let folder = folder.canonicalize()?;
    let decode = |name: &str| decode(&folder, name).map(|image| resized(image, resize));
    let first = decode(names.first().map_or("", String::as_str))?;
    let (height, width) = (first.height(), first.width());
    let decode_checked = |name: &String| {
        let image = decode(name)?;
        if (image.height(), image.width()) == (height, width) {
            return Ok((is_grey(&image), image.into_rgb8().into_raw()));
        }
        let (got, expected) = (format!("{}x{}", image.height(), image.width()), format!("{height}x{width}"));
        Err(Error::ImageSize { name: name.clone(), got, expected })
    };
    let mut pixels: Vec<u8> = Vec::new();
    let mut channels = 1;
    for part in names.chunks(DECODED_AT_ONCE) {
        let decoded: Vec<(bool, Vec<u8>)> = part.par_iter().map(decode_checked).collect::<Result<_>>()?;
        if channels == 1 && decoded.iter().any(|(grey, _)| !grey) {
            channels = 3;
            pixels = pixels.into_iter().flat_map(|grey| [grey; 3]).collect();
        }
        pixels.extend(decoded.iter().flat_map(|(_, rgb)| rgb.iter().step_by(3 / channels).copied()));
    }
    let shape = [names.len(), height as usize, width as usize, channels];
    Images::new("images", &shape, Pixels::U8(pixels))
}

fn resized(image: DynamicImage, size: Option<(u32, u32)>) -> DynamicImage {
    match size {
        Some((height, width)) if (image.height(), image.width()) != (height, width) => {
            image.resize_exact(width, height, FilterType::Triangle)
        }
        _ => image,
    }
}
