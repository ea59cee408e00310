//! `Gemm`: fully connected layers.

use std::sync::Arc;

use super::broadcast::{self, Loops, Run, update1};
use super::linear::{Linear, enclose_linear};
use super::{Entry, Interval, Sample, SampleInput};
use crate::error::OpError;
use crate::interval::Enclose;
use crate::kernels::{Matrix, gemm};
use crate::onnx::{Attributes, attribute};
use crate::op::{Backward, Fact, Facts, Forward, Op, Operator, Scratch};
use crate::tensor::{Element, Tensor};

pub(super) static ENTRY: Entry = Entry {
    name: "Gemm",
    parse,
    attributes: &["alpha", "beta", "transA", "transB"],
    trainable: &[1, 2],
    gradient: true,
    interval: Interval::Sound,
    samples,
};

fn samples() -> Vec<Sample> {
    use SampleInput as In;
    let transposed = || attribute::int("transB", 1);
    let scaled = |a, b| vec![attribute::float("alpha", a), attribute::float("beta", b)];
    let full = || vec![In::data(&[5]), In::weight(&[5, 3]), In::weight(&[3])];
    vec![
        Sample::new(
            "linear layer",
            vec![transposed()],
            vec![In::data(&[5]), In::weight(&[3, 5]), In::weight(&[3])],
        ),
        Sample::new("no bias", vec![], vec![In::data(&[5]), In::weight(&[5, 3])]),
        Sample::new("scaled", scaled(0.5, 2.0), full()),
        Sample::new("negative scales", scaled(-0.5, -1.5), full()),
        Sample::new("negative product", scaled(-1.0, 1.0), full()),
        Sample::new(
            "bias of one number",
            vec![],
            vec![In::data(&[5]), In::weight(&[5, 3]), In::weight(&[1, 1])],
        ),
        Sample::new(
            "data added, older operator set",
            vec![transposed()],
            vec![In::data(&[4]), In::weight(&[2, 4]), In::data(&[2])],
        )
        .opset(9),
    ]
}

fn parse(attributes: &Attributes<'_>) -> Result<Arc<dyn Operator>, OpError> {
    Ok(Arc::new(Gemm {
        alpha: attributes.float("alpha", 1.0)?,
        beta: attributes.float("beta", 1.0)?,
        trans_a: attributes.flag("transA", false)?,
        trans_b: attributes.flag("transB", false)?,
    }))
}

/// `alpha op(A) op(B) + beta C`, `C` broadcast.
#[derive(Debug)]
struct Gemm {
    alpha: f64,
    beta: f64,
    trans_a: bool,
    trans_b: bool,
}

impl Gemm {
    /// Rows `rows` of `op(A)`.
    fn a<'t, T>(&self, a: &'t Tensor<T>, rows: std::ops::Range<usize>) -> Matrix<'t, T> {
        let columns = a.row_len();
        let whole = Matrix::new(a.data(), a.rows(), columns);
        let view = if self.trans_a { whole.transposed() } else { whole };
        Matrix { data: &view.data[rows.start * view.row_stride..], rows: rows.len(), ..view }
    }

    fn b<'t, T>(&self, b: &'t Tensor<T>) -> Matrix<'t, T> {
        let whole = Matrix::new(b.data(), b.rows(), b.row_len());
        if self.trans_b { whole.transposed() } else { whole }
    }

    /// The gradient of the product, that is `alpha dy`.
    fn scaled<T: Element>(&self, dy: &Tensor<T>, scratch: &mut Scratch<T>) -> Vec<T> {
        let mut scaled = scratch.take(dy.len());
        scaled.iter_mut().zip(dy.data()).for_each(|(s, &dy)| *s = T::of(self.alpha) * dy);
        scaled
    }
}

