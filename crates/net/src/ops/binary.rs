//! Functions of two values, element by element with broadcasting: each is a [`Rule`], and all share their readings.

use std::borrow::Cow;
use std::fmt::Debug;

use super::broadcast::{self, Loops, Run, update2};
use crate::error::OpError;
use crate::interval::{Bounds, Enclose};
use crate::op::{Backward, Fact, Facts, Forward, Inputs, Op};
use crate::tensor::{DType, Element, Tensor, Value};

/// A function of two numbers.
pub(super) trait Rule: Debug + Send + Sync + 'static {
    /// Whether the result must have the shape of the first operand.
    const KEEPS_FIRST: bool = false;
    /// Whether the second operand may be integer beside a floating-point first.
    const INTEGER_SECOND: bool = false;

    fn value<T: Element>(a: T, b: T) -> T;
    /// The value for integers, `None` where there is none.
    fn integer(a: i64, b: i64) -> Option<i64>;
    /// What of the gradient `dy` of the result reaches `a`.
    fn to_first<T: Element>(dy: T, a: T, b: T) -> T;
    /// What of the gradient `dy` of the result reaches `b`.
    fn to_second<T: Element>(dy: T, a: T, b: T) -> T;
    fn bounds(cx: &mut Enclose<'_>, a: Bounds, b: Bounds) -> Result<Bounds, OpError>;
}

#[derive(Debug)]
pub(super) struct Binary<R>(pub(super) R);

/// Floating-point operand `i`; an integer one (the exponent of a power) is converted.
fn operand<'a, T: Element>(inputs: Inputs<'a, T>, i: usize) -> Result<Cow<'a, Tensor<T>>, OpError> {
    match inputs.value(i)? {
        Value::Int(t) => Ok(Cow::Owned(t.map(|&v| T::of(v as f64)))),
        _ => inputs.float(i).map(Cow::Borrowed),
    }
}

impl<R: Rule, T: Element> Op<T> for Binary<R> {
    fn infer(&self, inputs: &[Option<Fact>]) -> Result<Vec<Fact>, OpError> {
        let (a, b) = (inputs.need(0)?, inputs.need(1)?);
        let mixed = R::INTEGER_SECOND && a.dtype == DType::Float && b.dtype == DType::Int;
        if a.dtype == DType::Bool || (a.dtype != b.dtype && !mixed) {
            return Err(OpError::unsupported(format!("inputs of kinds {:?} and {:?}", a.dtype, b.dtype)));
        }
        let fact = broadcast::fact(&[a, b])?;
        if R::KEEPS_FIRST && fact.shape != a.shape {
            return Err(OpError::invalid(format!("shape {:?} does not broadcast to {:?}", b.shape, a.shape)));
        }
        Ok(vec![fact])
    }

    fn forward(&self, cx: &mut Forward<'_, T>) -> Result<(), OpError> {
        if let (Value::Int(a), Some(Value::Int(y))) = (cx.inputs.value(0)?, cx.outputs.first_mut()) {
            return integers::<R>(a, cx.inputs.ints(1)?, y);
        }
        let (a, b) = (cx.inputs.float(0)?, operand(cx.inputs, 1)?);
        let y = cx.output(0)?;
        let loops = Loops::new([a.shape(), b.shape()], y.shape());
        loops.each(|range, [pa, pb]| {
            let len = range.len();
            let (a, b) = (Run::new(a.data(), pa, len), Run::new(b.data(), pb, len));
            update2(&mut y.data_mut()[range], a, b, |y, a, b| *y = R::value(a, b));
        });
        Ok(())
    }

    fn backward(&self, cx: &mut Backward<'_, T>) -> Result<(), OpError> {
        let (a, b, dy) = (cx.inputs.float(0)?, operand(cx.inputs, 1)?, cx.grad_output()?);
        let shapes = [a.shape(), b.shape()];
        for i in 0..2 {
            broadcast::gradient(cx, (i, i), shapes, dy, |run, _, [pa, pb]| {
                let (a, b) = (Run::new(a.data(), pa, run.len()), Run::new(b.data(), pb, run.len()));
                match i {
                    0 => update2(run, a, b, |d, a, b| *d = R::to_first(*d, a, b)),
                    _ => update2(run, a, b, |d, a, b| *d = R::to_second(*d, a, b)),
                }
            });
        }
        Ok(())
    }

    fn enclose(&self, cx: &mut Enclose<'_>) -> Result<(), OpError> {
        let (a, b) = (cx.input(0)?, cx.input(1)?);
        let bounds = R::bounds(cx, a, b)?;
        cx.output(0, bounds);
        Ok(())
    }

    fn pointwise(&self) -> bool {
        true
    }
}

fn integers<R: Rule>(a: &Tensor<i64>, b: &Tensor<i64>, y: &mut Tensor<i64>) -> Result<(), OpError> {
    let loops = Loops::new([a.shape(), b.shape()], y.shape());
    let failed = std::cell::Cell::new(None);
    loops.each(|range, [pa, pb]| {
        let len = range.len();
        let (a, b) = (Run::new(a.data(), pa, len), Run::new(b.data(), pb, len));
        update2(&mut y.data_mut()[range], a, b, |y, a, b| match R::integer(a, b) {
            Some(value) => *y = value,
            None => failed.set(Some((a, b))),
        });
    });
    match failed.get() {
        Some((a, b)) => Err(OpError::invalid(format!("{a} and {b} have no integer result"))),
        None => Ok(()),
    }
}
