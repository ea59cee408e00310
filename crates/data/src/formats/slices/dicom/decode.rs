//! Samples of a slice from its pixel data.

use std::borrow::Cow;

use super::dataset::PixelData;
use super::image::Image;
use super::syntax::{Codec, Syntax};
use super::{bad, jpeg};
use crate::error::{Error, Result};

/// Segments of a run-length frame at most (PS3.5 G.5).
const MAX_SEGMENTS: usize = 15;

/// The samples of a frame, two bytes each in the byte order of the syntax, or one.
pub(super) fn frame<'a>(pixels: &PixelData<'a>, image: &Image, syntax: &Syntax) -> Result<Cow<'a, [u8]>> {
    if image.bytes == 1 && syntax.encoding.big_endian {
        return Err(bad("samples of 8 bits in big-endian words are not supported"));
    }
    let frame: Cow<'a, [u8]> = match (pixels, syntax.codec) {
        (PixelData::Native(bytes), Codec::Native) => (*bytes).into(),
        (PixelData::Fragments(fragments), Codec::RunLength) => {
            run_lengths(&fragments.concat(), image)?.into()
        }
        (PixelData::Fragments(fragments), Codec::Jpeg) => jpeg::decode(&fragments.concat(), image)?.into(),
        _ => return Err(bad("pixels and transfer syntax disagree about compression")),
    };
    // A value has an even number of bytes.
    let needed = image.length();
    if frame.len() != needed && frame.len() != needed.next_multiple_of(2) {
        let (declared, present) = (needed as u128, frame.len() as u64);
        return Err(Error::SizeMismatch { array: "PixelData".to_owned(), declared, present });
    }
    Ok(frame)
}

/// Decodes runs (PS3.5 annex G): one segment for each byte of a sample, the highest first. Two bytes make at most 128.
fn run_lengths(bytes: &[u8], image: &Image) -> Result<Vec<u8>> {
    let malformed = || bad("malformed run-length frame");
    let (header, _) = bytes.as_chunks::<4>();
    let header: Vec<usize> =
        header.iter().take(1 + MAX_SEGMENTS).map(|&word| u32::from_le_bytes(word) as usize).collect();
    let (&segments, offsets) = header.split_first().ok_or_else(malformed)?;
    if segments != image.bytes {
        return Err(malformed());
    }
    let area = image.rows * image.columns;
    let mut planes = Vec::new();
    for segment in 0..segments {
        let start = *offsets.get(segment).ok_or_else(malformed)?;
        let end = if segment + 1 < segments { offsets.get(segment + 1).copied() } else { Some(bytes.len()) };
        let packed = end.and_then(|end| bytes.get(start..end)).ok_or_else(malformed)?;
        planes.push(unpack(packed, area).filter(|plane| plane.len() == area).ok_or_else(malformed)?);
    }
    // The lowest byte comes first in a sample.
    planes.reverse();
    let bytes_of = |pixel: usize| planes.iter().filter_map(move |plane| plane.get(pixel).copied());
    Ok((0..area).flat_map(bytes_of).collect())
}

/// PackBits, up to `limit` bytes.
fn unpack(mut packed: &[u8], limit: usize) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    while out.len() < limit {
        let (&code, rest) = packed.split_first()?;
        packed = rest;
        match usize::from(code) {
            literal @ 0..128 => {
                let (bytes, rest) = packed.split_at_checked(literal + 1)?;
                out.extend_from_slice(bytes);
                packed = rest;
            }
            128 => {}
            run => {
                let (&byte, rest) = packed.split_first()?;
                out.extend(std::iter::repeat_n(byte, 257 - run));
                packed = rest;
            }
        }
    }
    Some(out)
}
