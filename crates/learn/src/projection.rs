//! Random projection of long rows to few columns, so that distances stay what they are.

mod gaussian;
mod sketch;

use std::borrow::Cow;
use std::ops::Range;

pub use gaussian::GaussianProjection;
use sketch::Sketch;

/// Most entries of a matrix that is held: 16 MiB. Larger ones are drawn again where they are asked for.
const MOST_HELD: usize = 1 << 22;

/// A random linear map of rows of a known length to the columns of a [`GaussianProjection`], made ready for many rows.
///
/// Short rows are multiplied by the Gaussian matrix G itself. Long ones, of more than twice the `m` positions of their sketch, are first
/// cut down by a count sketch S, and G is the matrix for what that leaves. Reading a row then costs an addition for each number instead
/// of `dim` multiplications (the composition of Clarkson and Woodruff, arXiv 1207.6365; Woodruff, arXiv 1411.4357, section 2.1).
/// Since E |x S G|^2 = E |x S|^2 = |x|^2, and Var |y G|^2 = 2/dim |y|^4 for any y,
/// Var |x S G|^2 <= (2/dim + 2/m + 4/(m dim)) |x|^4. With m >= 32 dim, that is at most a 32nd more than for G alone.
///
/// Memory: the matrix, at most 16 MiB and 4 bytes for each 16 numbers of a long row.
#[derive(Debug, Clone)]
pub struct Projection {
    gaussian: GaussianProjection,
    sketch: Option<Sketch>,
    width: usize,
    /// The matrix, empty where it is too large to be held.
    held: Vec<f32>,
}

impl Projection {
    /// The map of rows of `elements` numbers that the seed and the stream of `gaussian` name. Runs on the calling thread.
    pub fn new(gaussian: GaussianProjection, elements: usize) -> Self {
        let positions = sketch::positions(gaussian.dim).filter(|positions| elements > 2 * positions);
        let sketch = positions.map(|positions| {
            // Codes come from the last streams, matrices from the first ones.
            Sketch::new((gaussian.seed, !gaussian.stream), positions, elements)
        });
        let width = sketch.as_ref().map_or(elements, Sketch::slots);
        let entries = width.saturating_mul(gaussian.dim);
        let mut held = vec![0.0; if entries <= MOST_HELD { entries } else { 0 }];
        gaussian.fill(0, &mut held);
        Self { gaussian, sketch, width, held }
    }

    /// Columns of the result.
    pub fn dim(&self) -> usize {
        self.gaussian.dim
    }

    /// Numbers that a row is reduced to before it meets the matrix.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Writes the [`width`](Self::width) numbers that the matrix takes of one row: its sketch, or where it is short itself.
    pub fn reduce(&self, row: &[f32], reduced: &mut [f32]) {
        match &self.sketch {
            Some(sketch) => sketch.apply(row, reduced),
            None => reduced.iter_mut().zip(row).for_each(|(to, from)| *to = *from),
        }
    }

    /// Rows of the `width x dim` matrix, row-major.
    pub fn rows(&self, rows: Range<usize>) -> Cow<'_, [f32]> {
        let dim = self.dim();
        if let Some(held) = self.held.get(rows.start * dim..rows.end * dim) {
            return Cow::Borrowed(held);
        }
        let mut drawn = vec![0.0; rows.len() * dim];
        self.gaussian.fill(rows.start, &mut drawn);
        Cow::Owned(drawn)
    }
}

/// Least dimensions that keep all squared distances of `samples` points within a factor 1 ± `eps`:
/// floor(4 ln n / (eps^2/2 - eps^3/3)), as scikit-learn's `johnson_lindenstrauss_min_dim` (Dasgupta and Gupta
/// 2003, Theorem 2.1). `None` unless 0 < `eps` < 1 and `samples` > 0.
pub fn jl_min_dim(samples: usize, eps: f64) -> Option<usize> {
    let valid = samples > 0 && eps > 0.0 && eps < 1.0;
    valid.then(|| (4.0 * (samples as f64).ln() / (eps * eps / 2.0 - eps.powi(3) / 3.0)) as usize)
}
