//! `MatMul` with the rules of numpy: stacks of matrices broadcast, vectors are rows on the left and columns on the
//! right.

use std::ops::Range;
use std::sync::Arc;

use super::broadcast::{self, Loops};
use super::linear::{Linear, enclose_linear};
use super::{Entry, Interval, Sample, SampleInput};
use crate::error::OpError;
use crate::interval::Enclose;
use crate::kernels::{Matrix, gemm};
use crate::op::{Backward, Fact, Facts, Forward, Op};
use crate::tensor::Element;

pub(super) static ENTRY: Entry = Entry {
    name: "MatMul",
    parse: |_| Ok(Arc::new(MatMul)),
    attributes: &[],
    trainable: &[0, 1],
    gradient: true,
    interval: Interval::Sound,
    samples,
};

fn samples() -> Vec<Sample> {
    use SampleInput as In;
    let sample = |name, a, b| Sample::new(name, vec![], vec![a, b]);
    vec![
        sample("linear layer", In::data(&[4]), In::weight(&[4, 3])),
        sample("linear layer on a sequence", In::data(&[2, 5, 4]), In::weight(&[4, 3])),
        sample("weight first", In::weight(&[3, 4]), In::data(&[4, 5])),
        sample("stack of weights", In::data(&[2, 3, 4]), In::weight(&[2, 4, 3])),
        sample("two products of data", In::data(&[2, 3, 4]), In::data(&[2, 4, 3])),
        sample("data broadcast", In::data(&[1, 3, 4]), In::data(&[2, 4, 3])),
        sample("vector of weights", In::data(&[3, 4]), In::weight(&[4])),
        sample("vector of weights first", In::weight(&[3]), In::data(&[3, 4])),
    ]
}

#[derive(Debug)]
struct MatMul;

/// The sizes of a product.
struct Product<'a> {
    /// Rows of one product. A right side without a stack is multiplied with all rows of the left at once.
    m: usize,
    k: usize,
    n: usize,
    /// Axes of the stacks.
    stacks: [&'a [usize]; 2],
    stack: Vec<usize>,
    /// Without a stack on the right: rows of the product for each entry of axis 0 of the output. `None` where that
    /// axis counts no rows, as the left is a vector.
    rows: Option<usize>,
}

/// Where one product of a stack begins.
struct At {
    a: usize,
    b: usize,
    y: usize,
    m: usize,
}

impl<'a> Product<'a> {
    fn new(a: &'a [usize], b: &'a [usize]) -> Result<Self, OpError> {
        let fail = || OpError::invalid(format!("shapes {a:?} and {b:?} have no product"));
        let (a_stack, m, k) = match a {
            [] => return Err(fail()),
            [k] => (&a[..0], 1, *k),
            [stack @ .., m, k] => (stack, *m, *k),
        };
        let (b_stack, inner, n) = match b {
            [] => return Err(fail()),
            [k] => (&b[..0], *k, 1),
            [stack @ .., k, n] => (stack, *k, *n),
        };
        if k != inner {
            return Err(fail());
        }
        if b_stack.is_empty() {
            let all = a_stack.iter().product::<usize>() * m;
            let rows = (a.len() > 1).then(|| a[1..a.len() - 1].iter().product());
            return Ok(Self { m: all, k, n, stacks: [&[]; 2], stack: vec![], rows });
        }
        let stack = broadcast::shape(&[a_stack, b_stack]).map_err(|_| fail())?;
        Ok(Self { m, k, n, stacks: [a_stack, b_stack], stack, rows: None })
    }

    /// Calls `f` for every product that contributes to these entries of axis 0 of the output.
    fn each(&self, images: Range<usize>, mut f: impl FnMut(At)) {
        let Self { m, k, n, rows, .. } = *self;
        if self.stack.is_empty() {
            let (first, m) = rows.map_or((0, m), |rows| (images.start * rows, images.len() * rows));
            return f(At { a: first * k, b: 0, y: first * n, m });
        }
        let loops = Loops::rows(self.stacks, &self.stack, images);
        loops.each(|range, [a, b]| {
            for (i, y) in range.enumerate() {
                let (a, b) = (a.at + i * a.step, b.at + i * b.step);
                f(At { a: a * m * k, b: b * k * n, y: y * m * n, m });
            }
        });
    }
}

impl<T: Element> Op<T> for MatMul {
    fn infer(&self, inputs: &[Option<Fact>]) -> Result<Vec<Fact>, OpError> {
        let (a, b) = (inputs.need(0)?, inputs.need(1)?);
        let (a_rank, b_rank) = (a.shape.len(), b.shape.len());
        let product = Product::new(&a.shape, &b.shape)?;
        let mut shape = match product.stack.is_empty() {
            true => a.shape[..a_rank.saturating_sub(2)].to_vec(),
            false => product.stack.clone(),
        };
        shape.extend((a_rank > 1).then(|| a.shape[a_rank - 2]));
        shape.extend((b_rank > 1).then_some(product.n));
        // Rows of a matrix on the left count as images; otherwise axis 0 of the stacks must.
        let batched = if b_rank <= 2 {
            a.batched && a_rank > 1 && !b.batched
        } else {
            let stack = |f: &Fact| Fact {
                batched: f.batched && f.shape.len() > 2,
                ..f.reshaped(&f.shape[..f.shape.len().saturating_sub(2)], false)
            };
            let lost = [a, b].iter().any(|f| f.batched && f.shape.len() <= 2);
            !lost && broadcast::batched(&[&stack(a), &stack(b)], &product.stack)
        };
        Ok(vec![a.reshaped(shape, batched)])
    }

    fn forward(&self, cx: &mut Forward<'_, T>) -> Result<(), OpError> {
        let (a, b) = (cx.inputs.float(0)?, cx.inputs.float(1)?);
        let product = Product::new(a.shape(), b.shape())?;
        let Product { k, n, .. } = product;
        let (y, scratch) = cx.output_and_scratch(0)?;
        let rows = y.rows();
        y.data_mut().fill(T::zero());
        product.each(0..rows, |at| {
            let (a, b) = (Matrix::new(&a.data()[at.a..], at.m, k), Matrix::new(&b.data()[at.b..], k, n));
            gemm(a, b, &mut y.data_mut()[at.y..], n, scratch);
        });
        Ok(())
    }

    fn backward(&self, cx: &mut Backward<'_, T>) -> Result<(), OpError> {
        let (a, b, dy) = (cx.inputs.float(0)?, cx.inputs.float(1)?, cx.grad_output()?);
        let product = Product::new(a.shape(), b.shape())?;
        let Product { k, n, .. } = product;
        cx.shared(0, |images, da, scratch| {
            product.each(images, |at| {
                let dy = Matrix::new(&dy.data()[at.y..], at.m, n);
                gemm(dy, Matrix::new(&b.data()[at.b..], k, n).transposed(), &mut da[at.a..], k, scratch);
            });
        });
        cx.shared(1, |images, db, scratch| {
            product.each(images, |at| {
                let dy = Matrix::new(&dy.data()[at.y..], at.m, n);
                let a = Matrix::new(&a.data()[at.a..], at.m, k);
                gemm(a.transposed(), dy, &mut db[at.b..], n, scratch);
            });
        });
        Ok(())
    }

    fn enclose(&self, cx: &mut Enclose<'_>) -> Result<(), OpError> {
        let bounds = enclose_linear(cx, Linear::PLAIN, |cx, [x, _]| cx.dimension(x, -1))?;
        cx.output(0, bounds);
        Ok(())
    }
}
