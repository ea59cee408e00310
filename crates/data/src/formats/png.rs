//! Pictures as PNG files.

use std::io;
use std::path::Path;

use image::codecs::png::PngEncoder;
use image::{ExtendedColorType, ImageEncoder};

use super::write_atomically;
use crate::error::Result;

/// Writes an RGB picture of `[width, height]` pixels, three bytes each, rows from the top; complete or not at all.
///
/// # Errors
/// [`Error::InFile`](crate::Error::InFile) with what the operating system said, or around bytes that do not fit the size.
pub fn write_png(path: &Path, [width, height]: [usize; 2], rgb: &[u8]) -> Result<()> {
    write_atomically(path, |writer| {
        let side = |side: usize| u32::try_from(side).map_err(io::Error::other);
        let (width, height) = (side(width)?, side(height)?);
        let needed = u64::from(width).checked_mul(u64::from(height)).and_then(|pixels| pixels.checked_mul(3));
        if needed != Some(rgb.len() as u64) || rgb.is_empty() {
            return Err(io::Error::other(format!(
                "{} bytes are no picture of {width} x {height}",
                rgb.len()
            )));
        }
        PngEncoder::new(writer)
            .write_image(rgb, width, height, ExtendedColorType::Rgb8)
            .map_err(io::Error::other)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_comes_back_and_a_wrong_size_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let rgb: Vec<u8> = (0..2 * 3 * 3).collect();
        write_png(&folder.path().join("a.png"), [2, 3], &rgb).unwrap();
        let back = crate::formats::read_pictures(folder.path(), false).unwrap();
        assert_eq!((back[0].width(), back[0].height(), back[0].channels()), (2, 3, 3));
        assert_eq!(back[0].values()[1], 3.0 / 255.0);
        for (size, bytes) in [([2, 3], 17), ([0, 0], 0), ([usize::MAX, 2], 4)] {
            assert!(write_png(&folder.path().join("b.png"), size, &vec![0; bytes]).is_err());
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
