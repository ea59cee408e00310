//! A stack of same-size images, kept as they were read.

use std::sync::Arc;

use crate::error::{Error, Result, dims};
use crate::stack::{Image, InFile, Kind, Stack, Values};

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
pub(crate) enum Layout {
    /// (height, width, channels), as image files and MedMNIST have it.
    ChannelsLast,
    /// (channels, height, width), as networks take it.
    ChannelsFirst,
}

/// N images of one size with 1 (grey) or 3 (RGB) channels.
///
/// Bytes stay bytes: an image takes a quarter of what it would as `f32`, and is converted where it is used
/// ([`Images::write_nchw`]). Clones, selections and joined stacks share the arrays that were read; large ones that a file
/// holds as they are needed stay there.
#[derive(Clone, Debug)]
pub struct Images {
    channels: usize,
    height: usize,
    width: usize,
    stacks: Vec<Arc<Stack>>,
    /// Stack of each image, and its index there.
    places: Vec<(u32, u32)>,
}

/// What the shape of an array says about its images.
#[derive(Clone, Copy, Debug)]
struct Geometry {
    count: usize,
    channels: usize,
    height: usize,
    width: usize,
    layout: Layout,
}

impl Geometry {
    fn of(name: &str, shape: &[usize], floats: bool) -> Result<Self> {
        let wrong_shape = || Error::Shape {
            array: name.to_owned(),
            expected: "NxHxW, NxHxWxC or NxCxHxW with 1 or 3 channels".to_owned(),
            got: dims(shape),
        };
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
        if height == 0 || width == 0 || u32::try_from(count).is_err() {
            return Err(wrong_shape());
        }
        Ok(Geometry { count, channels, height, width, layout })
    }

