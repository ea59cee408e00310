//! The values of a data set that are wanted.

use std::collections::BTreeMap;
use std::str::FromStr;

use super::bad;
use super::elements::{Encoding, Reader};
use super::tags::{PIXELS, Tag, WANTED};
use crate::error::{Error, Result};

/// Pixels as the file has them.
pub(super) enum PixelData<'a> {
    /// One frame, uncompressed.
    Native(&'a [u8]),
    /// Fragments of compressed frames.
    Fragments(Vec<&'a [u8]>),
}

/// Values by tag, as they are in the file. Not `Debug`: they name patients.
pub(super) struct Dataset<'a> {
    values: BTreeMap<u32, &'a [u8]>,
    big_endian: bool,
    pixels: Option<PixelData<'a>>,
}

impl<'a> Dataset<'a> {
    /// Reads elements up to the pixels.
    pub(super) fn read(bytes: &'a [u8], encoding: Encoding) -> Result<Self> {
        let mut dataset = Self { values: BTreeMap::new(), big_endian: encoding.big_endian, pixels: None };
        let mut reader = Reader::new(bytes, encoding);
        while dataset.pixels.is_none() && !reader.rest().is_empty() {
            dataset.element(&mut reader)?;
        }
        Ok(dataset)
    }

    /// Reads the elements of one group, which stand at the beginning.
    pub(super) fn of_group(reader: &mut Reader<'a>, group: u32) -> Result<Self> {
        let mut dataset = Self { values: BTreeMap::new(), big_endian: false, pixels: None };
        while reader.peek().is_some_and(|tag| tag >> 16 == group) {
            dataset.element(reader)?;
        }
        Ok(dataset)
    }

    fn element(&mut self, reader: &mut Reader<'a>) -> Result<()> {
        let header = reader.header()?;
        match (header.tag, header.length) {
            (PIXELS, Some(length)) => self.pixels = Some(PixelData::Native(reader.take(length)?)),
            (PIXELS, None) => self.pixels = Some(PixelData::Fragments(reader.fragments()?)),
            (tag, Some(length)) if WANTED.contains(&tag) => {
                self.values.insert(tag, reader.take(length)?);
            }
            _ => reader.skip(&header)?,
        }
        Ok(())
    }

    /// The pixels.
    pub(super) fn pixels(&self) -> Result<&PixelData<'a>> {
        self.pixels.as_ref().ok_or_else(|| missing("PixelData"))
    }

    /// The bytes of a text without the spaces around it; none where the element is empty or not there.
    pub(super) fn text(&self, tag: Tag) -> &'a [u8] {
        let padding = |byte: &u8| *byte == 0 || byte.is_ascii_whitespace();
        let bytes = self.values.get(&tag.id).copied().unwrap_or_default();
        let start = bytes.iter().position(|byte| !padding(byte)).unwrap_or(bytes.len());
        let end = bytes.iter().rposition(|byte| !padding(byte)).map_or(start, |last| last + 1);
        bytes.get(start..end).unwrap_or_default()
    }

    /// A code of the standard, of at most 64 letters, digits, points and spaces: what an error may repeat.
    pub(super) fn code(&self, tag: Tag) -> Result<&'a str> {
        let plain = |byte: &u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || b"._ ".contains(byte);
        let text = Some(self.text(tag)).filter(|text| text.len() <= 64 && text.iter().all(plain));
        text.and_then(|text| std::str::from_utf8(text).ok()).ok_or_else(|| malformed(tag))
    }

    /// A code that must be there.
    pub(super) fn required_code(&self, tag: Tag) -> Result<&'a str> {
        self.code(tag).and_then(|code| if code.is_empty() { Err(missing(tag.name)) } else { Ok(code) })
    }

    /// An unsigned number of two bytes.
    pub(super) fn number(&self, tag: Tag) -> Result<u16> {
        let bytes = self.values.get(&tag.id).ok_or_else(|| missing(tag.name))?;
        let bytes = <[u8; 2]>::try_from(*bytes).map_err(|_| malformed(tag))?;
        Ok(if self.big_endian { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) })
    }

    /// Numbers in text, separated by backslashes; `None` where the element is empty or not there.
    pub(super) fn optional_decimals<const N: usize>(&self, tag: Tag) -> Result<Option<[f64; N]>> {
        let text = self.text(tag);
        if text.is_empty() {
            return Ok(None);
        }
        let number = |part: &[u8]| {
            let number = f64::from_str(std::str::from_utf8(part).ok()?.trim()).ok()?;
            number.is_finite().then_some(number)
        };
        let numbers: Option<Vec<f64>> = text.split(|&byte| byte == b'\\').map(number).collect();
        let numbers = numbers.and_then(|numbers| <[f64; N]>::try_from(numbers).ok());
        numbers.map(Some).ok_or_else(|| malformed(tag))
    }

    /// Numbers in text that must be there.
    pub(super) fn decimals<const N: usize>(&self, tag: Tag) -> Result<[f64; N]> {
        self.optional_decimals(tag)?.ok_or_else(|| missing(tag.name))
    }
}

fn missing(name: &str) -> Error {
    bad(format!("{name} is missing"))
}

fn malformed(tag: Tag) -> Error {
    bad(format!("{} is malformed", tag.name))
}
