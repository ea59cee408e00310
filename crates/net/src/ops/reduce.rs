//! Reductions over axes: `ReduceMean`, `ReduceSum`, `ReduceMax`. A reduction reads the loops of broadcasting backward:
//! its input is the output of broadcasting its output.

use std::sync::Arc;

use super::broadcast::{Loops, Place, Run, gather, update1};
use super::{Entry, Interval, Sample, SampleInput, axes};
use crate::error::OpError;
use crate::interval::Enclose;
use crate::onnx::proto::AttributeProto;
use crate::onnx::{Attributes, attribute};
use crate::op::{Backward, Fact, Facts, Forward, Op, Operator};
use crate::tensor::{DType, Element, Tensor, Value};

pub(super) static MEAN: Entry = Entry {
    name: "ReduceMean",
    parse: |a| parse(a, Kind::Mean, 18),
    attributes: &["axes", "keepdims", "noop_with_empty_axes"],
    trainable: &[],
    gradient: true,
    interval: Interval::Exact,
    samples: || samples(18),
};

pub(super) static SUM: Entry =
    Entry { name: "ReduceSum", parse: |a| parse(a, Kind::Sum, 13), samples: || samples(13), ..MEAN };

pub(super) static MAX: Entry = Entry { name: "ReduceMax", parse: |a| parse(a, Kind::Max, 18), ..MEAN };

/// Examples with the axes as attribute before operator set `input_since`, and as input from then on.
fn samples(input_since: i64) -> Vec<Sample> {
    use SampleInput as In;
    let drop = || attribute::int("keepdims", 0);
    let data = || In::data(&[3, 4, 2]);
    let given = |name, axes: &[i64], mut rest: Vec<AttributeProto>| {
        rest.push(attribute::ints("axes", axes));
        Sample::new(name, rest, vec![data()]).opset(input_since - 1)
    };
    vec![
        given("space", &[2, 3], vec![]),
        given("one axis, dropped", &[-2], vec![drop()]),
        given("not adjacent", &[1, -1], vec![]),
        Sample::new("axes as input", vec![drop()], vec![data(), In::ints(&[-1, -2])]).opset(input_since),
        Sample::new("no axes, no reduction", vec![attribute::int("noop_with_empty_axes", 1)], vec![data()])
            .opset(input_since),
    ]
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Mean,
    Sum,
    /// Where several elements are largest, the whole gradient goes to the first: one of the subgradients.
    Max,
}

fn parse(attributes: &Attributes<'_>, kind: Kind, input_since: i64) -> Result<Arc<dyn Operator>, OpError> {
    let from_input = attributes.opset() >= input_since;
    if from_input && attributes.has("axes") {
        return Err(OpError::invalid(format!("attribute `axes` in operator set {}", attributes.opset())));
    }
    if !from_input && attributes.has_input(1) {
        return Err(OpError::invalid(format!("axes as input in operator set {}", attributes.opset())));
    }
    Ok(Arc::new(Reduce {
        kind,
        axes: attributes.ints("axes")?.map(<[i64]>::to_vec),
        keep: attributes.flag("keepdims", true)?,
        noop: attributes.flag("noop_with_empty_axes", false)?,
    }))
}

#[derive(Debug)]
struct Reduce {
    kind: Kind,
    axes: Option<Vec<i64>>,
    keep: bool,
    noop: bool,
}

impl Reduce {
    /// For each axis whether it is reduced.
    fn marked(&self, given: Option<&[i64]>, rank: usize) -> Result<Vec<bool>, OpError> {
        match given.or(self.axes.as_deref()).unwrap_or(&[]) {
            [] => Ok(vec![!self.noop; rank]),
            axes => axes::marked(axes, rank),
        }
    }

    /// The shape of the result with all axes kept.
    fn kept<T>(&self, x: &[usize], axes: Option<&Value<T>>) -> Result<Vec<usize>, OpError> {
        let given = axes.and_then(Value::as_int).map(Tensor::data);
        let marked = self.marked(given, x.len())?;
        Ok(x.iter().zip(marked).map(|(&d, reduced)| if reduced { 1 } else { d }).collect())
    }
}

