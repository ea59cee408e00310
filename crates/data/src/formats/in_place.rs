//! Arrays of images that are used where they lie in their file, so that there may be more of them than fit into memory.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use super::images;
use super::npy::{cut_short, read_body, read_header, walk};
use super::npy_header::{Header, Kind};
use crate::error::{Error, Result};
use crate::images::Images;
use crate::stack::{InFile, Kind as Stored};

/// Arrays of more bytes stay in their file; smaller ones are read as a whole, so that a study of usual size goes on
/// whatever happens to the file.
pub(super) const IN_MEMORY: u64 = 256 << 20;

/// A file in which an array lies as it is.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) path: &'a Path,
    /// Where the header of the array begins.
    pub(super) start: u64,
}

/// Reads images of a `.npy` file, from the file where they are needed if there are more than `in_memory` bytes of them.
pub(super) fn read_npy_images(path: &Path, name: &str, in_memory: u64) -> Result<Images> {
    let read = || {
        let file = File::open(path)?;
        let bytes = file.metadata()?.len();
        let place = (bytes > in_memory).then_some(Place { path, start: 0 });
        read_images(&mut BufReader::new(file), (name, bytes), place)
    };
    read().map_err(|error: Error| error.in_file(path))
}

/// Reads images from an array of `bytes` bytes. With a `place` they stay there where that is possible; they are read
/// once all the same, so that damage is found before anything is computed.
pub(super) fn read_images(
    reader: &mut impl Read,
    (name, bytes): (&str, u64),
    place: Option<Place<'_>>,
) -> Result<Images> {
    let header = read_header(reader, name, bytes)?;
    let Some((place, kind)) = place.zip(as_stored(&header)) else {
        return images(name, read_body(reader, header, name)?);
    };
    let file = InFile::open(place.path, place.start + header.length, kind)?;
    let images = Images::in_file(name, &header.shape, file)?;
    let values = header.shape.iter().product::<usize>();
    let cut_short = |error| cut_short(error, name, values * header.size);
    match first_non_finite(reader, &header, values).map_err(cut_short)? {
        Some(at) => Err(Error::NonFinite { array: name.to_owned(), image: at / images.values_per_image() }),
        None => Ok(images),
    }
}

/// How values are taken that need no conversion; `None` where they need one.
fn as_stored(header: &Header) -> Option<Stored> {
    match (header.kind, header.size) {
        (Kind::Unsigned, 1) if !header.fortran => Some(Stored::Bytes),
        (Kind::Float, 4) if !header.fortran && !header.big_endian => Some(Stored::Floats),
        _ => None,
    }
}

/// Reads all values and gives the index of the first NaN or infinity.
fn first_non_finite(
    reader: &mut impl Read,
    header: &Header,
    values: usize,
) -> std::io::Result<Option<usize>> {
    let (mut seen, mut found) = (0, None);
    walk(reader, values * header.size, |bytes| {
        if header.kind == Kind::Float {
            let mut finite = bytes.as_chunks().0.iter().map(|value| f32::from_le_bytes(*value).is_finite());
            found = found.or(finite.position(|finite| !finite).map(|at| seen + at));
        }
        seen += bytes.len() / header.size;
    })?;
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::{Array, NpzFile, Values, write_npy, write_npz};

    fn arrays() -> Vec<(&'static str, Array)> {
        let bytes: Vec<u8> = (0..5 * 4 * 3 * 3).map(|i| (i * 7 % 251) as u8).collect();
        let floats: Vec<f32> = (0..5 * 3 * 4 * 2).map(|i| i as f32 / 3.0 - 7.0).collect();
        let wide: Vec<u16> = (0..5 * 4 * 3).map(|i| i * 300).collect();
        vec![
            ("bytes", Array::new(vec![5, 4, 3, 3], bytes.into()).unwrap()),
            ("floats", Array::new(vec![5, 3, 4, 2], floats.into()).unwrap()),
            ("wide", Array::new(vec![5, 4, 3], wide.into()).unwrap()),
        ]
    }

    #[test]
    fn images_in_their_file_are_those_in_memory() {
        let folder = tempfile::tempdir().unwrap();
        let archive = folder.path().join("a.npz");
        write_npz(&archive, arrays()).unwrap();
        for (name, array) in arrays() {
            let whole = images(name, array.clone()).unwrap();
            let path = folder.path().join(format!("{name}.npy"));
            write_npy(&path, &array).unwrap();
            for in_memory in [0, u64::MAX] {
                assert_eq!(read_npy_images(&path, name, in_memory).unwrap(), whole, "{name}");
                let mut file = NpzFile::open(&archive).unwrap();
                assert_eq!(file.read_images(name, in_memory).unwrap(), whole, "{name}");
            }
            let picked = read_npy_images(&path, name, 0).unwrap().select(&[4, 0, 4]);
            assert_eq!(picked, whole.select(&[4, 0, 4]), "{name}");
        }
    }

    #[test]
    fn bytes_and_floats_stay_in_the_file() {
        let folder = tempfile::tempdir().unwrap();
        for (name, array) in arrays() {
            let path = folder.path().join(format!("{name}.npy"));
            write_npy(&path, &array).unwrap();
            let images = read_npy_images(&path, name, 0).unwrap();
            File::create(&path).unwrap();
            // What was taken to be in memory does not notice that the file is empty now.
            assert_eq!(images.rgb8(0).is_ok(), name == "wide", "{name}");
        }
    }

    #[test]
    fn damage_is_found_before_anything_is_computed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.npy");
        let read = || read_npy_images(&path, "x", 0).unwrap_err().to_string();
        let mut values = vec![0f32; 20_000 * 2];
        values[18_000 * 2 + 1] = f32::NAN;
        write_npy(&path, &Array::new(vec![20_000, 1, 2], Values::F32(values)).unwrap()).unwrap();
        assert!(read().ends_with("x: non-finite value in image 18000"), "{}", read());
        let bytes = std::fs::read(&path).unwrap();
        std::fs::write(&path, &bytes[..bytes.len() - 1]).unwrap();
        assert!(read().contains("size mismatch"), "{}", read());

        let archive = folder.path().join("a.npz");
        write_npz(&archive, arrays()).unwrap();
        let mut bytes = std::fs::read(&archive).unwrap();
        // A byte of the first array's last image: only its checksum tells.
        bytes[128 + 150] ^= 1;
        std::fs::write(&archive, bytes).unwrap();
        let error = NpzFile::open(&archive).unwrap().read_images("bytes", 0).unwrap_err().to_string();
        assert!(error.to_lowercase().contains("checksum"), "{error}");
    }
}
