//! The header of a `.npy` array: a Python dictionary literal with three keys.
//!
//! Read by hand because the grammar is tiny and the input hostile: general literal parsers recurse as deep as the file
//! says, and typed readers take memory for the declared shape before they look at the bytes.

use std::io::Read;

use super::array::{Array, Values};
use crate::error::{Error, Result};

const MAGIC: &[u8; 6] = b"\x93NUMPY";
/// NumPy itself refuses headers over 10,000 bytes; plain dtypes need about 100.
const MAX_HEADER: usize = 10_000;

/// What the elements are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Bool,
    Unsigned,
    Signed,
    Float,
    /// `U`: four bytes a letter.
    Utf32,
    /// `S`: one byte a letter.
    Latin1,
}

/// A header that was understood.
#[derive(Debug, PartialEq)]
pub(super) struct Header {
    pub(super) kind: Kind,
    /// Bytes of an element; at least 1.
    pub(super) size: usize,
    pub(super) big_endian: bool,
    pub(super) fortran: bool,
    pub(super) shape: Vec<usize>,
    /// Bytes up to the first element.
    pub(super) length: u64,
}

impl Header {
    pub(super) fn read(reader: &mut impl Read, name: &str) -> Result<Self> {
        let bad = |cause: &str| Error::NpyHeader { array: name.to_owned(), cause: cause.to_owned() };
        let mut fixed = [0; 8];
        reader.read_exact(&mut fixed).map_err(|error| bad(&error.to_string()))?;
        if !fixed.starts_with(MAGIC) {
            return Err(bad("it does not begin with NumPy's magic bytes"));
        }
        let mut read_length =
            |bytes: &mut [u8]| reader.read_exact(bytes).map_err(|error| bad(&error.to_string()));
        let (text_length, fixed_length) = match fixed[6] {
            1 => {
                let mut length = [0; 2];
                read_length(&mut length)?;
                (usize::from(u16::from_le_bytes(length)), 10)
            }
            2 | 3 => {
                let mut length = [0; 4];
                read_length(&mut length)?;
                (u32::from_le_bytes(length) as usize, 12)
            }
            other => return Err(bad(&format!("version {other} is not known"))),
        };
        if text_length > MAX_HEADER {
            return Err(bad(&format!("its header has {text_length} bytes, over {MAX_HEADER}")));
        }
        let mut text = vec![0; text_length];
        reader.read_exact(&mut text).map_err(|_| bad("it ends inside the header"))?;
        let text = String::from_utf8_lossy(&text);
        let length = (text_length + fixed_length) as u64;
        Parser { rest: &text }.header(name, length).unwrap_or_else(|| Err(bad("its header is malformed")))
    }
}

/// Walks over the text; every step gives `None` where the text is not as it must be.
struct Parser<'a> {
    rest: &'a str,
}

impl<'a> Parser<'a> {
    fn header(&mut self, name: &str, length: u64) -> Option<Result<Header>> {
        let (mut descr, mut fortran, mut shape) = (None, None, None);
        self.token("{")?;
        while self.token("}").is_none() {
            let key = self.quoted()?;
            self.token(":")?;
            match key {
                "descr" if self.peek('[') => return Some(Err(structured(name))),
                "descr" => descr = Some(self.quoted()?),
                "fortran_order" => fortran = Some(self.boolean()?),
                "shape" => shape = Some(self.shape()?),
                _ => return None,
            }
            if self.token(",").is_none() && !self.peek('}') {
                return None;
            }
        }
        let (fortran, shape) = (fortran?, shape?);
        Some(element_type(descr?, name).map(|(kind, size, big_endian)| Header {
            kind,
            size,
            big_endian,
            fortran,
            shape,
            length,
        }))
    }

    fn token(&mut self, token: &str) -> Option<()> {
        self.rest = self.rest.trim_start().strip_prefix(token)?;
        Some(())
    }

    fn peek(&self, letter: char) -> bool {
        self.rest.trim_start().starts_with(letter)
    }

    fn quoted(&mut self) -> Option<&'a str> {
        let quote = if self.peek('"') { "\"" } else { "'" };
        self.token(quote)?;
        let (inside, rest) = self.rest.split_once(quote)?;
        self.rest = rest;
        Some(inside)
    }

    fn boolean(&mut self) -> Option<bool> {
        match self.token("True") {
            Some(()) => Some(true),
            None => self.token("False").map(|()| false),
        }
    }

    fn shape(&mut self) -> Option<Vec<usize>> {
        let mut shape = Vec::new();
        self.token("(")?;
        while self.token(")").is_none() {
            let text = self.rest.trim_start();
            let digits = text.len() - text.trim_start_matches(|letter: char| letter.is_ascii_digit()).len();
            shape.push(text.get(..digits)?.parse().ok()?);
            self.rest = text.get(digits..)?;
            // Python 2 wrote long integers with an L.
            let _ = self.token("L");
            if self.token(",").is_none() && !self.peek(')') {
                return None;
            }
        }
        Some(shape)
    }
}

