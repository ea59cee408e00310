//! What the samples of a slice mean (PS3.3 C.7.6.3, C.8.2.1).

use super::bad;
use super::dataset::Dataset;
use super::tags::{
    BITS_ALLOCATED, BITS_STORED, COLUMNS, FRAMES, HIGH_BIT, INTERCEPT, PHOTOMETRIC, REPRESENTATION,
    RESCALE_TYPE, ROWS, SAMPLES, SLOPE,
};
use crate::error::Result;

/// Size, storage and scale of a slice.
#[derive(Clone, Copy)]
pub(super) struct Image {
    pub(super) rows: usize,
    pub(super) columns: usize,
    /// Bytes of a sample, 1 or 2.
    pub(super) bytes: usize,
    /// Bits of a sample that hold its value.
    stored: u32,
    /// Bits below the value.
    below: u32,
    signed: bool,
    slope: f64,
    intercept: f64,
}

impl Image {
    /// Reads what the header says.
    pub(super) fn read(dataset: &Dataset<'_>) -> Result<Self> {
        check_kind(dataset)?;
        let [rows, columns] = [dataset.number(ROWS)?, dataset.number(COLUMNS)?].map(usize::from);
        if rows == 0 || columns == 0 {
            return Err(bad(format!("{rows} rows and {columns} columns make no image")));
        }
        let allocated = u32::from(dataset.number(BITS_ALLOCATED)?);
        let stored = u32::from(dataset.number(BITS_STORED)?);
        let high = u32::from(dataset.number(HIGH_BIT)?);
        if !matches!(allocated, 8 | 16) || stored == 0 || high >= allocated || stored > high + 1 {
            return Err(bad(format!(
                "{stored} bits up to bit {high} of {allocated} are not supported; samples have 8 or 16 bits"
            )));
        }
        let signed = match dataset.number(REPRESENTATION)? {
            0 => false,
            1 => true,
            other => return Err(bad(format!("PixelRepresentation {other} is not known"))),
        };
        let ([slope], [intercept]) = (dataset.decimals(SLOPE)?, dataset.decimals(INTERCEPT)?);
        if slope == 0.0 {
            return Err(bad("RescaleSlope is 0"));
        }
        let (bytes, below) = (allocated as usize / 8, high + 1 - stored);
        Ok(Self { rows, columns, bytes, stored, below, signed, slope, intercept })
    }

    /// Bytes of the uncompressed slice.
    pub(super) fn length(&self) -> usize {
        self.rows * self.columns * self.bytes
    }

    /// Hounsfield units of a sample.
    pub(super) fn hounsfield(&self, sample: u16) -> f32 {
        let unused = u32::BITS - self.stored;
        let aligned = (u32::from(sample) >> self.below) << unused;
        let value = if self.signed {
            f64::from(aligned.cast_signed() >> unused)
        } else {
            f64::from(aligned >> unused)
        };
        (self.slope * value + self.intercept) as f32
    }
}

/// Refuses what is not one grey frame in Hounsfield units.
fn check_kind(dataset: &Dataset<'_>) -> Result<()> {
    let photometric = dataset.required_code(PHOTOMETRIC)?;
    if photometric != "MONOCHROME2" || dataset.number(SAMPLES)? != 1 {
        return Err(bad(format!(
            "PhotometricInterpretation {photometric} is not supported; slices are MONOCHROME2 with one sample a pixel"
        )));
    }
    if dataset.optional_decimals(FRAMES)?.is_some_and(|[frames]| frames != 1.0) {
        return Err(bad("several frames in one file are not supported; store each slice as a file"));
    }
    match dataset.code(RESCALE_TYPE)? {
        // US is "unspecified", which for CT are Hounsfield units.
        "" | "HU" | "US" => Ok(()),
        other => Err(bad(format!("RescaleType {other} is not Hounsfield units"))),
    }
}
