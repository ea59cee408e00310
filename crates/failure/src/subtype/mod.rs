//! Subtypings: ways to divide the failures of a model into kinds. One file each.

mod cluster;
mod given;
mod random;

use serde::{Deserialize, Serialize};

pub use cluster::{ClusterSettings, Clustering, EmbeddingSettings, clusters, embed, picture, stability};
pub use given::{by_prediction, by_value};
pub use random::random;

/// Fewest failures that make a subtype: below it no split into train, validation and test is possible.
pub const MIN_FAILURES: usize = 3;

/// A division of the failures.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Subtyping {
    /// Subtype of each failure, counted from 0; `None` where it was set aside.
    pub labels: Vec<Option<usize>>,
    /// What each subtype is called.
    pub names: Vec<String>,
    /// Mean silhouette in the space that was clustered, where something was.
    pub silhouette: Option<f64>,
    /// What was set aside, and why.
    pub notes: Vec<String>,
}

impl Subtyping {
    /// Number of subtypes.
    pub fn count(&self) -> usize {
        self.names.len()
    }

    /// Failures in each subtype.
    pub fn sizes(&self) -> Vec<usize> {
        let mut sizes = vec![0; self.count()];
        self.labels.iter().flatten().for_each(|&label| sizes[label] += 1);
        sizes
    }
}
