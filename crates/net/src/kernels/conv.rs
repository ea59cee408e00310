//! Convolutions in 1, 2 or 3 dimensions through matrix products.

use super::gemm as product;
use super::gemm::Matrix;
use crate::op::Scratch;
use crate::tensor::Element;

/// Shapes of a convolution (cross-correlation, as in every deep learning library). Lower dimensions have leading
/// axes of size 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Geometry {
    /// Input channels of one group.
    pub in_channels: usize,
    /// Output channels of one group.
    pub out_channels: usize,
    /// Groups.
    pub groups: usize,
    /// Depth, height, width of the input.
    pub input: [usize; 3],
    /// Depth, height, width of the output.
    pub output: [usize; 3],
    /// Kernel size.
    pub kernel: [usize; 3],
    /// Strides.
    pub stride: [usize; 3],
    /// Dilations.
    pub dilation: [usize; 3],
    /// Zeros put before the input.
    pub pad: [usize; 3],
}

impl Geometry {
    /// Input elements of one image and one group.
    pub fn input_len(&self) -> usize {
        self.in_channels * self.input.iter().product::<usize>()
    }

    /// Pixels of the output.
    pub fn pixels(&self) -> usize {
        self.output.iter().product()
    }

    /// Output elements of one image and one group.
    pub fn output_len(&self) -> usize {
        self.out_channels * self.pixels()
    }

    /// Length of the reduction: input channels times kernel size.
    pub fn reduction(&self) -> usize {
        self.in_channels * self.kernel.iter().product::<usize>()
    }

    /// Weights of one group.
    pub fn weights(&self) -> usize {
        self.out_channels * self.reduction()
    }

    /// Calls `visit(row, out_start, in_start, run)` for every run of output pixels of one row of the column
    /// matrix whose input pixels lie inside the image, `stride[2]` apart.
    pub(super) fn runs(&self, mut visit: impl FnMut(usize, usize, usize, usize)) {
        let [kd, kh, kw] = self.kernel;
        for row in 0..self.reduction() {
            let (c, k) = (row / (kd * kh * kw), row % (kd * kh * kw));
            let offset = [k / (kh * kw), k / kw % kh, k % kw];
            let (first, last) = self.valid(2, offset[2]);
            if first >= last {
                continue;
            }
            for d in 0..self.output[0] {
                let Some(z) = self.source(0, d, offset[0]) else { continue };
                for h in 0..self.output[1] {
                    let Some(y) = self.source(1, h, offset[1]) else { continue };
                    let x = first * self.stride[2] + offset[2] * self.dilation[2] - self.pad[2];
                    let in_start = ((c * self.input[0] + z) * self.input[1] + y) * self.input[2] + x;
                    let out_start = (d * self.output[1] + h) * self.output[2] + first;
                    visit(row, out_start, in_start, last - first);
                }
            }
        }
    }

    /// The input coordinate that output coordinate `o` reads through kernel offset `k`.
    fn source(&self, axis: usize, o: usize, k: usize) -> Option<usize> {
        (o * self.stride[axis] + k * self.dilation[axis])
            .checked_sub(self.pad[axis])
            .filter(|&i| i < self.input[axis])
    }

    /// The range of output coordinates that read inside the image through kernel offset `k`.
    fn valid(&self, axis: usize, k: usize) -> (usize, usize) {
        let (shift, pad, stride) = (k * self.dilation[axis], self.pad[axis], self.stride[axis]);
        let first = pad.saturating_sub(shift).div_ceil(stride);
        let last = (self.input[axis] + pad).saturating_sub(shift).div_ceil(stride);
        (first, last.min(self.output[axis]))
    }

    /// The column matrix (reduction x pixels) of one image and group.
    fn columns<T: Element>(&self, x: &[T], columns: &mut [T]) {
        let (pixels, stride) = (self.pixels(), self.stride[2]);
        columns.fill(T::zero());
        self.runs(|row, out, from, run| {
            let target = &mut columns[row * pixels + out..][..run];
            target.iter_mut().zip(x[from..].iter().step_by(stride)).for_each(|(t, &s)| *t = s);
        });
    }

    /// Adds a column matrix back to the image it came from.
    fn add_columns<T: Element>(&self, columns: &[T], x: &mut [T]) {
        let (pixels, stride) = (self.pixels(), self.stride[2]);
        self.runs(|row, out, from, run| {
            let source = &columns[row * pixels + out..][..run];
            x[from..].iter_mut().step_by(stride).zip(source).for_each(|(t, &s)| *t += s);
        });
    }
}

/// `y = w * x + bias`: `x` is `images x groups x in`, `w` is `groups x out x reduction`, `y` is
/// `images x groups x out x pixels`.
pub fn forward<T: Element>(
    g: &Geometry,
    x: &[T],
    w: &[T],
    bias: Option<&[T]>,
    y: &mut [T],
    scratch: &mut Scratch<T>,
) {
    let mut columns = scratch.take(g.reduction() * g.pixels());
    let parts = x.chunks_exact(g.input_len()).zip(y.chunks_exact_mut(g.output_len()));
    for (part, (x, y)) in parts.enumerate() {
        let group = part % g.groups;
        for (channel, plane) in y.chunks_exact_mut(g.pixels()).enumerate() {
            plane.fill(bias.map_or(T::zero(), |b| b[group * g.out_channels + channel]));
        }
        g.columns(x, &mut columns);
        let w = Matrix::new(&w[group * g.weights()..], g.out_channels, g.reduction());
        product(w, Matrix::new(&columns, g.reduction(), g.pixels()), y, g.pixels());
    }
    scratch.give(columns);
}

/// The gradient of the input, from that of the output; overwrites `dx`. It is also the forward reading of the
/// transposed convolution.
pub fn backward_input<T: Element>(g: &Geometry, w: &[T], dy: &[T], dx: &mut [T], scratch: &mut Scratch<T>) {
    let mut columns = scratch.take(g.reduction() * g.pixels());
    let parts = dx.chunks_exact_mut(g.input_len()).zip(dy.chunks_exact(g.output_len()));
    for (part, (dx, dy)) in parts.enumerate() {
        let w = Matrix::new(&w[part % g.groups * g.weights()..], g.out_channels, g.reduction());
        columns.fill(T::zero());
        product(w.transposed(), Matrix::new(dy, g.out_channels, g.pixels()), &mut columns, g.pixels());
        dx.fill(T::zero());
        g.add_columns(&columns, dx);
    }
    scratch.give(columns);
}

/// Adds the gradient of the weights, summed over the images given.
pub fn backward_weight<T: Element>(g: &Geometry, x: &[T], dy: &[T], dw: &mut [T], scratch: &mut Scratch<T>) {
    let mut columns = scratch.take(g.reduction() * g.pixels());
    let parts = x.chunks_exact(g.input_len()).zip(dy.chunks_exact(g.output_len()));
    for (part, (x, dy)) in parts.enumerate() {
        g.columns(x, &mut columns);
        let dw = &mut dw[part % g.groups * g.weights()..][..g.weights()];
        let columns = Matrix::new(&columns, g.reduction(), g.pixels());
        product(Matrix::new(dy, g.out_channels, g.pixels()), columns.transposed(), dw, g.reduction());
    }
    scratch.give(columns);
}

/// Adds the gradient of the bias, summed over the images given.
pub fn backward_bias<T: Element>(g: &Geometry, dy: &[T], dbias: &mut [T]) {
    for (channel, plane) in dy.chunks_exact(g.pixels()).enumerate() {
        dbias[channel % (g.groups * g.out_channels)] += plane.iter().copied().sum();
    }
}
