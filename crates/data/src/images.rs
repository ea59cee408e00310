//! A stack of same-size images, kept as they were read.

use crate::error::{Error, Result, dims};

/// Pixel values as stored in the source.
#[derive(Clone, Debug, PartialEq)]
pub enum Pixels {
    /// 0..=255.
    U8(Vec<u8>),
    /// Any finite value; models of this project take 0..=255 unscaled.
    F32(Vec<f32>),
}

/// Order of the axes of one image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// (height, width, channels), as image files and MedMNIST have it.
    ChannelsLast,
    /// (channels, height, width), as networks take it.
    ChannelsFirst,
}

/// N images of one size with 1 (grey) or 3 (RGB) channels.
///
/// Bytes stay bytes: a stack takes a quarter of what it would as `f32`, and is converted image by image where it is
/// used ([`Images::write_nchw`]).
#[derive(Clone, Debug, PartialEq)]
pub struct Images {
    count: usize,
    channels: usize,
    height: usize,
    width: usize,
    layout: Layout,
    pixels: Pixels,
}

impl Images {
    /// Takes a stack of shape (N, H, W), (N, H, W, C) or (N, C, H, W) with C = 1 or 3, in C order.
    ///
    /// Where both readings of a 4-D shape are possible, bytes count as channels-last and floats as channels-first.
    /// `name` stands for the array in errors.
    ///
    /// # Errors
    /// [`Error::Shape`] for any other shape or an empty image, [`Error::NoSamples`] for N = 0,
    /// [`Error::SizeMismatch`] where the number of values is not that of the shape, [`Error::NonFinite`] for NaN or
    /// infinity, with the image's index.
    pub fn new(name: &str, shape: &[usize], pixels: Pixels) -> Result<Self> {
        let wrong_shape = || Error::Shape {
            array: name.to_owned(),
            expected: "NxHxW, NxHxWxC or NxCxHxW with 1 or 3 channels".to_owned(),
            got: dims(shape),
        };
        let floats = matches!(pixels, Pixels::F32(_));
        let is_channels = |extent: usize| extent == 1 || extent == 3;
        let (count, channels, height, width, layout) = match *shape {
            [n, h, w] => (n, 1, h, w, Layout::ChannelsLast),
            [n, c, h, w] if floats && is_channels(c) => (n, c, h, w, Layout::ChannelsFirst),
            [n, h, w, c] if is_channels(c) => (n, c, h, w, Layout::ChannelsLast),
            [n, c, h, w] if is_channels(c) => (n, c, h, w, Layout::ChannelsFirst),
            _ => return Err(wrong_shape()),
        };
        if count == 0 {
            return Err(Error::NoSamples { name: name.to_owned() });
        }
        if height == 0 || width == 0 {
            return Err(wrong_shape());
        }
        let images = Images { count, channels, height, width, layout, pixels };
        images.check_values(name, shape)?;
        Ok(images)
    }

    fn check_values(&self, name: &str, shape: &[usize]) -> Result<()> {
        let declared: u128 = shape.iter().map(|&extent| extent as u128).product();
        let (present, bytes) = match &self.pixels {
            Pixels::U8(values) => (values.len(), 1),
            Pixels::F32(values) => (values.len(), 4),
        };
        if declared != present as u128 {
            let (declared, present) = (declared.saturating_mul(bytes), present as u64 * bytes as u64);
            return Err(Error::SizeMismatch { array: name.to_owned(), declared, present });
        }
        if let Pixels::F32(values) = &self.pixels
            && let Some(at) = values.iter().position(|value| !value.is_finite())
        {
            return Err(Error::NonFinite { array: name.to_owned(), image: at / self.values_per_image() });
        }
        Ok(())
    }

    /// Number of images N (at least 1).
    pub fn count(&self) -> usize {
        self.count
    }

    /// Channels of an image: 1 or 3.
    pub fn channels(&self) -> usize {
        self.channels
    }

    /// Rows of an image.
    pub fn height(&self) -> usize {
        self.height
    }

    /// Columns of an image.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Channels x height x width.
    pub fn values_per_image(&self) -> usize {
        self.channels * self.height * self.width
    }

    /// Order of the axes in [`Images::pixels`].
    pub fn layout(&self) -> Layout {
        self.layout
    }

    /// All values as stored, image after image.
    pub fn pixels(&self) -> &Pixels {
        &self.pixels
    }

    /// Writes image `index` as (C, H, W) into `out`, unscaled (bytes give 0..=255).
    ///
    /// # Panics
    /// Where `index >= count` or `out` has not [`Images::values_per_image`] elements.
    pub fn write_nchw(&self, index: usize, out: &mut [f32]) {
        let size = self.values_per_image();
        assert_eq!(out.len(), size, "an image has {size} values");
        let range = index * size..(index + 1) * size;
        match &self.pixels {
            Pixels::U8(values) => self.write_planes(&values[range], out, f32::from),
            Pixels::F32(values) => self.write_planes(&values[range], out, |value| value),
        }
    }

    /// Image `index` as 8-bit RGB, row by row, H x W x 3 bytes: grey is repeated, floats are rounded into 0..=255.
    ///
    /// # Panics
    /// Where `index >= count`.
    pub fn rgb8(&self, index: usize) -> Vec<u8> {
        let size = self.values_per_image();
        let range = index * size..(index + 1) * size;
        let mut out = vec![0; self.height * self.width * 3];
        match &self.pixels {
            Pixels::U8(values) => self.write_rgb(&values[range], &mut out, |value| value),
            // `as` saturates, which is the clamp wanted here.
            Pixels::F32(values) => self.write_rgb(&values[range], &mut out, |value| value.round() as u8),
        }
        out
    }

