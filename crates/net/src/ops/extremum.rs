//! `Min` and `Max` of any number of inputs, with broadcasting.

use std::fmt::Debug;
use std::sync::Arc;

use super::broadcast::{self, Loops, Run, update1};
use super::{Entry, Interval, Sample, SampleInput};
use crate::error::OpError;
use crate::interval::{Bounds, Enclose};
use crate::op::{Backward, Fact, Forward, Op};
use crate::tensor::{DType, Element, Tensor, Value};

pub(super) static MIN: Entry = Entry {
    name: "Min",
    parse: |_| Ok(Arc::new(Extremum { largest: false })),
    attributes: &[],
    trainable: &[],
    gradient: true,
    interval: Interval::Exact,
    samples,
};

pub(super) static MAX: Entry =
    Entry { name: "Max", parse: |_| Ok(Arc::new(Extremum { largest: true })), ..MIN };

fn samples() -> Vec<Sample> {
    use SampleInput as In;
    vec![
        Sample::new("data and a number", vec![], vec![In::data(&[3, 4]), In::scalar(0.25)]),
        Sample::new("two of data", vec![], vec![In::data(&[3, 4]), In::data(&[3, 4])]),
        Sample::new("three", vec![], vec![In::data(&[3, 1]), In::floats(&[0.5, -1.0]), In::data(&[1, 2])]),
        Sample::new("one", vec![], vec![In::data(&[3])]),
    ]
}

/// Where several inputs reach the extreme value, the whole gradient goes to the first: one of the subgradients.
#[derive(Debug)]
struct Extremum {
    largest: bool,
}

impl Extremum {
    /// Whether `b` takes the place of `a`. A value that is not a number stays or wins.
    fn wins<E: PartialOrd>(&self, a: &E, b: &E) -> bool {
        #[allow(clippy::eq_op, reason = "true for NaN alone")]
        let not_a_number = b != b;
        (if self.largest { b > a } else { b < a }) || not_a_number
    }

    fn reduce<E: PartialOrd + Copy>(&self, inputs: &[&Tensor<E>], y: &mut Tensor<E>) {
        for (i, x) in inputs.iter().enumerate() {
            let loops = Loops::new([x.shape()], y.shape());
            loops.each(|range, [place]| {
                let x = Run::new(x.data(), place, range.len());
                let y = &mut y.data_mut()[range];
                match i {
                    0 => update1(y, x, |y, x| *y = x),
                    _ => update1(y, x, |y, x| *y = if self.wins(y, &x) { x } else { *y }),
                }
            });
        }
    }
}

impl<T: Element> Op<T> for Extremum {
    fn infer(&self, inputs: &[Option<Fact>]) -> Result<Vec<Fact>, OpError> {
        let operands: Vec<&Fact> = inputs
            .iter()
            .map(|f| f.as_ref().ok_or_else(|| OpError::invalid("an input is missing")))
            .collect::<Result<_, _>>()?;
        let fact = broadcast::fact(&operands)?;
        if fact.dtype == DType::Bool || operands.iter().any(|f| f.dtype != fact.dtype) {
            return Err(OpError::invalid("inputs must be numbers of one kind"));
        }
        Ok(vec![fact])
    }

    fn forward(&self, cx: &mut Forward<'_, T>) -> Result<(), OpError> {
        let inputs = cx.inputs;
        match cx.outputs.first_mut() {
            Some(Value::Float(y)) => {
                let x: Vec<_> = (0..inputs.len()).map(|i| inputs.float(i)).collect::<Result<_, _>>()?;
                self.reduce(&x, y);
            }
            Some(Value::Int(y)) => {
                let x: Vec<_> = (0..inputs.len()).map(|i| inputs.ints(i)).collect::<Result<_, _>>()?;
                self.reduce(&x, y);
            }
            _ => return Err(OpError::invalid("the output is not a number")),
        }
        Ok(())
    }

    fn backward(&self, cx: &mut Backward<'_, T>) -> Result<(), OpError> {
        let (y, dy) = (cx.outputs.float(0)?, cx.grad_output()?);
        // What no input has claimed yet.
        let mut rest = dy.clone();
        for i in 0..cx.inputs.len() {
            let x = cx.inputs.float(i)?;
            let reached = |range: std::ops::Range<usize>, place, run: &mut [T], keep: bool| {
                let x = Run::new(x.data(), place, run.len());
                let y = Run::Each(&y.data()[range]);
                broadcast::update2(run, x, y, |d, x, y| {
                    if (x == y) != keep {
                        *d = T::zero();
                    }
                });
            };
            broadcast::gradient(cx, (i, 0), [x.shape()], &rest, |run, range, [place]| {
                reached(range, place, run, true);
            });
            if i + 1 < cx.inputs.len() {
                Loops::new([x.shape()], y.shape()).each(|range, [place]| {
                    reached(range.clone(), place, &mut rest.data_mut()[range], false);
                });
            }
        }
        Ok(())
    }

    fn enclose(&self, cx: &mut Enclose<'_>) -> Result<(), OpError> {
        let inputs: Vec<Bounds> = (0..cx.inputs()).map(|i| cx.input(i)).collect::<Result<_, _>>()?;
        let ends = |end: fn(&Bounds) -> &str| inputs.iter().map(end).collect::<Vec<_>>();
        let (lo, hi) = (cx.copy(&ends(|b| &b.lo)), cx.copy(&ends(|b| &b.hi)));
        let nonnegative = match self.largest {
            true => inputs.iter().any(|b| b.nonnegative),
            false => inputs.iter().all(|b| b.nonnegative),
        };
        cx.output(0, Bounds { nonnegative, ..Bounds::new(lo, hi) });
        Ok(())
    }

    fn pointwise(&self) -> bool {
        true
    }
}
