//! NIfTI-1 in one file, plain or gzipped (<https://nifti.nimh.nih.gov/nifti-1>).

mod affine;
mod header;

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;
use nifti::NiftiHeader;

use super::stack::{Room, Stack};
use super::volume::Volume;
use crate::error::{Error, Result};
use crate::formats::has_extension;
use crate::formats::npz::{MAX_RATIO, unpacked_limit};
use crate::slices::Slices;
use header::{HEADER, Layout};

/// The first bytes of gzip.
const GZIP: &[u8] = &[0x1F, 0x8B];

/// Reads a NIfTI file, plain or gzipped, from memory, as [`read_slices`](super::read_slices) does from disk.
///
/// # Errors
/// [`Error::Nifti`] and what else may be wrong with slices.
pub fn slices_from_nifti(bytes: &[u8]) -> Result<Slices> {
    let mut stack = Stack::default();
    stack.push(&volume(bytes, bytes.len() as u64, bytes.starts_with(GZIP), &mut Room::default())?, 1)?;
    stack.finish()
}

/// Reads files, each of a patient of its own.
pub(super) fn read(paths: &[PathBuf]) -> Result<Slices> {
    let (mut room, mut stack) = (Room::default(), Stack::default());
    for (i, path) in paths.iter().enumerate() {
        let read = file(path, &mut room).and_then(|volume| stack.push(&volume, i + 1));
        read.map_err(|error| error.in_file(path))?;
    }
    stack.finish()
}

fn file(path: &Path, room: &mut Room) -> Result<Volume> {
    let file = File::open(path)?;
    let length = file.metadata()?.len();
    volume(BufReader::new(file), length, has_extension(path, "gz"), room)
}

/// The volume in a file of so many bytes.
fn volume(reader: impl Read, length: u64, gzip: bool, room: &mut Room) -> Result<Volume> {
    if gzip {
        let (limit, ratio) = (unpacked_limit(length), MAX_RATIO);
        let bomb = |unpacked| Error::ZipBomb { unpacked, packed: length, limit, ratio };
        let mut unpacked = MultiGzDecoder::new(reader);
        let volume =
            unpack(&mut unpacked, room, |needed| if needed > limit { Err(bomb(needed)) } else { Ok(()) })?;
        // The checksum is compared when the end is met.
        return match unpacked.read(&mut [0]) {
            Ok(_) => Ok(volume),
            Err(_) => Err(cut()),
        };
    }
    unpack(reader, room, |declared| {
        if declared <= length {
            return Ok(());
        }
        let declared = u128::from(declared);
        Err(Error::SizeMismatch { array: "voxels".to_owned(), declared, present: length })
    })
}

/// Reads header and voxels, once `check` agrees with the bytes that both take.
fn unpack(mut reader: impl Read, room: &mut Room, check: impl FnOnce(u64) -> Result<()>) -> Result<Volume> {
    let mut start = [0; HEADER];
    reader.read_exact(&mut start).map_err(|_| cut())?;
    header::check_version(&start)?;
    let header = NiftiHeader::from_reader(start.as_slice())
        .map_err(|_| bad("the header does not end with `n+1`, so this is no NIfTI-1 file"))?;
    let layout = Layout::read(&header)?;
    room.take(layout.grid.room()?.1)?;
    check(layout.offset.saturating_add(layout.length))?;
    let mut voxels = Vec::new();
    let skipped = std::io::copy(&mut (&mut reader).take(layout.offset - HEADER as u64), &mut std::io::sink());
    skipped.map_err(|_| cut())?;
    reader.take(layout.length).read_to_end(&mut voxels).map_err(|_| cut())?;
    if voxels.len() as u64 != layout.length {
        return Err(cut());
    }
    layout.grid.volume(|i| layout.hounsfield(&voxels, i))
}

fn bad(cause: impl Into<String>) -> Error {
    Error::Nifti { cause: cause.into() }
}

fn cut() -> Error {
    bad("ends before its last voxel; the file may be cut off or damaged")
}
