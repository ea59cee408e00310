//! The demonstration: data with planted failures, written as a user would bring them, and a study of them.

use std::path::Path;

use anyhow::{Context as _, Result};
use modelmend_data::Cases;
use modelmend_data::Column;
use modelmend_data::formats::{Array, Values, write_npz};
use modelmend_data::generate::{Histology, histology};
use modelmend_study::cache::write_atomically;

use super::run::{RunOptions, run_file};

/// The study of the demonstration; a template for one's own.
const STUDY: &str = include_str!("demo.yaml");

/// Generates data and study file in a folder and runs the study there.
pub(crate) fn demo(out: &Path, quiet: bool) -> Result<u8> {
    let folder = out.join("data");
    std::fs::create_dir_all(&folder)
        .with_context(|| format!("{}: cannot make the folder", folder.display()))?;
    let generated = histology(&Histology::default())?;
    let splits =
        [("train", &generated.train), ("val", &generated.validation), ("deployment", &generated.deployment)];
    let mut arrays = Vec::new();
    for (name, cases) in splits {
        arrays.extend(split_arrays(name, cases)?);
    }
    write_npz(&folder.join("histology.npz"), arrays)?;
    let study = out.join("study.yaml");
    let names: Vec<String> =
        generated.tissues.iter().enumerate().map(|(i, t)| format!("    {i}: {t}\n")).collect();
    let classes: Vec<String> =
        generated.classes.iter().map(|(c, labels)| format!("    {c}: {labels:?}\n")).collect();
    let text =
        STUDY.replace("    # CLASSES\n", &classes.concat()).replace("    # TISSUES\n", &names.concat());
    write_atomically(&study, &[text.as_bytes()])
        .with_context(|| format!("{}: cannot write it", study.display()))?;
    let options = RunOptions {
        out: Some(out.to_owned()),
        cache: Some(out.join("cache")),
        quiet,
        ..RunOptions::default()
    };
    // A repair that the gate refuses is a result like any other here.
    run_file(&study, &options).map(|_| 0)
}

/// A split in the MedMNIST layout.
fn split_arrays(split: &str, cases: &Cases) -> Result<Vec<(String, Array)>> {
    let images = &cases.images;
    let rgb: Vec<Vec<u8>> = (0..images.count()).map(|index| images.rgb8(index)).collect::<Result<_, _>>()?;
    let shape = vec![images.count(), images.height(), images.width(), 3];
    let mut arrays = vec![
        (format!("{split}_images"), Array::new(shape, Values::U8(rgb.concat()))?),
        (format!("{split}_labels"), Array::new(vec![cases.count(), 1], Values::I64(cases.labels.clone()))?),
    ];
    if let Some(groups) = &cases.groups {
        arrays.push((
            format!("{split}_groups"),
            Array::new(vec![cases.count()], Values::Text(groups.clone()))?,
        ));
    }
    for (name, column) in &cases.metadata {
        if let Column::Text(_) = column {
            let words = (0..cases.count()).map(|i| column.text_at(i).unwrap_or_default()).collect();
            arrays.push((format!("{split}_{name}"), Array::new(vec![cases.count()], Values::Text(words))?));
        }
    }
    Ok(arrays)
}
