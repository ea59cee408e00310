//! Plain numerics on matrices: random projection, neighbours, UMAP, clustering, scores and statistics.
//!
//! Rows are cases, columns are features. Inputs are `f32` views, sums run in `f64`. Every random choice takes
//! a seed, and every result has the same bits for any number of rayon threads: work is cut into pieces whose
//! size does not depend on the threads, and the pieces are joined in order. Nothing here reads a file or
//! prints.

pub mod biclustering;
pub mod conformal;
mod distance;
mod eigen;
mod error;
pub mod kmeans;
pub mod matrix;
pub mod metrics;
pub mod monitor;
pub mod neighbors;
pub mod pca;
pub mod projection;
pub mod scores;
pub mod silhouette;
pub mod stats;
pub mod umap;
pub mod uncertainty;

pub use error::LearnError;
