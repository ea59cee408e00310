//! What a header says about the voxels after it.

use nifti::{Endianness, NiftiHeader, NiftiType};

use super::super::volume::{Axes, Grid, length};
use super::{affine, bad};
use crate::error::Result;

/// Bytes of a header.
pub(super) const HEADER: usize = 348;
/// Bytes of the header of NIfTI-2, which begins with their number.
const HEADER_2: i32 = 540;
/// The least offset of voxels in the same file: header and four bytes that announce extensions.
const LEAST_OFFSET: u64 = 352;
/// Voxels begin within this; extensions are small.
const MOST_OFFSET: f32 = (64 << 20) as f32;

/// Place, storage and scale of the voxels.
pub(super) struct Layout {
    pub(super) grid: Grid,
    /// Bytes before the first voxel.
    pub(super) offset: u64,
    /// Bytes of all voxels.
    pub(super) length: u64,
    kind: NiftiType,
    order: Endianness,
    slope: f32,
    intercept: f32,
}

/// Refuses what is not version 1, before the header is taken apart.
pub(super) fn check_version(start: &[u8; HEADER]) -> Result<()> {
    let [a, b, c, d, ..] = *start;
    let size = [i32::from_le_bytes([a, b, c, d]), i32::from_be_bytes([a, b, c, d])];
    if size.contains(&HEADER_2) {
        return Err(bad("NIfTI-2 is not supported; store it as NIfTI-1"));
    }
    if !size.contains(&(HEADER as i32)) {
        return Err(bad("the header does not begin with its size, so this is no NIfTI-1 file"));
    }
    Ok(())
}

impl Layout {
    pub(super) fn read(header: &NiftiHeader) -> Result<Self> {
        if &header.magic != nifti::header::MAGIC_CODE_NIP1 {
            return Err(bad("header and voxels are in two files; store them as one `.nii`"));
        }
        let extents = extents(header)?;
        let kind = kind(header)?;
        let [width, height, _] = extents;
        let steps = affine::steps(header)?;
        let axes = Axes::new(steps)?;
        axes.check_pixels(steps.map(|step| length(&step)))?;
        let (slope, intercept) = scale(header)?;
        let voxels = extents.iter().map(|&extent| extent as u64).product::<u64>();
        Ok(Self {
            grid: Grid { extents, strides: [1, width, width * height], axes },
            offset: offset(header)?,
            length: voxels * kind.size_of() as u64,
            kind,
            order: header.endianness,
            slope,
            intercept,
        })
    }

    /// Hounsfield units of a voxel; not a number where there is none.
    pub(super) fn hounsfield(&self, voxels: &[u8], index: usize) -> f32 {
        let start = index * self.kind.size_of();
        let voxel = voxels.get(start..).unwrap_or_default();
        let value = self.kind.read_primitive_value::<_, f64>(voxel, self.order, self.slope, self.intercept);
        value.map_or(f32::NAN, |value| value as f32)
    }
}

/// Voxels along the three axes of space; there may be no other.
fn extents(header: &NiftiHeader) -> Result<[usize; 3]> {
    let dim = header.dim().map_err(|_| bad("malformed `dim`"))?;
    // The format has signed numbers here.
    match dim {
        [x, y, z, more @ ..] if more.iter().all(|&n| n == 1) && [x, y, z].iter().all(|&&n| n <= 0x7FFF) => {
            Ok([x, y, z].map(|&n| usize::from(n)))
        }
        _ => {
            let shape: Vec<usize> = dim.iter().map(|&n| usize::from(n)).collect();
            Err(bad(format!("{} voxels are not one volume of three axes", crate::error::dims(&shape))))
        }
    }
}

fn kind(header: &NiftiHeader) -> Result<NiftiType> {
    use NiftiType::{Float32, Float64, Int8, Int16, Int32, Int64, Uint8, Uint16, Uint32, Uint64};
    match header.data_type() {
        Ok(kind @ (Uint8 | Int8 | Uint16 | Int16 | Uint32 | Int32 | Uint64 | Int64 | Float32 | Float64)) => {
            Ok(kind)
        }
        _ => Err(bad(format!("datatype {} is not supported; store whole or real numbers", header.datatype))),
    }
}

/// Slope and intercept; slope 0 means that there is no scale.
fn scale(header: &NiftiHeader) -> Result<(f32, f32)> {
    let (slope, intercept) = (header.scl_slope, header.scl_inter);
    if !slope.is_finite() || (slope != 0.0 && !intercept.is_finite()) {
        return Err(bad("`scl_slope` or `scl_inter` is not a number"));
    }
    Ok((slope, intercept))
}

fn offset(header: &NiftiHeader) -> Result<u64> {
    let offset = header.vox_offset;
    // Some writers leave it 0.
    if offset == 0.0 {
        return Ok(LEAST_OFFSET);
    }
    if (LEAST_OFFSET as f32..=MOST_OFFSET).contains(&offset) && offset.fract() == 0.0 {
        return Ok(offset as u64);
    }
    Err(bad(format!("`vox_offset` {offset} is not a place after the header")))
}
