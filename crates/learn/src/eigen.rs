//! Leading eigenpairs of a large symmetric operator by the Lanczos method.

use nalgebra::DMatrix;
use ndarray::Array2;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

/// Residual |A v - lambda v| relative to the largest Ritz value; what umap-learn asks of ARPACK.
const TOLERANCE: f64 = 1e-4;
/// Steps after which the best approximation is taken as it is.
const MAX_STEPS: usize = 500;

/// The `count` largest eigenvalues, descending, and their unit eigenvectors as columns of (n, count).
///
/// `apply(v, out)` writes A v; A is symmetric, n by n. Lanczos (1950) with full reorthogonalisation, started
/// from a seeded vector. Directions in `deflated` (unit vectors) are left out. Fewer pairs come back when the
/// space has fewer.
pub(crate) fn largest_eigenpairs(
    apply: impl Fn(&[f64], &mut [f64]),
    n: usize,
    count: usize,
    deflated: &[Vec<f64>],
    seed: u64,
) -> (Vec<f64>, Array2<f64>) {
    let mut krylov = Krylov {
        deflated,
        basis: Vec::new(),
        diagonal: Vec::new(),
        off_diagonal: Vec::new(),
        residual: Vec::new(),
    };
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let room = n.saturating_sub(deflated.len()).min(MAX_STEPS);
    let count = count.min(room);
    let mut check_at = (2 * count + 20).min(room);
    loop {
        while krylov.basis.len() < check_at && krylov.step(&apply, n, &mut rng) {}
        let (values, vectors) = krylov.ritz();
        let steps = krylov.basis.len();
        let beta = krylov.off_diagonal.last().copied().unwrap_or(0.0);
        let scale = values.first().map_or(0.0, |value| value.abs());
        let converged =
            (0..count.min(steps)).all(|i| (beta * vectors[(steps - 1, i)]).abs() <= TOLERANCE * scale);
        if converged || steps < check_at || steps >= room {
            return krylov.expand(&values, &vectors, n, count.min(steps));
        }
        check_at = (check_at * 3 / 2).min(room);
    }
}

/// An orthonormal basis of the Krylov space and the tridiagonal matrix of A in it.
struct Krylov<'a> {
    deflated: &'a [Vec<f64>],
    basis: Vec<Vec<f64>>,
    diagonal: Vec<f64>,
    /// Element i couples basis vectors i and i + 1; the last one belongs to the vector not yet added.
    off_diagonal: Vec<f64>,
    /// A times the last basis vector, orthogonal to the basis.
    residual: Vec<f64>,
}

impl Krylov<'_> {
    /// Adds one basis vector; false when the space is exhausted.
    fn step(&mut self, apply: &impl Fn(&[f64], &mut [f64]), n: usize, rng: &mut ChaCha8Rng) -> bool {
        let Some(vector) = self.next_direction(n, rng) else { return false };
        let mut image = vec![0.0; n];
        apply(&vector, &mut image);
        self.diagonal.push(dot(&vector, &image));
        self.basis.push(vector);
        self.orthogonalise(&mut image);
        self.off_diagonal.push(dot(&image, &image).sqrt());
        self.residual = image;
        true
    }

    fn next_direction(&mut self, n: usize, rng: &mut ChaCha8Rng) -> Option<Vec<f64>> {
        let scale = self.diagonal.iter().fold(0.0f64, |largest, d| largest.max(d.abs()));
        match self.off_diagonal.last_mut() {
            Some(beta) if *beta > 1e-10 * scale => {
                return Some(self.residual.iter().map(|v| v / *beta).collect());
            }
            // An invariant subspace is complete: go on from a random direction.
            Some(beta) => *beta = 0.0,
            None => {}
        }
        let mut start: Vec<f64> = (0..n).map(|_| StandardNormal.sample(rng)).collect();
        self.orthogonalise(&mut start);
        let norm = dot(&start, &start).sqrt();
        (norm > 1e-8).then(|| start.iter().map(|v| v / norm).collect())
    }

    /// Removes all known directions, twice: once is not enough in floating point (Kahan).
    fn orthogonalise(&self, vector: &mut [f64]) {
        for _ in 0..2 {
            for known in self.deflated.iter().chain(&self.basis) {
                let along = dot(known, vector);
                vector.iter_mut().zip(known).for_each(|(v, k)| *v -= along * k);
            }
        }
    }

    /// Eigenpairs of the tridiagonal matrix, largest first.
    fn ritz(&self) -> (Vec<f64>, DMatrix<f64>) {
        let steps = self.basis.len();
        let tridiagonal = DMatrix::from_fn(steps, steps, |row, column| match row.abs_diff(column) {
            0 => self.diagonal[row],
            1 => self.off_diagonal[row.min(column)],
            _ => 0.0,
        });
        let eigen = tridiagonal.symmetric_eigen();
        let mut order: Vec<usize> = (0..steps).collect();
        order.sort_by(|&a, &b| eigen.eigenvalues[b].total_cmp(&eigen.eigenvalues[a]));
        let values = order.iter().map(|&i| eigen.eigenvalues[i]).collect();
        (values, DMatrix::from_fn(steps, steps, |row, i| eigen.eigenvectors[(row, order[i])]))
    }

    fn expand(
        &self,
        values: &[f64],
        vectors: &DMatrix<f64>,
        n: usize,
        count: usize,
    ) -> (Vec<f64>, Array2<f64>) {
        let mut result = Array2::zeros((n, count));
        for (i, mut column) in result.columns_mut().into_iter().enumerate() {
            for (step, direction) in self.basis.iter().enumerate() {
                let weight = vectors[(step, i)];
                column.iter_mut().zip(direction).for_each(|(r, d)| *r += weight * d);
            }
        }
        (values[..count].to_vec(), result)
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    let (a_chunks, a_rest) = a.as_chunks::<4>();
    let (b_chunks, b_rest) = b.as_chunks::<4>();
    let mut partial = [0.0; 4];
    for (ca, cb) in a_chunks.iter().zip(b_chunks) {
        (0..4).for_each(|lane| partial[lane] += ca[lane] * cb[lane]);
    }
    partial.iter().sum::<f64>() + a_rest.iter().zip(b_rest).map(|(x, y)| x * y).sum::<f64>()
}
