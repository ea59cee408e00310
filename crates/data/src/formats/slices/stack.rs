//! Slices from several files, one after another.

use super::volume::Volume;
use crate::error::{Error, Result};
use crate::slices::Slices;

/// All slices together take no more than 4 GiB.
const MAX_PIXELS: usize = 1 << 30;

/// Counts pixels before they are taken.
#[derive(Default)]
pub(super) struct Room(usize);

impl Room {
    /// Takes room for so many pixels.
    ///
    /// # Errors
    /// [`Error::Request`] where there is none left.
    pub(super) fn take(&mut self, pixels: usize) -> Result<()> {
        self.0 = self.0.saturating_add(pixels);
        if self.0 > MAX_PIXELS {
            let gigabytes = (MAX_PIXELS >> 30) * size_of::<f32>();
            return Err(Error::Request(format!(
                "the slices up to here take over {gigabytes} GiB; give fewer"
            )));
        }
        Ok(())
    }
}

/// Slices so far, all of one size.
#[derive(Default)]
pub(super) struct Stack {
    size: usize,
    pixels: Vec<f32>,
    patients: Vec<String>,
}

impl Stack {
    /// Appends a volume of the patient of this number, from 1.
    ///
    /// # Errors
    /// [`Error::Shape`] where its slices have another size than those before.
    pub(super) fn push(&mut self, volume: &Volume, patient: usize) -> Result<()> {
        if self.patients.is_empty() {
            self.size = volume.size;
        }
        if volume.size != self.size {
            let square = |side| format!("slices of {side}x{side} as in the others");
            let got = format!("{0}x{0}", volume.size);
            return Err(Error::Shape { array: "pixels".to_owned(), expected: square(self.size), got });
        }
        let slices = volume.pixels.len() / (self.size * self.size).max(1);
        self.pixels.extend_from_slice(&volume.pixels);
        self.patients.extend(std::iter::repeat_n(format!("patient-{patient}"), slices));
        Ok(())
    }

    /// All of them.
    ///
    /// # Errors
    /// [`Error::NoSamples`] where there are none.
    pub(super) fn finish(self) -> Result<Slices> {
        Slices::new(self.size, self.pixels, self.patients)
    }
}