impl<T: Element> Op<T> for Gemm {
    fn infer(&self, inputs: &[Option<Fact>]) -> Result<Vec<Fact>, OpError> {
        let (a, b) = (inputs.need(0)?, inputs.need(1)?);
        let (&[a0, a1], &[b0, b1]) = (a.shape.as_slice(), b.shape.as_slice()) else {
            return Err(OpError::invalid(format!(
                "shapes {:?} and {:?}: matrices expected",
                a.shape, b.shape
            )));
        };
        let (m, k) = if self.trans_a { (a1, a0) } else { (a0, a1) };
        let (inner, n) = if self.trans_b { (b1, b0) } else { (b0, b1) };
        if k != inner {
            return Err(OpError::invalid(format!(
                "matrices {m}x{k} (input 0) and {inner}x{n} (input 1) have no product"
            )));
        }
        let mut batched = a.batched && !self.trans_a && !b.batched;
        if let Some(c) = inputs.given(2) {
            if broadcast::shape(&[&c.shape, &[m, n]]).ok().as_deref() != Some(&[m, n]) {
                return Err(OpError::invalid(format!(
                    "shape {:?} (input 2) does not broadcast to [{m}, {n}]",
                    c.shape
                )));
            }
            let product = Fact::float([m, n], batched);
            batched &= broadcast::batched(&[&product, c], &[m, n]);
        }
        Ok(vec![a.reshaped([m, n], batched)])
    }

    fn forward(&self, cx: &mut Forward<'_, T>) -> Result<(), OpError> {
        let (a, b, c) = (cx.inputs.float(0)?, cx.inputs.float(1)?, cx.inputs.opt_float(2)?);
        let (y, scratch) = cx.output_and_scratch(0)?;
        let (rows, n) = (y.rows(), y.row_len());
        y.data_mut().fill(T::zero());
        gemm(self.a(a, 0..rows), self.b(b), y.data_mut(), n, scratch);
        if self.alpha != 1.0 {
            y.data_mut().iter_mut().for_each(|y| *y *= T::of(self.alpha));
        }
        if let Some(c) = c {
            let beta = T::of(self.beta);
            let loops = Loops::new([c.shape()], y.shape());
            loops.each(|range, [place]| {
                let c = Run::new(c.data(), place, range.len());
                update1(&mut y.data_mut()[range], c, |y, c| *y += beta * c);
            });
        }
        Ok(())
    }

    fn backward(&self, cx: &mut Backward<'_, T>) -> Result<(), OpError> {
        let (a, b, dy) = (cx.inputs.float(0)?, cx.inputs.float(1)?, cx.grad_output()?);
        let (m, n) = (dy.rows(), dy.row_len());
        let scaled = self.scaled(dy, cx.scratch);
        let (b, whole) = (self.b(b), Matrix::new(&scaled, m, n));
        if let Some((da, scratch)) = cx.input_and_scratch(0) {
            da.fill(T::zero());
            match self.trans_a {
                false => gemm(whole, b.transposed(), da, b.rows, scratch),
                true => gemm(b, whole.transposed(), da, m, scratch),
            }
        }
        cx.shared(1, |images, db, scratch| {
            let a = self.a(a, images.clone()).transposed();
            let dy = Matrix::new(&scaled[images.start * n..], images.len(), n);
            match self.trans_b {
                false => gemm(a, dy, db, n, scratch),
                true => gemm(dy.transposed(), a.transposed(), db, a.rows, scratch),
            }
        });
        cx.scratch.give(scaled);
        if let Some(c) = cx.inputs.opt_float(2)? {
            let beta = T::of(self.beta);
            broadcast::gradient(cx, (2, 0), [c.shape()], dy, |run, _, _| {
                run.iter_mut().for_each(|d| *d *= beta);
            });
        }
        Ok(())
    }

    fn enclose(&self, cx: &mut Enclose<'_>) -> Result<(), OpError> {
        let needs_bias = cx.opset() < 11;
        let linear = Linear { alpha: self.alpha, beta: self.beta, needs_bias, ..Linear::PLAIN };
        let bounds = enclose_linear(cx, linear, |cx, [x, _]| cx.dimension(x, i64::from(!self.trans_a)))?;
        cx.output(0, bounds);
        Ok(())
    }
}
