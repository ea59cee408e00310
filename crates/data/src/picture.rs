//! A photograph of any size, kept as bytes.

use crate::error::{Error, Result, dims};

/// A picture of (channels, height, width) bytes, grey (1 channel) or RGB (3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    name: String,
    channels: usize,
    height: usize,
    width: usize,
    pixels: Vec<u8>,
}

impl Picture {
    /// Takes the planes of a picture, row by row.
    ///
    /// # Errors
    /// [`Error::Shape`] where the number of bytes is not that of the shape, or that is empty.
    pub fn new(name: &str, [channels, height, width]: [usize; 3], pixels: Vec<u8>) -> Result<Self> {
        let bytes = channels.checked_mul(height).and_then(|rows| rows.checked_mul(width));
        if pixels.is_empty() || bytes != Some(pixels.len()) {
            let (expected, got) = (dims(&[channels, height, width]), format!("{} bytes", pixels.len()));
            return Err(Error::Shape { array: name.to_owned(), expected, got });
        }
        Ok(Picture { name: name.to_owned(), channels, height, width, pixels })
    }

    /// Name of the file.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// 1 or 3.
    pub fn channels(&self) -> usize {
        self.channels
    }

    /// Rows.
    pub fn height(&self) -> usize {
        self.height
    }

    /// Columns.
    pub fn width(&self) -> usize {
        self.width
    }

    /// The rectangle of `extent` (height, width) whose first pixel is `corner` (row, column), as (channels, height, width)
    /// with values in 0 ..= 1.
    ///
    /// # Errors
    /// [`Error::Request`] for a rectangle that is empty or reaches out of the picture.
    pub fn rectangle(&self, corner: [usize; 2], extent: [usize; 2]) -> Result<Vec<f32>> {
        Ok(scaled(&self.cut(corner, extent)?))
    }

    fn cut(&self, [top, left]: [usize; 2], [height, width]: [usize; 2]) -> Result<Vec<u8>> {
        let fits = |start: usize, extent: usize, whole: usize| {
            extent > 0 && start.checked_add(extent).is_some_and(|end| end <= whole)
        };
        if !fits(top, height, self.height) || !fits(left, width, self.width) {
            return Err(Error::Request(format!(
                "{}: no {height} x {width} pixels at ({top}, {left}) of {} x {}",
                self.name, self.height, self.width
            )));
        }
        let first_rows = (0..self.channels).map(|channel| channel * self.height + top);
        let rows = first_rows.flat_map(|first| self.pixels.chunks_exact(self.width).skip(first).take(height));
        Ok(rows.flat_map(|row| row.iter().skip(left).take(width)).copied().collect())
    }

    /// The whole picture as (channels, height, width) with values in 0 ..= 1.
    pub fn values(&self) -> Vec<f32> {
        scaled(&self.pixels)
    }

    /// The middle of the picture, `height` x `width` pixels.
    ///
    /// # Errors
    /// [`Error::Request`] where the picture is smaller.
    pub fn centre(&self, height: usize, width: usize) -> Result<Picture> {
        let (top, left) = (self.height.saturating_sub(height) / 2, self.width.saturating_sub(width) / 2);
        let pixels = self.cut([top, left], [height, width])?;
        Picture::new(&self.name, [self.channels, height, width], pixels)
    }
}

fn scaled(bytes: &[u8]) -> Vec<f32> {
    bytes.iter().map(|&value| f32::from(value) / 255.0).collect()
}
