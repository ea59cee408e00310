//! Tomographic slices in Hounsfield units.

use crate::error::{Error, Result, dims};

/// Square slices in Hounsfield units (air -1000, water 0), each of a patient.
#[derive(Clone, Debug, PartialEq)]
pub struct Slices {
    size: usize,
    pixels: Vec<f32>,
    patients: Vec<String>,
}

impl Slices {
    /// Takes slices of `size x size` pixels, one after another, with a patient each.
    ///
    /// # Errors
    /// [`Error::Shape`] where the number of pixels is not that of the slices, [`Error::NoSamples`] without any.
    pub fn new(size: usize, pixels: Vec<f32>, patients: Vec<String>) -> Result<Self> {
        if patients.is_empty() || size == 0 {
            return Err(Error::NoSamples { name: "slices".to_owned() });
        }
        let needed = size.checked_mul(size).and_then(|slice| slice.checked_mul(patients.len()));
        if needed != Some(pixels.len()) {
            let (expected, got) = (dims(&[patients.len(), size, size]), format!("{} pixels", pixels.len()));
            return Err(Error::Shape { array: "slices".to_owned(), expected, got });
        }
        Ok(Self { size, pixels, patients })
    }

    /// Pixels along a side.
    pub fn size(&self) -> usize {
        self.size
    }

    /// The patient of each slice.
    pub fn patients(&self) -> &[String] {
        &self.patients
    }

    /// The slices.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &[f32]> {
        self.pixels.chunks_exact(self.size * self.size)
    }

    /// The same slices with `size` pixels along a side: means of square blocks.
    ///
    /// # Errors
    /// [`Error::Request`] for a size that does not divide that of the slices.
    pub fn reduced(&self, size: usize) -> Result<Self> {
        if size == 0 || !self.size.is_multiple_of(size) {
            return Err(Error::Request(format!(
                "slices of {} x {} pixels cannot be reduced to {size} x {size}: {size} must divide {}",
                self.size, self.size, self.size
            )));
        }
        let block = self.size / size;
        let mut pixels = vec![0f64; self.patients.len() * size * size];
        for (i, &value) in self.pixels.iter().enumerate() {
            let (slice, row, column) =
                (i / (self.size * self.size), i / self.size % self.size, i % self.size);
            pixels[(slice * size + row / block) * size + column / block] += f64::from(value);
        }
        let area = (block * block) as f64;
        let pixels = pixels.into_iter().map(|sum| (sum / area) as f32).collect();
        Self::new(size, pixels, self.patients.clone())
    }

    /// The same slices with the window from `low` to `high` mapped to 0 .. 1, and values outside it to its ends.
    ///
    /// # Errors
    /// [`Error::Request`] for a window without width.
    pub fn windowed(&self, [low, high]: [f64; 2]) -> Result<Self> {
        if !(low.is_finite() && high.is_finite() && low < high) {
            return Err(Error::Request(format!(
                "a window from {low} to {high} Hounsfield units shows nothing"
            )));
        }
        let value = |&v: &f32| ((f64::from(v) - low) / (high - low)).clamp(0.0, 1.0) as f32;
        Ok(Self { pixels: self.pixels.iter().map(value).collect(), ..self.clone() })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn blocks_become_their_means_and_windows_end_at_0_and_1() {
        let pixels: Vec<f32> = (0..32).map(|i| i as f32).collect();
        let slices = Slices::new(4, pixels, vec!["a".to_owned(), "b".to_owned()]).unwrap();
        let reduced = slices.reduced(2).unwrap();
        assert_eq!(reduced.iter().next().unwrap(), [2.5, 4.5, 10.5, 12.5]);
        assert_eq!(reduced.windowed([4.5, 12.5]).unwrap().iter().next().unwrap(), [0.0, 0.0, 0.75, 1.0]);
        assert!(slices.reduced(3).is_err() && slices.windowed([1.0, 1.0]).is_err());
        assert!(Slices::new(4, vec![0.0; 5], vec!["a".to_owned()]).is_err());
    }
}