impl<T: Element> Op<T> for Reduce {
    fn infer(&self, inputs: &[Option<Fact>]) -> Result<Vec<Fact>, OpError> {
        let x = inputs.need(0)?;
        let given = inputs.given(1).map(|_| inputs.need_ints(1, "axes")).transpose()?;
        if x.dtype == DType::Bool || (x.dtype == DType::Int && self.kind == Kind::Mean) {
            return Err(OpError::unsupported(format!("input of kind {:?}", x.dtype)));
        }
        let marked = self.marked(given, x.shape.len())?;
        let axes = x.shape.iter().zip(&marked);
        let shape: Vec<usize> = match self.keep {
            true => axes.map(|(&d, &reduced)| if reduced { 1 } else { d }).collect(),
            false => axes.filter(|&(_, &reduced)| !reduced).map(|(&d, _)| d).collect(),
        };
        Ok(vec![x.reshaped(shape, x.batched && marked.first() == Some(&false))])
    }

    fn forward(&self, cx: &mut Forward<'_, T>) -> Result<(), OpError> {
        let kept = self.kept(cx.inputs.value(0)?.shape(), cx.inputs.get(1))?;
        if let (Value::Int(x), Some(Value::Int(y))) = (cx.inputs.value(0)?, cx.outputs.first_mut()) {
            self.integers(x, &kept, y);
            return Ok(());
        }
        let x = cx.inputs.float(0)?;
        let loops = Loops::new([&kept], x.shape());
        let y = cx.output(0)?.data_mut();
        if self.kind == Kind::Max {
            y.fill(T::neg_infinity());
            loops.each(|range, [place]| largest(y, place, &x.data()[range]));
            return Ok(());
        }
        y.fill(T::zero());
        loops.each(|range, [place]| gather(y, place, &x.data()[range]));
        if self.kind == Kind::Mean {
            let count = T::of((x.len() / y.len().max(1)) as f64);
            y.iter_mut().for_each(|y| *y /= count);
        }
        Ok(())
    }

    fn backward(&self, cx: &mut Backward<'_, T>) -> Result<(), OpError> {
        let (x, y, dy) = (cx.inputs.float(0)?, cx.outputs.float(0)?, cx.grad_output()?);
        let kept = self.kept(x.shape(), cx.inputs.get(1))?;
        let Some((dx, scratch)) = cx.input_and_scratch(0) else { return Ok(()) };
        let loops = Loops::new([&kept], x.shape());
        if self.kind == Kind::Max {
            // What no element has claimed yet.
            let mut rest = scratch.take(dy.len());
            rest.copy_from_slice(dy.data());
            loops.each(|range, [Place { at, step }]| {
                for (i, (dx, &x)) in dx[range.clone()].iter_mut().zip(&x.data()[range]).enumerate() {
                    let o = at + i * step;
                    *dx =
                        if x == y.data()[o] { std::mem::replace(&mut rest[o], T::zero()) } else { T::zero() };
                }
            });
            scratch.give(rest);
            return Ok(());
        }
        let count = if self.kind == Kind::Mean { x.len() / dy.len().max(1) } else { 1 };
        let share = T::one() / T::of(count as f64);
        loops.each(|range, [place]| {
            let dy = Run::new(dy.data(), place, range.len());
            update1(&mut dx[range], dy, |dx, dy| *dx = dy * share);
        });
        Ok(())
    }

    fn enclose(&self, cx: &mut Enclose<'_>) -> Result<(), OpError> {
        let nonnegative = cx.input(0)?.nonnegative;
        cx.monotone(nonnegative)?;
        if self.kind != Kind::Max {
            cx.round_output(|cx| {
                let magnitude = cx.copy_of_magnitudes();
                let n = cx.elements_per_input(0, &magnitude);
                cx.error_of_sum(magnitude, &n, 1.0, 1.0)
            });
        }
        Ok(())
    }
}

/// Raises what `y` holds at `place` to the elements of a run. A value that is not a number stays.
fn largest<E: PartialOrd + Copy>(y: &mut [E], place: Place, run: &[E]) {
    #[allow(clippy::eq_op, reason = "true for NaN alone")]
    let larger = |a: E, b: E| if b > a || b != b { b } else { a };
    match place.step {
        0 => y[place.at] = run.iter().fold(y[place.at], |a, &b| larger(a, b)),
        _ => y[place.at..place.at + run.len()].iter_mut().zip(run).for_each(|(y, &x)| *y = larger(*y, x)),
    }
}

impl Reduce {
    fn integers(&self, x: &Tensor<i64>, kept: &[usize], y: &mut Tensor<i64>) {
        let loops = Loops::new([kept], x.shape());
        let y = y.data_mut();
        y.fill(if self.kind == Kind::Max { i64::MIN } else { 0 });
        loops.each(|range, [place]| match self.kind {
            Kind::Max => largest(y, place, &x.data()[range]),
            _ => x.data()[range].iter().enumerate().for_each(|(i, &x)| {
                let y = &mut y[place.at + i * place.step];
                *y = y.wrapping_add(x);
            }),
        });
    }
}
