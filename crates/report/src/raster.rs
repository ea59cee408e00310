//! Pictures as PNG inside the page.

use base64::Engine;

use crate::palette;

/// Pixels of a picture, rows from the top.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Raster {
    /// A byte for each pixel.
    Grey(Vec<u8>),
    /// Three bytes for each pixel.
    Rgb(Vec<u8>),
    /// A place in [`palette::intensities`] for each pixel.
    Mapped(Vec<u8>),
}

/// The picture as base64 PNG; `None` for an empty one or one whose pixels do not fit its size.
pub(crate) fn png(width: usize, height: usize, raster: &Raster) -> Option<String> {
    let (colour, pixels) = match raster {
        Raster::Grey(pixels) => (png::ColorType::Grayscale, pixels),
        Raster::Rgb(pixels) => (png::ColorType::Rgb, pixels),
        Raster::Mapped(pixels) => (png::ColorType::Indexed, pixels),
    };
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, u32::try_from(width).ok()?, u32::try_from(height).ok()?);
    encoder.set_color(colour);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_compression(png::Compression::High);
    if colour == png::ColorType::Indexed {
        encoder.set_palette(palette::intensities());
    }
    let mut writer = encoder.write_header().ok()?;
    writer.write_image_data(pixels).ok()?;
    writer.finish().ok()?;
    Some(base64::engine::general_purpose::STANDARD.encode(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_those_of_the_table() {
        let text = png(2, 1, &Raster::Mapped(vec![0, 255])).unwrap();
        let bytes = base64::engine::general_purpose::STANDARD.decode(text).unwrap();
        let mut decoder = png::Decoder::new(std::io::Cursor::new(bytes));
        decoder.set_transformations(png::Transformations::EXPAND);
        let mut reader = decoder.read_info().unwrap();
        let mut rgb = vec![0; reader.output_buffer_size().unwrap()];
        reader.next_frame(&mut rgb).unwrap();
        let colours = palette::intensities();
        assert_eq!(rgb, [&colours[..3], &colours[765..]].concat());
    }

    #[test]
    fn pixels_that_do_not_fit_are_no_picture() {
        assert!(png(0, 0, &Raster::Grey(Vec::new())).is_none());
        assert!(png(3, 3, &Raster::Rgb(vec![0; 26])).is_none());
        assert!(png(usize::MAX, 2, &Raster::Grey(vec![0; 4])).is_none());
    }
}
