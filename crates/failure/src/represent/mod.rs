//! Representations of cases: what makes two failures alike (Henn et al., section 3; METHODS 1.1).

mod features;
mod gradients;
mod project;
mod trajectory;

use ndarray::Array2;
use serde::{Deserialize, Serialize};

pub use features::{features, features_flat};
pub use gradients::gradients;
pub use project::{Projections, Projector};
pub use trajectory::trajectory;

/// A representation: a row per case, and where each layer's columns lie.
#[derive(Clone, Debug, PartialEq)]
pub struct Representation {
    /// (cases, dimensions).
    pub matrix: Array2<f32>,
    /// Name and number of columns of each layer, in order.
    pub layers: Vec<(String, usize)>,
}

/// Scaling before distances are taken, since otherwise the size of the loss dominates them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scaling {
    /// As computed.
    None,
    /// The columns of every layer divided by their root mean square over all cases: layers weigh alike.
    Layer,
    /// Every case divided by its norm: distances become those of cosine similarity.
    Unit,
}

impl Representation {
    /// The matrix after scaling.
    pub fn scaled(&self, scaling: Scaling) -> Array2<f32> {
        let mut matrix = self.matrix.clone();
        match scaling {
            Scaling::None => {}
            Scaling::Layer => {
                let mut start = 0;
                for &(_, columns) in &self.layers {
                    let mut block = matrix.slice_mut(ndarray::s![.., start..start + columns]);
                    let squares: f64 = block.iter().map(|&v| f64::from(v).powi(2)).sum();
                    let scale = (squares / block.nrows().max(1) as f64).sqrt();
                    divide(block.iter_mut(), scale);
                    start += columns;
                }
            }
            Scaling::Unit => {
                for mut row in matrix.rows_mut() {
                    let norm = row.iter().map(|&v| f64::from(v).powi(2)).sum::<f64>().sqrt();
                    divide(row.iter_mut(), norm);
                }
            }
        }
        matrix
    }

    /// Every column with mean 0 and variance 1 over the cases, divided by the root of the columns of its layer: layers
    /// weigh alike, and so do the channels of a layer. For neighbours among unlike layers.
    pub fn standardized(&self) -> Array2<f32> {
        let mut matrix = self.matrix.clone();
        let widths = self.layers.iter().flat_map(|&(_, columns)| std::iter::repeat_n(columns, columns));
        for (mut column, width) in matrix.columns_mut().into_iter().zip(widths) {
            let count = column.len().max(1) as f64;
            let mean = column.iter().map(|&v| f64::from(v)).sum::<f64>() / count;
            let squares: f64 = column.iter().map(|&v| (f64::from(v) - mean).powi(2)).sum();
            column.iter_mut().for_each(|v| *v = (f64::from(*v) - mean) as f32);
            divide(column.iter_mut(), (squares / count * width as f64).sqrt());
        }
        matrix
    }

    /// Several representations of the same cases side by side (checkpoints of one model, layer by layer).
    pub fn join(parts: Vec<Self>) -> Option<Self> {
        let views: Vec<_> = parts.iter().map(|p| p.matrix.view()).collect();
        let matrix = ndarray::concatenate(ndarray::Axis(1), &views).ok()?;
        Some(Self { matrix, layers: parts.into_iter().flat_map(|p| p.layers).collect() })
    }
}

fn divide<'a>(values: impl Iterator<Item = &'a mut f32>, by: f64) {
    if by > 0.0 {
        values.for_each(|v| *v = (f64::from(*v) / by) as f32);
    }
}
