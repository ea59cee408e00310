//! Where the axes of a volume point.
//!
//! The `nifti` crate computes this too, with `nalgebra`, but panics on negative spacings.

use nifti::NiftiHeader;

use super::bad;
use crate::error::Result;

/// How far the rest of a quaternion may lie below 0 by rounding, as in nibabel.
const ROUNDING: f64 = 1e-6;

/// From where one step along each axis leads, in millimetres to the left, posterior and superior: `sform` where there is one, else
/// `qform`.
pub(super) fn steps(header: &NiftiHeader) -> Result<[[f64; 3]; 3]> {
    let rows = if header.sform_code > 0 {
        [header.srow_x, header.srow_y, header.srow_z].map(|[a, b, c, _]| [a, b, c].map(f64::from))
    } else if header.qform_code > 0 {
        rotation(header)?
    } else {
        return Err(bad("neither `sform` nor `qform` says how the volume lies in the patient"));
    };
    // The format counts to the right and anterior.
    let [right, anterior, superior] = rows;
    Ok([0, 1, 2].map(|axis: usize| [-right[axis], -anterior[axis], superior[axis]]))
}

/// The rows of the matrix of a quaternion and the spacings (nifti1.h, method 2).
fn rotation(header: &NiftiHeader) -> Result<[[f64; 3]; 3]> {
    let [b, c, d] = [header.quatern_b, header.quatern_c, header.quatern_d].map(f64::from);
    let rest = 1.0 - (b * b + c * c + d * d);
    if rest.is_nan() || rest < -ROUNDING {
        return Err(bad("`quatern_b`, `quatern_c`, `quatern_d` are no rotation"));
    }
    let a = rest.max(0.0).sqrt();
    let [factor, x, y, z, ..] = header.pixdim.map(f64::from);
    let spacing = [x.abs(), y.abs(), if factor < 0.0 { -z.abs() } else { z.abs() }];
    let rows = [
        [a * a + b * b - c * c - d * d, 2.0 * (b * c - a * d), 2.0 * (b * d + a * c)],
        [2.0 * (b * c + a * d), a * a + c * c - b * b - d * d, 2.0 * (c * d - a * b)],
        [2.0 * (b * d - a * c), 2.0 * (c * d + a * b), a * a + d * d - b * b - c * c],
    ];
    Ok(rows.map(|row| [row[0] * spacing[0], row[1] * spacing[1], row[2] * spacing[2]]))
}
