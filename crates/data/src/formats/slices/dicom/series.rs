//! Slices in the order of patients, series and height.

use std::cmp::Ordering;
use std::path::Path;

use super::super::stack::Stack;
use super::super::volume::{Axes, Grid, Volume};
use super::dataset::Dataset;
use super::image::Image;
use super::syntax::Syntax;
use super::tags::{IMAGE_TYPE, INSTANCE, MODALITY, ORIENTATION, PATIENT, POSITION, SERIES, SPACING, STUDY};
use super::{bad, decode};
use crate::error::{Error, Result};
use crate::slices::Slices;

/// A slice and where it belongs. Not `Debug`: it names a patient.
pub(super) struct Slice {
    patient: Vec<u8>,
    study: Vec<u8>,
    series: Vec<u8>,
    /// Millimetres along the normal towards the head.
    height: f64,
    instance: f64,
    pub(super) volume: Volume,
}

/// Reads a slice; `None` for a localizer.
pub(super) fn slice(dataset: &Dataset<'_>, syntax: &Syntax) -> Result<Option<Slice>> {
    let modality = dataset.required_code(MODALITY)?;
    if modality != "CT" {
        return Err(bad(format!("Modality is {modality}; only CT is in Hounsfield units")));
    }
    if dataset.text(IMAGE_TYPE).split(|&byte| byte == b'\\').any(|word| word.starts_with(b"LOCALIZER")) {
        return Ok(None);
    }
    let image = Image::read(dataset)?;
    let (axes, normal) = orientation(dataset)?;
    let grid = Grid { extents: [image.columns, image.rows, 1], strides: [1, image.columns, 0], axes };
    grid.room()?;
    let samples = decode::frame(dataset.pixels()?, &image, syntax)?;
    let volume = if image.bytes == 1 {
        grid.volume(|i| image.hounsfield(u16::from(samples.get(i).copied().unwrap_or(0))))?
    } else {
        let (samples, _) = samples.as_chunks();
        let order = if syntax.encoding.big_endian { u16::from_be_bytes } else { u16::from_le_bytes };
        grid.volume(|i| image.hounsfield(samples.get(i).map_or(0, |&sample| order(sample))))?
    };
    let position = dataset.decimals::<3>(POSITION)?;
    let height = normal.iter().zip(position).map(|(normal, position)| normal * position).sum();
    let [patient, study, series] = [PATIENT, STUDY, SERIES].map(|tag| dataset.text(tag).to_vec());
    let instance = dataset.optional_decimals(INSTANCE)?.map_or(0.0, |[instance]| instance);
    Ok(Some(Slice { patient, study, series, height, instance, volume }))
}

/// Where columns, rows and slices go, and the normal towards the head.
fn orientation(dataset: &Dataset<'_>) -> Result<(Axes, [f64; 3])> {
    let [a, b, c, d, e, f] = dataset.decimals(ORIENTATION)?;
    let normal = [b * f - c * e, c * d - a * f, a * e - b * d];
    let axes = Axes::new([[a, b, c], [d, e, f], normal])?;
    if !axes.axial() {
        return Err(bad("sagittal or coronal slices are not supported, only axial ones"));
    }
    // PixelSpacing is the distance of rows, then that of columns (PS3.3 10.7.1.3).
    if let Some([rows, columns]) = dataset.optional_decimals(SPACING)? {
        axes.check_pixels([columns, rows, 0.0])?;
    }
    let sign = f64::signum(a * e - b * d);
    Ok((axes, normal.map(|part| part * sign)))
}

/// All slices with pseudonyms for their patients.
pub(super) fn stack(mut slices: Vec<(&Path, Slice)>) -> Result<Slices> {
    if slices.is_empty() {
        return Err(Error::NoSamples { name: "CT slices".to_owned() });
    }
    check_nameless(&slices)?;
    slices.sort_by(|(_, a), (_, b)| order(a, b));
    let (mut stack, mut number) = (Stack::default(), 0);
    let mut before: Option<Vec<u8>> = None;
    for (path, slice) in slices {
        if before.as_ref() != Some(&slice.patient) {
            number += 1;
        }
        stack.push(&slice.volume, number).map_err(|error| error.in_file(path))?;
        before = Some(slice.patient);
    }
    stack.finish()
}

fn order(a: &Slice, b: &Slice) -> Ordering {
    a.patient
        .cmp(&b.patient)
        .then_with(|| a.study.cmp(&b.study))
        .then_with(|| a.series.cmp(&b.series))
        .then(a.height.total_cmp(&b.height))
        .then(a.instance.total_cmp(&b.instance))
}

/// Slices without `PatientID` must come from one study, or those of one patient could be taken for those of several.
fn check_nameless(slices: &[(&Path, Slice)]) -> Result<()> {
    let mut nameless = slices.iter().filter(|(_, slice)| slice.patient.is_empty());
    let Some((_, first)) = nameless.next() else { return Ok(()) };
    match nameless.find(|(_, slice)| slice.study != first.study || slice.study.is_empty()) {
        Some((path, _)) => {
            Err(bad("PatientID is missing here and in another study, so that patients cannot be told apart")
                .in_file(path))
        }
        None => Ok(()),
    }
}