    fn images(self, values: Values) -> Images {
        let Geometry { count, channels, height, width, layout } = self;
        let places = (0..count as u32).map(|index| (0, index)).collect();
        Images { channels, height, width, stacks: vec![Arc::new(Stack { layout, values })], places }
    }
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
        let geometry = Geometry::of(name, shape, matches!(pixels, Pixels::F32(_)))?;
        let declared: u128 = shape.iter().map(|&extent| extent as u128).product();
        let (present, bytes) = match &pixels {
            Pixels::U8(values) => (values.len(), 1),
            Pixels::F32(values) => (values.len(), 4),
        };
        if declared != present as u128 {
            let (declared, present) = (declared.saturating_mul(bytes), present as u64 * bytes as u64);
            return Err(Error::SizeMismatch { array: name.to_owned(), declared, present });
        }
        if let Pixels::F32(values) = &pixels
            && let Some(at) = values.iter().position(|value| !value.is_finite())
        {
            return Err(Error::NonFinite { array: name.to_owned(), image: at / (present / geometry.count) });
        }
        Ok(geometry.images(Values::Memory(pixels)))
    }

    /// A stack that stays in its file, of a shape as in [`Images::new`]. The caller has made sure that the file holds so
    /// many values, and that they are finite.
    pub(crate) fn in_file(name: &str, shape: &[usize], file: InFile) -> Result<Self> {
        Ok(Geometry::of(name, shape, file.kind == Kind::Floats)?.images(Values::File(file)))
    }

    /// Number of images N (at least 1).
    pub fn count(&self) -> usize {
        self.places.len()
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

    /// Writes image `index` as (C, H, W) into `out`, unscaled (bytes give 0..=255).
    ///
    /// # Errors
    /// [`Error::InFile`] where the images stayed in a file that can no longer be read.
    ///
    /// # Panics
    /// Where `index >= count` or `out` has not [`Images::values_per_image`] elements.
    pub fn write_nchw(&self, index: usize, out: &mut [f32]) -> Result<()> {
        let size = self.values_per_image();
        assert_eq!(out.len(), size, "an image has {size} values");
        let (layout, image) = self.image(index)?;
        match image {
            Image::Bytes(values) => self.write_planes(layout, &values, out, f32::from),
            Image::Floats(values) => self.write_planes(layout, &values, out, |value| value),
        }
        Ok(())
    }

    /// Image `index` as 8-bit RGB, row by row, H x W x 3 bytes: grey is repeated, floats are rounded into 0..=255.
    ///
    /// # Errors
    /// As [`Images::write_nchw`].
    ///
    /// # Panics
    /// Where `index >= count`.
    pub fn rgb8(&self, index: usize) -> Result<Vec<u8>> {
        let mut out = vec![0; self.height * self.width * 3];
        let (layout, image) = self.image(index)?;
        match image {
            Image::Bytes(values) => self.write_rgb(layout, &values, &mut out, |value| value),
            // `as` saturates, which is the clamp wanted here.
            Image::Floats(values) => self.write_rgb(layout, &values, &mut out, |value| value.round() as u8),
        }
        Ok(out)
    }

    fn image(&self, index: usize) -> Result<(Layout, Image<'_>)> {
        let (stack, row) = self.places[index];
        let stack = &self.stacks[stack as usize];
        Ok((stack.layout, stack.image(row as usize, self.values_per_image())?))
    }

    /// The images at `indices`, in that order; an index may repeat.
    ///
    /// # Panics
    /// Where an index is not below `count`, or `indices` is empty.
    #[must_use]
    pub fn select(&self, indices: &[usize]) -> Images {
        assert!(!indices.is_empty(), "a stack holds at least one image");
        let places = indices.iter().map(|&index| self.places[index]).collect();
        Images { places, stacks: self.stacks.clone(), ..*self }
    }

    /// Adds the images of another stack behind these.
    ///
    /// # Errors
    /// [`Error::Shape`] where size or channels differ.
    pub(crate) fn append(&mut self, more: Images) -> Result<()> {
        let shape = |images: &Images| [images.channels, images.height, images.width];
        if shape(self) != shape(&more) {
            let (expected, got) = (dims(&shape(self)), dims(&shape(&more)));
            return Err(Error::Shape { array: "images to join".to_owned(), expected, got });
        }
        let first = self.stacks.len() as u32;
        self.stacks.extend(more.stacks);
        self.places.extend(more.places.into_iter().map(|(stack, row)| (first + stack, row)));
        Ok(())
    }

    fn write_planes<T: Copy>(&self, layout: Layout, image: &[T], out: &mut [f32], value: impl Fn(T) -> f32) {
        match layout {
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

    fn write_rgb<T: Copy>(&self, layout: Layout, image: &[T], out: &mut [u8], value: impl Fn(T) -> u8) {
        let area = self.height * self.width;
        for (pixel, rgb) in out.chunks_exact_mut(3).enumerate() {
            for (channel, to) in rgb.iter_mut().enumerate() {
                let channel = channel.min(self.channels - 1);
                let at = match layout {
                    Layout::ChannelsLast => pixel * self.channels + channel,
                    Layout::ChannelsFirst => channel * area + pixel,
                };
                *to = value(image[at]);
            }
        }
    }
}

/// Equal are images of equal values, wherever they are kept.
impl PartialEq for Images {
    fn eq(&self, other: &Self) -> bool {
        let values = |images: &Images, index| {
            let mut out = vec![0.0; images.values_per_image()];
            images.write_nchw(index, &mut out).is_ok().then_some(out)
        };
        let shape = |images: &Images| [images.count(), images.channels, images.height, images.width];
        let same = |index| values(self, index).is_some_and(|own| Some(own) == values(other, index));
        shape(self) == shape(other) && (0..self.count()).all(same)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_layouts_give_the_same_planes_and_thumbnails() {
        let last = Images::new("x", &[2, 1, 2, 3], Pixels::U8((0..12).collect())).unwrap();
        let first = [0, 3, 1, 4, 2, 5, 6, 9, 7, 10, 8, 11].map(|value| value as f32).to_vec();
        let first = Images::new("x", &[2, 3, 1, 2], Pixels::F32(first)).unwrap();
        assert_eq!(
            [&last, &first].map(|x| x.stacks[0].layout),
            [Layout::ChannelsLast, Layout::ChannelsFirst]
        );
        for index in 0..2 {
            let (mut a, mut b) = ([0.0; 6], [0.0; 6]);
            last.write_nchw(index, &mut a).unwrap();
            first.write_nchw(index, &mut b).unwrap();
            assert_eq!(a, b);
            assert_eq!(last.rgb8(index).unwrap(), first.rgb8(index).unwrap());
        }
        assert_eq!(last.rgb8(1).unwrap(), [6, 7, 8, 9, 10, 11]);
        assert_eq!(last.select(&[1, 1]).rgb8(1).unwrap(), last.rgb8(1).unwrap());
    }

    #[test]
    fn grey_is_repeated_and_floats_saturate() {
        let grey = Images::new("x", &[1, 1, 2], Pixels::F32(vec![-3.0, 300.0])).unwrap();
        assert_eq!(grey.channels(), 1);
        assert_eq!(grey.rgb8(0).unwrap(), [0, 0, 0, 255, 255, 255]);
    }

    #[test]
    fn selected_and_joined_stacks_share_their_arrays() {
        let bytes = Images::new("x", &[3, 1, 1], Pixels::U8(vec![1, 2, 3])).unwrap();
        let floats = Images::new("x", &[1, 1, 1], Pixels::F32(vec![4.0])).unwrap();
        let mut picked = bytes.select(&[2, 0]);
        assert!(Arc::ptr_eq(&picked.stacks[0], &bytes.stacks[0]));
        picked.append(floats.clone()).unwrap();
        assert!(Arc::ptr_eq(&picked.stacks[1], &floats.stacks[0]));
        assert_eq!(picked, Images::new("x", &[3, 1, 1], Pixels::U8(vec![3, 1, 4])).unwrap());
        assert_ne!(picked, bytes);
        let wide = Images::new("x", &[1, 1, 2], Pixels::U8(vec![0; 2])).unwrap();
        assert!(picked.append(wide).is_err());
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