    /// The images at `indices`, in that order; an index may repeat.
    ///
    /// # Panics
    /// Where an index is not below `count`, or `indices` is empty.
    #[must_use]
    pub fn select(&self, indices: &[usize]) -> Images {
        assert!(!indices.is_empty(), "a stack holds at least one image");
        let size = self.values_per_image();
        let pixels = match &self.pixels {
            Pixels::U8(values) => Pixels::U8(gather(values, size, indices)),
            Pixels::F32(values) => Pixels::F32(gather(values, size, indices)),
        };
        Images { count: indices.len(), pixels, ..*self }
    }

    /// Adds the images of another stack behind these. Stacks stored in different ways meet as floats.
    ///
    /// # Errors
    /// [`Error::Shape`] where size or channels differ.
    pub(crate) fn append(&mut self, more: Images) -> Result<()> {
        let shape = |images: &Images| [images.channels, images.height, images.width];
        if shape(self) != shape(&more) {
            let (expected, got) = (dims(&shape(self)), dims(&shape(&more)));
            return Err(Error::Shape { array: "images to join".to_owned(), expected, got });
        }
        match (&mut self.pixels, more.pixels) {
            (Pixels::U8(values), Pixels::U8(added)) if self.layout == more.layout => values.extend(added),
            (Pixels::F32(values), Pixels::F32(added)) if self.layout == more.layout => values.extend(added),
            (_, pixels) => {
                let mut values = self.all_nchw();
                values.extend(Images { pixels, ..more }.all_nchw());
                self.pixels = Pixels::F32(values);
                self.layout = Layout::ChannelsFirst;
            }
        }
        self.count += more.count;
        Ok(())
    }

    fn all_nchw(&self) -> Vec<f32> {
        let mut out = vec![0.0; self.count * self.values_per_image()];
        let images = out.chunks_exact_mut(self.values_per_image()).enumerate();
        images.for_each(|(index, image)| self.write_nchw(index, image));
        out
    }

    fn write_planes<T: Copy>(&self, image: &[T], out: &mut [f32], value: impl Fn(T) -> f32) {
        match self.layout {
            Layout::ChannelsFirst => {
                out.iter_mut().zip(image).for_each(|(to, &from)| *to = value(from));
            }
            Layout::ChannelsLast => {
                for (channel, plane) in out.chunks_exact_mut(self.height * self.width).enumerate() {
                    let source = image[channel..].iter().step_by(self.channels);
                    plane.iter_mut().zip(source).for_each(|(to, &from)| *to = value(from));
                }
            }
        }
    }

    fn write_rgb<T: Copy>(&self, image: &[T], out: &mut [u8], value: impl Fn(T) -> u8) {
        let area = self.height * self.width;
        for (pixel, rgb) in out.chunks_exact_mut(3).enumerate() {
            for (channel, to) in rgb.iter_mut().enumerate() {
                let channel = channel.min(self.channels - 1);
                let at = match self.layout {
                    Layout::ChannelsLast => pixel * self.channels + channel,
                    Layout::ChannelsFirst => channel * area + pixel,
                };
                *to = value(image[at]);
            }
        }
    }
}

fn gather<T: Copy>(values: &[T], size: usize, indices: &[usize]) -> Vec<T> {
    let mut out = Vec::with_capacity(indices.len() * size);
    for &index in indices {
        out.extend_from_slice(&values[index * size..(index + 1) * size]);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_layouts_give_the_same_planes_and_thumbnails() {
        let last = Images::new("x", &[2, 1, 2, 3], Pixels::U8((0..12).collect())).unwrap();
        let first = [0, 3, 1, 4, 2, 5, 6, 9, 7, 10, 8, 11].map(|value| value as f32).to_vec();
        let first = Images::new("x", &[2, 3, 1, 2], Pixels::F32(first)).unwrap();
        assert_eq!((last.layout(), first.layout()), (Layout::ChannelsLast, Layout::ChannelsFirst));
        for index in 0..2 {
            let (mut a, mut b) = ([0.0; 6], [0.0; 6]);
            last.write_nchw(index, &mut a);
            first.write_nchw(index, &mut b);
            assert_eq!(a, b);
            assert_eq!(last.rgb8(index), first.rgb8(index));
        }
        assert_eq!(last.rgb8(1), [6, 7, 8, 9, 10, 11]);
        assert_eq!(last.select(&[1, 1]).rgb8(1), last.rgb8(1));
    }

    #[test]
    fn grey_is_repeated_and_floats_saturate() {
        let grey = Images::new("x", &[1, 1, 2], Pixels::F32(vec![-3.0, 300.0])).unwrap();
        assert_eq!(grey.channels(), 1);
        assert_eq!(grey.rgb8(0), [0, 0, 0, 255, 255, 255]);
    }

    #[test]
    fn refuses_what_is_no_stack() {
        let text = |shape: &[usize], pixels: Pixels| Images::new("x", shape, pixels).unwrap_err().to_string();
        assert!(text(&[2, 5, 5, 2], Pixels::U8(vec![0; 100])).contains("got 2x5x5x2"));
        assert_eq!(text(&[0, 4, 4], Pixels::U8(vec![])), "x: no samples");
        assert!(text(&[1, 2, 2], Pixels::U8(vec![0; 3])).contains("size mismatch"));
        let mut values = vec![0.0; 5 * 4];
        values[4 * 3 + 1] = f32::NAN;
        assert_eq!(text(&[5, 2, 2], Pixels::F32(values)), "x: non-finite value in image 3");
    }
}
