//! `Where`: a choice between two values, element by element with broadcasting.

use std::sync::Arc;

use super::broadcast::{self, Loops, Run, update2};
use super::{Entry, Interval, Sample, SampleInput};
use crate::error::OpError;
use crate::interval::{Bounds, Enclose};
use crate::op::{Backward, Fact, Facts, Forward, Op};
use crate::tensor::{DType, Element, Tensor, Value};

pub(super) static ENTRY: Entry = Entry {
    name: "Where",
    parse: |_| Ok(Arc::new(Where)),
    attributes: &[],
    trainable: &[],
    gradient: true,
    interval: Interval::Exact,
    samples,
};

fn samples() -> Vec<Sample> {
    use SampleInput as In;
    let mask = |shape: &[usize], bits: &[bool]| {
        Tensor::new(shape, bits.to_vec()).map_or(In::Absent, |t| In::Constant(Value::Bool(t)))
    };
    let row = || mask(&[3], &[true, false, true]);
    vec![
        Sample::new("mask of the last axis", vec![], vec![row(), In::data(&[2, 3]), In::scalar(-3.0)]),
        Sample::new("two of data", vec![], vec![row(), In::data(&[3]), In::data(&[3])]),
        Sample::new(
            "data broadcast",
            vec![],
            vec![mask(&[1, 2, 1], &[false, true]), In::data(&[1, 3]), In::data(&[2, 1])],
        ),
    ]
}

#[derive(Debug)]
struct Where;

fn choose<E: Copy>(c: &Tensor<bool>, x: &Tensor<E>, y: &Tensor<E>, output: &mut Tensor<E>) {
    let loops = Loops::new([c.shape(), x.shape(), y.shape()], output.shape());
    loops.each(|range, [pc, px, py]| {
        let len = range.len();
        let (c, x) = (Run::new(c.data(), pc, len), Run::new(x.data(), px, len));
        let output = &mut output.data_mut()[range];
        match Run::new(y.data(), py, len) {
            Run::Each(y) => output.copy_from_slice(y),
            Run::One(y) => output.fill(y),
        }
        update2(output, c, x, |o, c, x| *o = if c { x } else { *o });
    });
}

impl<T: Element> Op<T> for Where {
    fn infer(&self, inputs: &[Option<Fact>]) -> Result<Vec<Fact>, OpError> {
        let (c, x, y) = (inputs.need(0)?, inputs.need(1)?, inputs.need(2)?);
        if c.dtype != DType::Bool || x.dtype != y.dtype {
            return Err(OpError::invalid(format!("kinds {:?}, {:?} and {:?}", c.dtype, x.dtype, y.dtype)));
        }
        Ok(vec![Fact { dtype: x.dtype, ..broadcast::fact(&[c, x, y])? }])
    }

    fn forward(&self, cx: &mut Forward<'_, T>) -> Result<(), OpError> {
        let (inputs, c) = (cx.inputs, cx.inputs.bools(0)?);
        match cx.outputs.first_mut() {
            Some(Value::Float(o)) => choose(c, inputs.float(1)?, inputs.float(2)?, o),
            Some(Value::Int(o)) => choose(c, inputs.ints(1)?, inputs.ints(2)?, o),
            Some(Value::Bool(o)) => choose(c, inputs.bools(1)?, inputs.bools(2)?, o),
            None => {}
        }
        Ok(())
    }

    fn backward(&self, cx: &mut Backward<'_, T>) -> Result<(), OpError> {
        let (c, dy) = (cx.inputs.bools(0)?, cx.grad_output()?);
        for (i, taken) in [(1, true), (2, false)] {
            let x = cx.inputs.float(i)?;
            broadcast::gradient(cx, (i, 1), [c.shape(), x.shape()], dy, |run, _, [place, _]| {
                let c = Run::new(c.data(), place, run.len());
                broadcast::update1(run, c, |d, c| {
                    if c != taken {
                        *d = T::zero();
                    }
                });
            });
        }
        Ok(())
    }

    fn enclose(&self, cx: &mut Enclose<'_>) -> Result<(), OpError> {
        let (c, x, y) = (cx.input(0)?, cx.input(1)?, cx.input(2)?);
        let [lo, hi] = [("Min", &x.lo, &y.lo), ("Max", &x.hi, &y.hi)].map(|(op, x, y)| {
            if c.is_point() {
                return cx.copy(&[&c.lo, x, y]);
            }
            // Where the condition is possible and not certain, either may come.
            let either = cx.append(op, vec![], &[x, y]);
            let possible = cx.copy(&[&c.lo, x, &either]);
            cx.copy(&[&c.hi, &possible, y])
        });
        cx.output(0, Bounds { nonnegative: x.nonnegative && y.nonnegative, ..Bounds::new(lo, hi) });
        Ok(())
    }
}
