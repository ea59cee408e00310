//! Writes DICOM and NIfTI files of our own making.

use std::fs;
use std::path::{Path, PathBuf};

/// Explicit little-endian.
pub(crate) const EXPLICIT: &str = "1.2.840.10008.1.2.1";

/// An element with a value representation whose length has two bytes, or four.
pub(crate) fn element(tag: u32, kind: &[u8; 2], value: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    out.extend(((tag >> 16) as u16).to_le_bytes());
    out.extend((tag as u16).to_le_bytes());
    out.extend(kind);
    if [b"OW", b"OB", b"SQ", b"UN"].contains(&kind) {
        out.extend([0, 0]);
        out.extend((value.len() as u32).to_le_bytes());
    } else {
        out.extend((value.len() as u16).to_le_bytes());
    }
    out.extend(value);
    out
}

/// A slice with a header that a test may change.
#[derive(Clone)]
pub(crate) struct Dicom {
    pub(crate) syntax: &'static str,
    pub(crate) elements: Vec<(u32, [u8; 2], Vec<u8>)>,
}

impl Dicom {
    /// 2 x 2 pixels of 16 bits with values 0 to 3, 1 mm apart.
    pub(crate) fn new() -> Self {
        let number = |value: u16| value.to_le_bytes().to_vec();
        let text = |value: &str| value.as_bytes().to_vec();
        let elements = vec![
            (0x0008_0008, *b"CS", text("ORIGINAL\\PRIMARY\\AXIAL")),
            (0x0008_0060, *b"CS", text("CT")),
            (0x0010_0010, *b"PN", text("Doe^Jane")),
            (0x0010_0020, *b"LO", text("SECRET-1")),
            (0x0020_000D, *b"UI", text("1.2")),
            (0x0020_000E, *b"UI", text("1.2.1")),
            (0x0020_0032, *b"DS", text("0\\0\\0")),
            (0x0020_0037, *b"DS", text("1\\0\\0\\0\\1\\0")),
            (0x0028_0002, *b"US", number(1)),
            (0x0028_0004, *b"CS", text("MONOCHROME2 ")),
            (0x0028_0010, *b"US", number(2)),
            (0x0028_0011, *b"US", number(2)),
            (0x0028_0030, *b"DS", text("1\\1")),
            (0x0028_0100, *b"US", number(16)),
            (0x0028_0101, *b"US", number(16)),
            (0x0028_0102, *b"US", number(15)),
            (0x0028_0103, *b"US", number(1)),
            (0x0028_1052, *b"DS", text("0")),
            (0x0028_1053, *b"DS", text("1")),
            (0x7FE0_0010, *b"OW", [0u16, 1, 2, 3].iter().flat_map(|v| v.to_le_bytes()).collect()),
        ];
        Self { syntax: EXPLICIT, elements }
    }

    /// The same with another value.
    pub(crate) fn with(mut self, tag: u32, value: impl Into<Vec<u8>>) -> Self {
        let value = value.into();
        match self.elements.iter_mut().find(|(known, _, _)| *known == tag) {
            Some((_, _, old)) => *old = value,
            None => self.elements.push((tag, *b"LO", value)),
        }
        self.elements.sort_by_key(|(tag, _, _)| *tag);
        self
    }

    /// The same without an element.
    pub(crate) fn without(mut self, tag: u32) -> Self {
        self.elements.retain(|(known, _, _)| *known != tag);
        self
    }

    /// The same at a height, in millimetres.
    pub(crate) fn at(self, height: f64) -> Self {
        self.with(0x0020_0032, format!("0\\0\\{height}"))
    }

    /// The same of a patient.
    pub(crate) fn of(self, patient: &str) -> Self {
        self.with(0x0010_0020, patient)
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut out = start(self.syntax);
        for (tag, kind, value) in &self.elements {
            out.extend(element(*tag, kind, value));
        }
        out
    }

    /// The same with one compressed frame.
    pub(crate) fn compressed(self, syntax: &'static str, frame: &[u8]) -> Vec<u8> {
        let mut out = Self { syntax, ..self.without(0x7FE0_0010) }.bytes();
        let mut pixels = element(0x7FE0_0010, b"OB", &[]);
        pixels.truncate(8);
        pixels.extend([0xFF; 4]);
        for item in [&[], frame] {
            pixels.extend([0xFE, 0xFF, 0x00, 0xE0]);
            pixels.extend((item.len() as u32).to_le_bytes());
            pixels.extend(item);
        }
        pixels.extend([0xFE, 0xFF, 0xDD, 0xE0, 0, 0, 0, 0]);
        out.extend(pixels);
        out
    }

    pub(crate) fn write(&self, path: &Path) -> PathBuf {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, self.bytes()).unwrap();
        path.to_owned()
    }
}

/// Preamble, magic and meta information.
pub(crate) fn start(syntax: &str) -> Vec<u8> {
    let mut out = vec![0; 128];
    out.extend(b"DICM");
    out.extend(element(0x0002_0010, b"UI", syntax.as_bytes()));
    out
}

/// A NIfTI file of 2 x 2 x 2 voxels of 16 bits with values 0 to 7, as nibabel orders its axes: right, anterior, superior.
#[derive(Clone)]
pub(crate) struct Nifti {
    pub(crate) header: [u8; 348],
    pub(crate) voxels: Vec<u8>,
}

impl Nifti {
    pub(crate) fn new() -> Self {
        let mut file = Self { header: [0; 348], voxels: (0..8i16).flat_map(i16::to_le_bytes).collect() };
        file.set(0, &348i32.to_le_bytes());
        file.dim(&[3, 2, 2, 2, 1, 1, 1, 1]);
        file.set(70, &4i16.to_le_bytes());
        file.set(72, &16i16.to_le_bytes());
        file.floats(76, &[1.0; 8]);
        file.floats(108, &[352.0, 1.0, 0.0]);
        file.set(254, &1i16.to_le_bytes());
        file.floats(280, &[1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0]);
        file.set(344, b"n+1\0");
        file
    }

    pub(crate) fn set(&mut self, at: usize, bytes: &[u8]) {
        self.header[at..at + bytes.len()].copy_from_slice(bytes);
    }

    pub(crate) fn floats(&mut self, at: usize, values: &[f32]) {
        self.set(at, &values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<_>>());
    }

    pub(crate) fn dim(&mut self, dim: &[i16]) {
        self.set(40, &dim.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<_>>());
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        [&self.header[..], &[0; 4], &self.voxels].concat()
    }
}
