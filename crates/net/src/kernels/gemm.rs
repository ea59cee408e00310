//! Matrix product.

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

/// Kernels for one floating-point type.
pub trait Kernels<T>: Send + Sync {
    /// `c += a b` with `c` of `a.rows x b.columns` stored row by row at distance `stride`.
    fn gemm(&self, a: Matrix<'_, T>, b: Matrix<'_, T>, c: &mut [T], stride: usize);
}

/// Plain loops.
pub(crate) struct Portable;

impl<T: Element> Kernels<T> for Portable {
    fn gemm(&self, a: Matrix<'_, T>, b: Matrix<'_, T>, c: &mut [T], stride: usize) {
        for i in 0..a.rows {
            let row = &mut c[i * stride..][..b.columns];
            for p in 0..a.columns {
                let factor = a.data[i * a.row_stride + p * a.column_stride];
                for (j, c) in row.iter_mut().enumerate() {
                    *c += factor * b.data[p * b.row_stride + j * b.column_stride];
                }
            }
        }
    }
}
