//! NumPy's `.npy` format, versions 1 to 3 (<https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html>).

use std::fs::File;
use std::io::{self, BufReader, Read, Write};
use std::path::Path;

use super::array::{Array, Values};
use super::npy_header::{Header, Kind};
use super::write_atomically;
use crate::error::{Error, Result};

/// Elements are converted through a buffer of this many bytes, so that memory grows with what was really read.
const CHUNK: usize = 1 << 16;

/// Reads a `.npy` file.
///
/// # Errors
/// [`Error::InFile`] around what is wrong: no `.npy` file, object dtype, size mismatch, unsupported dtype.
pub fn read_npy(path: &Path) -> Result<Array> {
    let read = || {
        let file = File::open(path)?;
        let bytes = file.metadata()?.len();
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        read_array(&mut BufReader::new(file), &name, bytes)
    };
    read().map_err(|error| error.in_file(path))
}

/// Writes a `.npy` file (version 1.0, little-endian, C order), complete or not at all.
///
/// # Errors
/// [`Error::InFile`] with what the operating system said.
pub fn write_npy(path: &Path, array: &Array) -> Result<()> {
    write_atomically(path, |writer| write_array(writer, array))
}

/// Reads an array of `bytes` bytes (header included) from `reader`.
///
/// Memory is taken only for what was read: `bytes` may be a lie too.
pub(super) fn read_array(reader: &mut impl Read, name: &str, bytes: u64) -> Result<Array> {
    let header = read_header(reader, name, bytes)?;
    read_body(reader, header, name)
}

/// Reads the header of an array of `bytes` bytes (header included), which have to be as many as it declares.
pub(super) fn read_header(reader: &mut impl Read, name: &str, bytes: u64) -> Result<Header> {
    let header = Header::read(reader, name)?;
    let count = header.shape.iter().try_fold(1u128, |product, &extent| product.checked_mul(extent as u128));
    let declared = count.and_then(|count| count.checked_mul(header.size as u128)).unwrap_or(u128::MAX);
    let present = bytes.saturating_sub(header.length);
    if declared != u128::from(present) {
        return Err(Error::SizeMismatch { array: name.to_owned(), declared, present });
    }
    Ok(header)
}

/// Reads the values behind a checked header.
pub(super) fn read_body(reader: &mut impl Read, header: Header, name: &str) -> Result<Array> {
    let bytes = header.shape.iter().product::<usize>() * header.size;
    let values = read_values(reader, &header, bytes).map_err(|error| cut_short(error, name, bytes))?;
    if header.fortran && header.shape.len() > 1 {
        return Array::from_fortran(header.shape, values);
    }
    Array::new(header.shape, values)
}

/// What it means that `declared` bytes could not be read.
pub(super) fn cut_short(error: io::Error, name: &str, declared: usize) -> Error {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => {
            Error::SizeMismatch { array: name.to_owned(), declared: declared as u128, present: 0 }
        }
        _ => Error::NpyHeader { array: name.to_owned(), cause: error.to_string() },
    }
}

fn read_values(reader: &mut impl Read, header: &Header, bytes: usize) -> io::Result<Values> {
    let big = header.big_endian;
    Ok(match (header.kind, header.size) {
        (Kind::Bool, _) => Values::Bool(elements(reader, bytes, |[byte]: [u8; 1]| byte != 0)?),
        (Kind::Unsigned, 1) => Values::U8(elements(reader, bytes, |[byte]: [u8; 1]| byte)?),
        (Kind::Unsigned, 2) => Values::U16(elements(reader, bytes, swapped(big, u16::from_le_bytes))?),
        (Kind::Unsigned, 4) => Values::U32(elements(reader, bytes, swapped(big, u32::from_le_bytes))?),
        (Kind::Unsigned, _) => Values::U64(elements(reader, bytes, swapped(big, u64::from_le_bytes))?),
        (Kind::Signed, 1) => Values::I8(elements(reader, bytes, swapped(big, i8::from_le_bytes))?),
        (Kind::Signed, 2) => Values::I16(elements(reader, bytes, swapped(big, i16::from_le_bytes))?),
        (Kind::Signed, 4) => Values::I32(elements(reader, bytes, swapped(big, i32::from_le_bytes))?),
        (Kind::Signed, _) => Values::I64(elements(reader, bytes, swapped(big, i64::from_le_bytes))?),
        (Kind::Float, 4) => Values::F32(elements(reader, bytes, swapped(big, f32::from_le_bytes))?),
        (Kind::Float, _) => Values::F64(elements(reader, bytes, swapped(big, f64::from_le_bytes))?),
        (Kind::Utf32, size) => {
            let letters = elements(reader, bytes, swapped(big, u32::from_le_bytes))?;
            let letter = |&code: &u32| char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER);
            Values::Text(words(&letters, size / 4, letter))
        }
        (Kind::Latin1, size) => {
            let letters = elements(reader, bytes, |[byte]: [u8; 1]| byte)?;
            Values::Text(words(&letters, size, |&byte| char::from(byte)))
        }
    })
}