fn structured(name: &str) -> Error {
    Error::Dtype { array: name.to_owned(), dtype: "of records".to_owned() }
}

fn element_type(descr: &str, name: &str) -> Result<(Kind, usize, bool)> {
    let unsupported = || Error::Dtype { array: name.to_owned(), dtype: descr.to_owned() };
    let plain = descr.trim_start_matches(['<', '>', '|', '=']);
    if plain.starts_with('O') {
        return Err(Error::ObjectDtype { array: name.to_owned() });
    }
    let letter = plain.chars().next().ok_or_else(unsupported)?;
    let size =
        plain.get(letter.len_utf8()..).and_then(|size| size.parse::<usize>().ok()).ok_or_else(unsupported)?;
    let (kind, size) = match (letter, size) {
        ('b', 1) => (Kind::Bool, 1),
        ('u', 1 | 2 | 4 | 8) => (Kind::Unsigned, size),
        ('i', 1 | 2 | 4 | 8) => (Kind::Signed, size),
        ('f', 4 | 8) => (Kind::Float, size),
        ('U', 1..=65_536) => (Kind::Utf32, size * 4),
        ('S', 1..=65_536) => (Kind::Latin1, size),
        _ => return Err(unsupported()),
    };
    Ok((kind, size, descr.starts_with('>')))
}

/// The bytes before the first element, padded so that elements start at a multiple of 64. Text has `width` letters.
pub(super) fn encode(array: &Array, width: usize) -> Vec<u8> {
    let descr = match array.values() {
        Values::Bool(_) => "|b1".to_owned(),
        Values::U8(_) => "|u1".to_owned(),
        Values::I8(_) => "|i1".to_owned(),
        Values::U16(_) => "<u2".to_owned(),
        Values::I16(_) => "<i2".to_owned(),
        Values::U32(_) => "<u4".to_owned(),
        Values::I32(_) => "<i4".to_owned(),
        Values::U64(_) => "<u8".to_owned(),
        Values::I64(_) => "<i8".to_owned(),
        Values::F32(_) => "<f4".to_owned(),
        Values::F64(_) => "<f8".to_owned(),
        Values::Text(_) => format!("<U{width}"),
    };
    let shape: String = array.shape().iter().map(|extent| format!("{extent}, ")).collect();
    let shape = if array.shape().len() > 1 { shape.trim_end_matches(", ") } else { shape.trim_end() };
    let mut text = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({shape}), }}");
    let padding = 64 - (MAGIC.len() + 4 + text.len() + 1) % 64;
    text.extend(std::iter::repeat_n(' ', padding % 64));
    text.push('\n');
    let mut out = MAGIC.to_vec();
    out.extend([1, 0]);
    // A shape of a few thousand axes would not fit; no array of ours has one.
    out.extend((text.len() as u16).to_le_bytes());
    out.extend(text.as_bytes());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Header> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend([1, 0]);
        bytes.extend((text.len() as u16).to_le_bytes());
        bytes.extend(text.as_bytes());
        Header::read(&mut bytes.as_slice(), "x")
    }

    #[test]
    fn reads_what_numpy_writes() {
        let header = parse("{'descr': '>f4', 'fortran_order': True, 'shape': (3, 4L,), }   \n").unwrap();
        assert_eq!(
            (header.kind, header.size, header.big_endian, header.fortran),
            (Kind::Float, 4, true, true)
        );
        assert_eq!(header.shape, [3, 4]);
        assert_eq!(parse("{\"shape\":(),\"descr\":\"|b1\",\"fortran_order\":False}").unwrap().shape, []);
    }

    #[test]
    fn refuses_objects_records_and_nonsense() {
        let text = |header: &str| parse(header).unwrap_err().to_string();
        let with = |descr: &str| format!("{{'descr': {descr}, 'fortran_order': False, 'shape': (2,), }}");
        assert!(text(&with("'|O'")).contains("object dtype"));
        assert!(text(&with("[('a', '<f4')]")).contains("of records"));
        assert!(text(&with("'<c8'")).contains("unsupported dtype <c8"));
        assert!(text(&with("'é4'")).contains("unsupported dtype"));
        assert!(text("{'descr': '<f4', 'shape': (2,), }").contains("malformed"));
        assert!(text(&format!("{{'shape': {}", "(".repeat(5000))).contains("malformed"));
        assert!(text("{'shape': (99999999999999999999999999,)").contains("malformed"));
        assert!(text(&" ".repeat(20_000)).contains("over 10000"));
    }
}
