//! The beginning of a file and its transfer syntax (PS3.10 chapter 7, PS3.5 annex A).

use std::borrow::Cow;
use std::io::Read;

use flate2::read::DeflateDecoder;

use super::dataset::Dataset;
use super::elements::{Encoding, Reader};
use super::tags::{SOP_CLASS, TRANSFER_SYNTAX};
use super::{bad, without_magic};
use crate::error::Result;
use crate::formats::npz::unpacked_limit;

/// Bytes that show whether a file is DICOM.
pub(in super::super) const START: usize = 132;

/// The class of a `DICOMDIR`, which lists files.
const DIRECTORY: &str = "1.2.840.10008.1.3.10";

/// How pixels are compressed.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Codec {
    Native,
    RunLength,
    Jpeg,
}

/// How a data set is written.
#[derive(Clone, Copy)]
pub(super) struct Syntax {
    pub(super) encoding: Encoding,
    pub(super) codec: Codec,
    deflated: bool,
}

/// Whether these first bytes are those of a DICOM file.
pub(in super::super) fn has_magic(bytes: &[u8]) -> bool {
    bytes.get(START - 4..START) == Some(b"DICM")
}

/// Reads the meta information; returns the syntax, none for a directory of files, and the data set.
pub(super) fn open(bytes: &[u8]) -> Result<(Option<Syntax>, &[u8])> {
    let body = bytes.get(START..).filter(|_| has_magic(bytes)).ok_or_else(without_magic)?;
    let mut reader = Reader::new(body, Encoding { explicit: true, big_endian: false });
    let meta = Dataset::of_group(&mut reader, 2)?;
    if meta.code(SOP_CLASS)? == DIRECTORY {
        return Ok((None, reader.rest()));
    }
    Ok((Some(Syntax::named(meta.required_code(TRANSFER_SYNTAX)?)?), reader.rest()))
}

impl Syntax {
    fn named(uid: &str) -> Result<Self> {
        let [mut explicit, mut big_endian, mut deflated] = [true, false, false];
        let mut codec = Codec::Native;
        match uid {
            "1.2.840.10008.1.2" => explicit = false,
            "1.2.840.10008.1.2.1" => {}
            "1.2.840.10008.1.2.1.99" => deflated = true,
            "1.2.840.10008.1.2.2" => big_endian = true,
            "1.2.840.10008.1.2.5" => codec = Codec::RunLength,
            "1.2.840.10008.1.2.4.50" | "1.2.840.10008.1.2.4.57" | "1.2.840.10008.1.2.4.70" => {
                codec = Codec::Jpeg;
            }
            _ => return Err(unsupported(uid)),
        }
        Ok(Self { encoding: Encoding { explicit, big_endian }, codec, deflated })
    }

    /// The data set, decompressed where it was compressed as a whole.
    pub(super) fn unpack<'a>(&self, body: &'a [u8]) -> Result<Cow<'a, [u8]>> {
        if !self.deflated {
            return Ok(body.into());
        }
        let limit = unpacked_limit(body.len() as u64);
        let mut unpacked = Vec::new();
        let read = DeflateDecoder::new(body).take(limit + 1).read_to_end(&mut unpacked);
        read.map_err(|_| bad("the deflated data set is damaged or cut off"))?;
        if unpacked.len() as u64 > limit {
            return Err(bad(format!("unpacks to over {limit} bytes, far more than it should")));
        }
        Ok(unpacked.into())
    }
}

fn unsupported(uid: &str) -> crate::Error {
    let name = match uid.strip_prefix("1.2.840.10008.1.2.4.") {
        Some("51") => " (JPEG extended)",
        Some("80" | "81") => " (JPEG-LS)",
        Some("90" | "91") => " (JPEG 2000)",
        Some("201" | "202" | "203") => " (high-throughput JPEG 2000)",
        _ => "",
    };
    bad(format!(
        "transfer syntax {uid}{name} is not supported; store the file uncompressed (`gdcmconv --raw`)"
    ))
}
