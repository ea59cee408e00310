//! UMAP (McInnes, Healy and Melville 2018, arXiv 1802.03426), step for step as umap-learn 0.5.
//!
//! Our own because umap-rs 0.4.5 and annembed 0.1.6 move points from several threads without order (Hogwild)
//! and annembed takes no seed: neither gives the same picture twice. Here neighbours are exact, and the
//! layout makes its moves in an order in which many do not touch each other, with the result of one after
//! another, so that a seed fixes every bit on any number of threads; several embeddings can run side by side.
//! Across machines the last bits may differ with the system's `powf`.

mod curve;
mod graph;
mod init;
mod layout;
mod order;

pub use curve::{Curve, find_ab};
pub use graph::{FuzzyGraph, SmoothedKnn, fuzzy_simplicial_set, smooth_knn_dist};

use crate::error::{LearnError, check_count};
use crate::neighbors::{Neighbors, nearest_neighbors};
use ndarray::{Array2, ArrayView2};

/// Where the layout starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Init {
    /// Eigenvectors of the normalised graph Laplacian, component by component where the graph is not
    /// connected; a component with no more than max(2 dims - 1, dims + 1) points starts at random.
    #[default]
    Spectral,
    /// Principal components of the data.
    Pca,
    /// Uniform.
    Random,
}

/// Parameters of [`umap`]; the defaults are umap-learn's.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct UmapParams {
    /// Size of the neighbourhood, the point itself included; at least 2, cut to samples - 1.
    pub n_neighbors: usize,
    /// Least distance of points in the embedding, in 0 ..= `spread`.
    pub min_dist: f64,
    /// Scale of the embedding, above 0.
    pub spread: f64,
    /// Dimensions of the embedding, at least 1.
    pub dims: usize,
    /// Passes of the layout; `None` = 500, or 200 above 10,000 samples.
    pub epochs: Option<usize>,
    /// Fixes every random choice.
    pub seed: u64,
    /// Where the layout starts.
    pub init: Init,
}

impl Default for UmapParams {
    fn default() -> Self {
        Self {
            n_neighbors: 15,
            min_dist: 0.1,
            spread: 1.0,
            dims: 2,
            epochs: None,
            seed: 0,
            init: Init::Spectral,
        }
    }
}

/// Embeds `x` (samples, features) by Euclidean UMAP: shape (samples, dims), always finite.
///
/// Duplicates are allowed. A single sample lies at 0; with very few samples neighbourhoods are all others.
///
/// # Errors
/// [`LearnError::TooFew`] without samples, [`LearnError::NotFinite`] for NaN or infinities,
/// [`LearnError::Parameter`] for a parameter outside its range.
pub fn umap(x: ArrayView2<'_, f32>, params: &UmapParams) -> Result<Array2<f32>, LearnError> {
    check_params(params)?;
    check_count("samples", 1, x.nrows())?;
    let n_neighbors = params.n_neighbors.min(x.nrows().saturating_sub(1)).max(2);
    let neighbors = nearest_neighbors(x, n_neighbors - 1)?;
    if x.nrows() == 1 {
        return Ok(Array2::zeros((1, params.dims)));
    }
    let epochs = params.epochs.unwrap_or(if x.nrows() <= 10_000 { 500 } else { 200 });
    let graph = fuzzy_simplicial_set(&neighbors).prune(epochs);
    let curve = find_ab(params.spread, params.min_dist);
    let mut embedding = init::initial_positions(x, &graph, params)?;
    layout::optimise(&mut embedding, &graph, curve, epochs, params.seed);
    Ok(embedding)
}

fn check_params(params: &UmapParams) -> Result<(), LearnError> {
    let refuse = |name, value, rule| Err(LearnError::Parameter { name, value, rule });
    if params.n_neighbors < 2 {
        return refuse("n_neighbors", params.n_neighbors as f64, "at least 2");
    }
    if params.dims == 0 {
        return refuse("dims", 0.0, "at least 1");
    }
    if !(params.spread > 0.0 && params.spread.is_finite()) {
        return refuse("spread", params.spread, "above 0");
    }
    if !(0.0..=params.spread).contains(&params.min_dist) {
        return refuse("min_dist", params.min_dist, "between 0 and spread");
    }
    Ok(())
}