/// Wraps a little-endian conversion so that it also takes big-endian bytes.
fn swapped<const SIZE: usize, T>(
    big_endian: bool,
    from_le_bytes: impl Fn([u8; SIZE]) -> T,
) -> impl Fn([u8; SIZE]) -> T {
    move |mut bytes| {
        if big_endian {
            bytes.reverse();
        }
        from_le_bytes(bytes)
    }
}

/// Reads `bytes` bytes (a multiple of `SIZE`) as elements of `SIZE` bytes.
fn elements<const SIZE: usize, T>(
    reader: &mut impl Read,
    bytes: usize,
    convert: impl Fn([u8; SIZE]) -> T,
) -> io::Result<Vec<T>> {
    let mut out = Vec::new();
    walk(reader, bytes, |chunk| out.extend(chunk.as_chunks::<SIZE>().0.iter().map(|&bytes| convert(bytes))))?;
    Ok(out)
}

/// Shows `bytes` bytes in order, in pieces of [`CHUNK`] and a last one.
pub(super) fn walk(reader: &mut impl Read, bytes: usize, mut visit: impl FnMut(&[u8])) -> io::Result<()> {
    let mut buffer = vec![0; CHUNK.min(bytes)];
    let mut left = bytes;
    while left > 0 {
        let chunk = &mut buffer[..CHUNK.min(left)];
        reader.read_exact(chunk)?;
        visit(chunk);
        left -= chunk.len();
    }
    Ok(())
}

/// Cuts letters into words of `length` (at least 1); NumPy pads with zeros at the end.
fn words<T>(letters: &[T], length: usize, letter: impl Fn(&T) -> char) -> Vec<String> {
    let word = |word: &[T]| word.iter().map(&letter).collect::<String>().trim_end_matches('\0').to_owned();
    letters.chunks_exact(length).map(word).collect()
}

/// Writes header and values.
pub(super) fn write_array(writer: &mut impl Write, array: &Array) -> io::Result<()> {
    let width = match array.values() {
        Values::Text(words) => words.iter().map(|word| word.chars().count()).max().unwrap_or(0).max(1),
        _ => 0,
    };
    writer.write_all(&super::npy_header::encode(array, width))?;
    match array.values() {
        Values::Bool(vector) => write_elements(writer, vector, |&value| [u8::from(value)]),
        Values::U8(vector) => writer.write_all(vector),
        Values::I8(vector) => write_elements(writer, vector, |value| value.to_le_bytes()),
        Values::U16(vector) => write_elements(writer, vector, |value| value.to_le_bytes()),
        Values::I16(vector) => write_elements(writer, vector, |value| value.to_le_bytes()),
        Values::U32(vector) => write_elements(writer, vector, |value| value.to_le_bytes()),
        Values::I32(vector) => write_elements(writer, vector, |value| value.to_le_bytes()),
        Values::U64(vector) => write_elements(writer, vector, |value| value.to_le_bytes()),
        Values::I64(vector) => write_elements(writer, vector, |value| value.to_le_bytes()),
        Values::F32(vector) => write_elements(writer, vector, |value| value.to_le_bytes()),
        Values::F64(vector) => write_elements(writer, vector, |value| value.to_le_bytes()),
        Values::Text(words) => words.iter().try_for_each(|word| {
            let letters: Vec<u32> =
                word.chars().map(u32::from).chain(std::iter::repeat(0)).take(width).collect();
            write_elements(writer, &letters, |letter| letter.to_le_bytes())
        }),
    }
}

fn write_elements<const SIZE: usize, T>(
    writer: &mut impl Write,
    values: &[T],
    convert: impl Fn(&T) -> [u8; SIZE],
) -> io::Result<()> {
    let mut buffer = Vec::with_capacity(CHUNK);
    for chunk in values.chunks(CHUNK / SIZE) {
        buffer.clear();
        buffer.extend(chunk.iter().flat_map(&convert));
        writer.write_all(&buffer)?;
    }
    Ok(())
}
