//! Walks over the elements of a data set (PS3.5, chapter 7) and takes no memory.

use super::bad;
use super::tags::{ITEM, ITEM_END, SEQUENCE_END};
use crate::error::{Error, Result};

/// Sequences nest a few levels deep in genuine files.
const MAX_DEPTH: usize = 32;

/// The length that means "until a delimiter".
const UNDEFINED: u32 = 0xFFFF_FFFF;

/// Value representations whose length has four bytes.
const LONG: [&[u8; 2]; 13] =
    [b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"];

/// How elements are written.
#[derive(Clone, Copy)]
pub(super) struct Encoding {
    /// Whether elements say what they hold.
    pub(super) explicit: bool,
    pub(super) big_endian: bool,
}

/// The header of an element.
pub(super) struct Header {
    /// Group and element.
    pub(super) tag: u32,
    /// Bytes of its value; `None` if it ends with a delimiter.
    pub(super) length: Option<usize>,
    /// Whether its items are written without saying what they hold.
    implicit_inside: bool,
}

/// A place in a data set.
pub(super) struct Reader<'a> {
    rest: &'a [u8],
    encoding: Encoding,
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8], encoding: Encoding) -> Self {
        Self { rest: bytes, encoding }
    }

    /// What was not read yet.
    pub(super) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// The tag of the next element, which stays; `None` at the end.
    pub(super) fn peek(&self) -> Option<u32> {
        Reader { rest: self.rest, encoding: self.encoding }.tag().ok()
    }

    /// The next bytes.
    pub(super) fn take(&mut self, length: usize) -> Result<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or_else(cut)?;
        self.rest = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let (taken, rest) = self.rest.split_first_chunk().ok_or_else(cut)?;
        self.rest = rest;
        Ok(*taken)
    }

    fn u16(&mut self) -> Result<u16> {
        let bytes = self.array()?;
        Ok(if self.encoding.big_endian { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) })
    }

    fn u32(&mut self) -> Result<u32> {
        let bytes = self.array()?;
        Ok(if self.encoding.big_endian { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) })
    }

    fn tag(&mut self) -> Result<u32> {
        Ok(u32::from(self.u16()?) << 16 | u32::from(self.u16()?))
    }

    /// The header of the next element, item or delimiter.
    pub(super) fn header(&mut self) -> Result<Header> {
        let tag = self.tag()?;
        let delimiter = matches!(tag, ITEM | ITEM_END | SEQUENCE_END);
        if !self.encoding.explicit || delimiter {
            let length = defined(self.u32()?);
            return Ok(Header { tag, length, implicit_inside: !self.encoding.explicit });
        }
        let kind = self.array::<2>()?;
        if !kind.iter().all(u8::is_ascii_uppercase) {
            return Err(bad(format!("malformed element ({:04x},{:04x})", tag >> 16, tag & 0xFFFF)));
        }
        if !LONG.contains(&&kind) {
            return Ok(Header { tag, length: Some(usize::from(self.u16()?)), implicit_inside: false });
        }
        self.u16()?;
        Ok(Header { tag, length: defined(self.u32()?), implicit_inside: &kind == b"UN" })
    }

    /// Passes over the value of an element.
    pub(super) fn skip(&mut self, header: &Header) -> Result<()> {
        self.skip_inside(header, MAX_DEPTH)
    }

    fn skip_inside(&mut self, header: &Header, depth: usize) -> Result<()> {
        match header.length {
            Some(length) => self.take(length).map(|_| ()),
            None => {
                let depth = depth.checked_sub(1).ok_or_else(|| bad("sequences nest too deep"))?;
                let outside = self.encoding;
                self.encoding.explicit &= !header.implicit_inside;
                let skipped = self.skip_items(depth);
                self.encoding = outside;
                skipped
            }
        }
    }

    /// Passes over the items of a sequence, and its delimiter.
    fn skip_items(&mut self, depth: usize) -> Result<()> {
        loop {
            let item = self.header()?;
            match (item.tag, item.length) {
                (SEQUENCE_END, _) => return Ok(()),
                (ITEM, Some(length)) => self.take(length).map(|_| ())?,
                (ITEM, None) => self.skip_elements(depth)?,
                _ => return Err(bad("malformed sequence")),
            }
        }
    }

    /// Passes over the elements of an item, and its delimiter.
    fn skip_elements(&mut self, depth: usize) -> Result<()> {
        loop {
            let header = self.header()?;
            if header.tag == ITEM_END {
                return Ok(());
            }
            self.skip_inside(&header, depth)?;
        }
    }

    /// The fragments of encapsulated pixels (PS3.5 A.4), without the table of offsets.
    pub(super) fn fragments(&mut self) -> Result<Vec<&'a [u8]>> {
        let mut fragments = Vec::new();
        loop {
            let item = self.header()?;
            match (item.tag, item.length) {
                (SEQUENCE_END, _) => break,
                (ITEM, Some(length)) => fragments.push(self.take(length)?),
                _ => return Err(bad("malformed fragments of pixels")),
            }
        }
        if fragments.is_empty() {
            return Err(bad("no table of offsets before the pixels"));
        }
        fragments.remove(0);
        Ok(fragments)
    }
}

fn defined(length: u32) -> Option<usize> {
    (length != UNDEFINED).then_some(length as usize)
}

fn cut() -> Error {
    bad("ends inside an element; the file may be cut off or damaged")
}
