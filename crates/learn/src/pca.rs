//! Principal component analysis of the leading components.

use crate::eigen::largest_eigenpairs;
use crate::error::{LearnError, check_count, check_finite};
use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis};

/// The leading principal components of a matrix (samples, features).
#[derive(Debug, Clone, PartialEq)]
pub struct Pca {
    /// Coordinates of the samples, shape (samples, components), in the unit of the input.
    pub scores: Array2<f32>,
    /// Unit directions, shape (components, features); the entry of largest magnitude is positive.
    pub components: Array2<f32>,
    /// Variance along each component (n - 1 in the denominator), descending.
    pub variance: Array1<f64>,
    /// Mean of each feature, which the scores leave out.
    pub mean: Array1<f64>,
}

/// The first `components` principal components of `x` (Pearson 1901; signs as scikit-learn's
/// `svd_flip(u_based_decision=False)`), found by Lanczos steps on the centred matrix, from the given seed.
/// Fewer come back when the centred matrix has fewer rows or columns.
///
/// # Errors
/// [`LearnError::TooFew`] below two samples, [`LearnError::NotFinite`] for NaN or infinities.
pub fn pca(x: ArrayView2<'_, f32>, components: usize, seed: u64) -> Result<Pca, LearnError> {
    check_count("samples", 2, x.nrows())?;
    check_finite(x)?;
    let mut centred = x.mapv(f64::from);
    let mean = centred.mean_axis(Axis(0)).unwrap_or_else(|| Array1::zeros(x.ncols()));
    centred -= &mean;

    let apply = |v: &[f64], out: &mut [f64]| {
        let image = centred.t().dot(&centred.dot(&ArrayView1::from(v)));
        out.iter_mut().zip(&image).for_each(|(o, i)| *o = *i);
    };
    let count = components.min(x.nrows() - 1).min(x.ncols());
    let (values, mut directions) = largest_eigenpairs(apply, x.ncols(), count, &[], seed);
    for mut direction in directions.columns_mut() {
        let largest = direction.iter().fold(0.0f64, |best, v| if v.abs() > best.abs() { *v } else { best });
        if largest < 0.0 {
            direction.mapv_inplace(|v| -v);
        }
    }
    Ok(Pca {
        scores: centred.dot(&directions).mapv(|v| v as f32),
        components: directions.t().mapv(|v| v as f32),
        variance: values.iter().map(|value| value.max(0.0) / (x.nrows() - 1) as f64).collect(),
        mean,
    })
}
