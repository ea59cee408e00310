//! Rows of numbers to few columns: reduced one by one while they are in cache, multiplied many at a time.

use std::ops::Range;

use modelmend_learn::projection::{GaussianProjection, Projection};
use modelmend_net::exec::Sink;
use modelmend_net::kernels::{Matrix, gemm};
use modelmend_net::op::Scratch;
use modelmend_net::{Graph, Tensor};
use rayon::prelude::*;

/// Rows of the matrix that are multiplied at a time; with 100 dimensions they stay in the second-level cache.
const SLAB: usize = 2048;

/// The projection of each parameter of a network, each by random numbers of its own, and where its columns lie.
#[derive(Debug)]
pub struct Projections {
    /// With the first column of each parameter.
    parameters: Vec<(Projection, usize)>,
    width: usize,
}

impl Projections {
    /// `dims` columns for each parameter, drawn from `seed`; those of a parameter are number `place(parameter)` of all. Parameters with
    /// one place are added up.
    ///
    /// Memory: that of a [`Projection`] for each parameter.
    pub fn new(graph: &Graph, (dims, seed): (usize, u64), place: impl Fn(usize) -> usize) -> Self {
        let all = graph.parameters();
        let places: Vec<usize> = (0..all.len()).map(place).collect();
        let projection = GaussianProjection::new(seed, dims);
        let prepare = |(index, &place): (usize, &usize)| {
            let elements = all.get(index).map_or(0, |parameter| parameter.shape.iter().product());
            (Projection::new(projection.with_stream(index as u64), elements), place * dims)
        };
        let width = places.iter().max().map_or(0, |last| (last + 1) * dims);
        Self { parameters: places.par_iter().enumerate().map(prepare).collect(), width }
    }

    /// Columns of all parameters.
    pub fn width(&self) -> usize {
        self.width
    }

    /// A sink for the gradients of some images of a batch.
    pub fn sink(&self, images: Range<usize>) -> Projector<'_> {
        let rows = vec![0.0; images.len() * self.width];
        Projector { projections: self, images, rows, reduced: Vec::new(), scratch: Scratch::default() }
    }
}

/// Projects the gradients of one chunk as they come.
///
/// Memory: images x what one parameter is reduced to, and images x columns.
#[derive(Debug)]
pub struct Projector<'a> {
    projections: &'a Projections,
    images: Range<usize>,
    rows: Vec<f32>,
    /// The gradients of one parameter so far.
    reduced: Vec<f32>,
    scratch: Scratch<f32>,
}

impl Projector<'_> {
    /// The projected gradients, `images x columns`.
    pub fn into_rows(self) -> Vec<f32> {
        self.rows
    }
}

impl Sink<f32> for Projector<'_> {
    fn parameter(&mut self, parameter: usize, images: Range<usize>, gradients: &[f32]) {
        let Some((projection, column)) = self.projections.parameters.get(parameter) else { return };
        let width = projection.width();
        self.reduced.resize(self.images.len() * width, 0.0);
        let free = self.reduced.chunks_exact_mut(width.max(1)).skip(images.start - self.images.start);
        let elements = (gradients.len() / images.len().max(1)).max(1);
        free.zip(gradients.chunks_exact(elements)).for_each(|(to, row)| projection.reduce(row, to));
        if images.end == self.images.end {
            let target = (&mut self.rows[*column..], self.projections.width);
            multiply(projection, &self.reduced, target, &mut self.scratch);
        }
    }

    fn images_at_once(&self) -> usize {
        1
    }
}

/// The rows of a tensor projected, `rows x dim`.
pub(super) fn project(projection: &Projection, tensor: &Tensor<f32>) -> Vec<f32> {
    let mut reduced = vec![0.0; tensor.rows() * projection.width()];
    let rows = tensor.data().par_chunks_exact(tensor.row_len().max(1));
    let targets = reduced.par_chunks_exact_mut(projection.width().max(1));
    targets.zip(rows).for_each(|(to, row)| projection.reduce(row, to));
    let mut projected = vec![0.0; tensor.rows() * projection.dim()];
    multiply(projection, &reduced, (&mut projected, projection.dim()), &mut Scratch::default());
    projected
}

/// Adds the products of reduced rows with the matrix to the rows of `target`, which lie at distance `stride`.
fn multiply(
    projection: &Projection,
    reduced: &[f32],
    (target, stride): (&mut [f32], usize),
    scratch: &mut Scratch<f32>,
) {
    let width = projection.width();
    for first in (0..width).step_by(SLAB) {
        let columns = SLAB.min(width - first);
        let part = Matrix {
            data: &reduced[first..],
            rows: reduced.len() / width,
            columns,
            row_stride: width,
            column_stride: 1,
        };
        let slab = projection.rows(first..first + columns);
        gemm(part, Matrix::new(&slab, columns, projection.dim()), target, stride, scratch);
    }
}
