//! JPEG frames, baseline of 8 bits and lossless (ITU-T T.81).

use jpeg_decoder::Decoder;

use super::bad;
use super::image::Image;
use crate::error::{Error, Result};

/// Decodes the one frame of a slice; samples of two bytes are little-endian.
pub(super) fn decode(bytes: &[u8], image: &Image) -> Result<Vec<u8>> {
    check(bytes, image)?;
    let mut decoder = Decoder::new(bytes);
    decoder.set_max_decoding_buffer_size(image.length());
    let mut samples = decoder.decode().map_err(|_| malformed())?;
    if image.bytes == 2 && cfg!(target_endian = "big") {
        samples.as_chunks_mut::<2>().0.iter_mut().for_each(|sample| sample.reverse());
    }
    Ok(samples)
}

/// Refuses, before the decoder takes memory, what is not the frame that the header describes and what the decoder does
/// not do as the standard says: restarts and point transforms of lossless frames.
fn check(bytes: &[u8], image: &Image) -> Result<()> {
    let mut rest = bytes.strip_prefix(&[0xFF, 0xD8]).ok_or_else(malformed)?;
    let mut lossless = None;
    loop {
        let (marker, segment, after) = next(rest).ok_or_else(malformed)?;
        rest = after;
        match marker {
            0xC0 | 0xC3 if lossless.is_none() => {
                lossless = Some(marker == 0xC3);
                check_frame(segment, image, marker == 0xC3)?;
                // A sample takes at least a bit of a lossless frame, a block of 64 at least two of a baseline frame.
                let samples = if marker == 0xC3 { 8 } else { 8 * 32 };
                if image.rows * image.columns > bytes.len().saturating_mul(samples) {
                    return Err(malformed());
                }
            }
            0xC4 | 0xDB | 0xE0..=0xEF | 0xFE => {}
            0xDD if segment == [0, 0] => {}
            0xDD => return Err(bad("JPEG frames with restarts are not supported")),
            0xDA => return check_scan(segment, rest, lossless.ok_or_else(malformed)?),
            _ => return Err(bad("this kind of JPEG is not supported")),
        }
    }
}

/// The next marker, what it says, and the bytes after that.
fn next(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let at = bytes.iter().position(|&byte| byte != 0xFF).filter(|&at| at > 0)?;
    let (&marker, rest) = bytes.get(at..)?.split_first()?;
    let (length, _) = rest.split_first_chunk::<2>()?;
    let (segment, after) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
    Some((marker, segment.get(2..)?, after))
}

fn check_frame(segment: &[u8], image: &Image, lossless: bool) -> Result<()> {
    let &[precision, height, height_low, width, width_low, 1, ..] = segment else {
        return Err(bad("a JPEG frame of one component is needed"));
    };
    let rows = usize::from(u16::from_be_bytes([height, height_low]));
    let columns = usize::from(u16::from_be_bytes([width, width_low]));
    let bytes = match precision {
        8 => 1,
        9..=16 if lossless => 2,
        _ => return Err(bad(format!("JPEG samples of {precision} bits are not supported"))),
    };
    if (rows, columns, bytes) == (image.rows, image.columns, image.bytes) {
        return Ok(());
    }
    let (declared, present) = (image.length() as u128, (rows * columns * bytes) as u64);
    Err(Error::SizeMismatch { array: "PixelData".to_owned(), declared, present })
}

/// One scan, and no other after it.
fn check_scan(segment: &[u8], after: &[u8], lossless: bool) -> Result<()> {
    let &[1, _, _, predictor, _, transform] = segment else { return Err(malformed()) };
    if lossless && (!(1..=7).contains(&predictor) || transform != 0) {
        return Err(bad("JPEG frames with a point transform are not supported"));
    }
    let another = |pair: &[u8]| pair[0] == 0xFF && !matches!(pair[1], 0x00 | 0xD9 | 0xFF);
    if after.array_windows::<2>().any(|pair| another(pair)) {
        return Err(bad("JPEG frames of several scans are not supported"));
    }
    Ok(())
}

fn malformed() -> Error {
    bad("malformed JPEG frame")
}
