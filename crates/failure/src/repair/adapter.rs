//! Low-rank adapters (LoRA, Hu et al., arXiv 2106.09685).

use modelmend_net::optim::{Adam, AdamSettings};
use modelmend_net::{Parameters, Tensor};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Normal};

/// `weight = start + B A` for every matrix of weights, (rows, rest) by flattening all axes but the first: B is (rows, rank)
/// and begins at zero, A is (rank, rest) and begins normal with variance 1 / rest.
pub(super) struct Adapter {
    rank: usize,
    /// B and A of every matrix, one after the other; empty tensors for other parameters.
    factors: Parameters<f32>,
    adam: Adam<f32>,
}

impl Adapter {
    pub(super) fn new(start: &Parameters<f32>, rank: usize, settings: AdamSettings, seed: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut factors = Vec::new();
        for (rows, rest) in start.iter().map(matrix) {
            let rank = if rows == 0 { 0 } else { rank };
            let deviation = 1.0 / (rest.max(1) as f32).sqrt();
            let normal = |_| Normal::new(0.0, deviation).map_or(0.0, |n| n.sample(&mut rng));
            let a: Vec<f32> = (0..rank * rest).map(normal).collect();
            factors.push(Tensor::new([rows, rank], vec![0.0; rows * rank]).unwrap_or_default());
            factors.push(Tensor::new([rank, rest], a).unwrap_or_default());
        }
        let factors = Parameters::new(factors);
        let adam = Adam::new(&factors, settings);
        Self { rank, factors, adam }
    }

    pub(super) fn set_learning_rate(&mut self, learning_rate: f64) {
        self.adam.set_learning_rate(learning_rate);
    }

    /// A step along the gradient of the merged weights, and the new merged weights.
    pub(super) fn step(
        &mut self,
        start: &Parameters<f32>,
        gradient: &Parameters<f32>,
        merged: &mut Parameters<f32>,
    ) {
        let mut own = self.factors.zeros_like();
        let rank = self.rank;
        {
            let mut factors = self.factors.iter();
            let mut slots = own.iter_mut();
            for g in gradient.iter() {
                let (rows, rest) = matrix(g);
                let pair = (factors.next(), factors.next(), slots.next(), slots.next());
                let (Some(b), Some(a), Some(db), Some(da)) = pair else { continue };
                let (b, a, db, da) = (b.data(), a.data(), db.data_mut(), da.data_mut());
                for row in 0..rows {
                    let g = &g.data()[row * rest..][..rest];
                    for r in 0..rank {
                        let a = &a[r * rest..][..rest];
                        db[row * rank + r] = g.iter().zip(a).map(|(g, a)| g * a).sum();
                        let factor = b[row * rank + r];
                        da[r * rest..][..rest].iter_mut().zip(g).for_each(|(d, g)| *d += factor * g);
                    }
                }
            }
        }
        self.adam.step(&mut self.factors, &own);
        self.merge(start, merged);
    }

    fn merge(&self, start: &Parameters<f32>, merged: &mut Parameters<f32>) {
        let mut factors = self.factors.iter();
        for (weight, start) in merged.iter_mut().zip(start.iter()) {
            let (Some(b), Some(a)) = (factors.next(), factors.next()) else { continue };
            let (rows, rest) = matrix(start);
            for row in 0..rows {
                let out = &mut weight.data_mut()[row * rest..][..rest];
                out.copy_from_slice(&start.data()[row * rest..][..rest]);
                for r in 0..self.rank {
                    let factor = b.data()[row * self.rank + r];
                    let a = &a.data()[r * rest..][..rest];
                    out.iter_mut().zip(a).for_each(|(w, a)| *w += factor * a);
                }
            }
        }
    }
}

/// Rows and columns of a matrix of weights; none where it is a vector.
fn matrix(parameter: &Tensor<f32>) -> (usize, usize) {
    match parameter.shape() {
        [rows, rest @ ..] if !rest.is_empty() => (*rows, rest.iter().product()),
        _ => (0, 0),
    }
}
