//! Objects that turn while they are measured.

use crate::error::{PhysicsError, Result, sized};
use crate::geometry::Parallel;
use crate::radon::Radon;
use crate::real::Real;

/// An image (`size x size`) turned by `degrees` counterclockwise about its pixel `(size / 2, size / 2)`, by linear interpolation between four pixels; zero where
/// nothing was.
///
/// # Errors
/// An image of another size, an angle that is not finite.
pub fn turned<T: Real>(image: &[T], size: usize, degrees: f64) -> Result<Vec<T>> {
    sized("image", image.len(), size * size)?;
    finite(degrees)?;
    let ((sin, cos), middle) = (degrees.to_radians().sin_cos(), (size / 2) as f64);
    let pixel = |column: f64, row: f64| {
        let inside = column >= 0.0 && row >= 0.0 && column < size as f64 && row < size as f64;
        if inside { image[row as usize * size + column as usize].f64() } else { 0.0 }
    };
    let value = |i: usize| {
        let (x, y) = ((i % size) as f64 - middle, (i / size) as f64 - middle);
        // Rows run downwards.
        let (column, row) = (x * cos - y * sin + middle, x * sin + y * cos + middle);
        let (left, above) = (column.floor(), row.floor());
        let (right, down) = (column - left, row - above);
        let across = |row: f64| pixel(left, row) * (1.0 - right) + pixel(left + 1.0, row) * right;
        T::of(across(above) * (1.0 - down) + across(above + 1.0) * down)
    };
    Ok((0..size * size).map(value).collect())
}

/// The projections (`angles x detectors`) of an object that has turned by `path[k]` degrees (counterclockwise) while angle `k` is measured. Turning it by `d` is
/// measuring it at an angle that is smaller by `d`, without an interpolation.
///
/// # Errors
/// A path of another length or with numbers that are not finite, an image of another size.
pub fn moving<T: Real>(image: &[T], geometry: &Parallel, path: &[f64]) -> Result<Vec<T>> {
    if path.len() != geometry.angles().len() {
        return Err(PhysicsError::Invalid(format!(
            "a path of {} places for {} angles",
            path.len(),
            geometry.angles().len()
        )));
    }
    path.iter().try_for_each(|&degrees| finite(degrees))?;
    let angles = geometry.angles().iter().zip(path).map(|(angle, turn)| angle - turn).collect();
    Radon::new(geometry.at(angles)?).forward(image)
}

fn finite(degrees: f64) -> Result<()> {
    if degrees.is_finite() {
        return Ok(());
    }
    Err(PhysicsError::Invalid(format!("{degrees} is not a number of degrees")))
}
