//! Matrix product.

use super::{Product, Run, Start};
use crate::op::Scratch;
use crate::tensor::Element;

/// A strided view of a matrix.
#[derive(Clone, Copy, Debug)]
pub struct Matrix<'a, T> {
    /// Storage; element `(i, j)` lies at `i * row_stride + j * column_stride`.
    pub data: &'a [T],
    /// Rows.
    pub rows: usize,
    /// Columns.
    pub columns: usize,
    /// Distance of two rows.
    pub row_stride: usize,
    /// Distance of two columns.
    pub column_stride: usize,
}

impl<'a, T> Matrix<'a, T> {
    /// A matrix stored row by row.
    pub fn new(data: &'a [T], rows: usize, columns: usize) -> Self {
        debug_assert!(data.len() >= rows * columns, "matrix view exceeds its storage");
        Self { data, rows, columns, row_stride: columns, column_stride: 1 }
    }

    /// The transposed view.
    pub fn transposed(self) -> Self {
        Self {
            rows: self.columns,
            columns: self.rows,
            row_stride: self.column_stride,
            column_stride: self.row_stride,
            ..self
        }
    }
}

/// `c += a b` with `c` of `a.rows x b.columns` stored row by row at distance `stride`.
pub fn gemm<T: Element>(
    a: Matrix<'_, T>,
    b: Matrix<'_, T>,
    c: &mut [T],
    stride: usize,
    scratch: &mut Scratch<T>,
) {
    let mut tables = scratch.take_tables();
    tables.a_steps.extend((0..a.columns).map(|k| k * a.column_stride));
    tables.b_steps.extend((0..a.columns).map(|k| k * b.row_stride));
    let product = Product {
        a: a.data,
        rows: a.rows,
        a_row: a.row_stride,
        a_steps: &tables.a_steps,
        b: b.data,
        b_steps: &tables.b_steps,
        b_column: b.column_stride,
        runs: &[Run { b: 0, c: 0, len: b.columns }],
        c_row: stride,
        c_column: 1,
        start: Start::Result,
    };
    T::kernels().product(&product, c, scratch);
    scratch.give_tables(tables);
}
