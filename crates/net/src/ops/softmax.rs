//! `Softmax` and `LogSoftmax`. Before operator set 13 they run over all axes from `axis` on, later over one axis.

use std::sync::Arc;

use super::{Entry, Interval, Sample, SampleInput, axes};
use crate::error::OpError;
use crate::interval::{Bounds, Enclose};
use crate::onnx::{Attributes, attribute};
use crate::op::{Backward, Fact, Facts, Forward, Op, Operator};
use crate::tensor::Element;

pub(super) static SOFTMAX: Entry = Entry {
    name: "Softmax",
    parse: |a| parse(a, false),
    attributes: &["axis"],
    trainable: &[],
    gradient: true,
    interval: Interval::Exact,
    samples,
};

pub(super) static LOG_SOFTMAX: Entry = Entry { name: "LogSoftmax", parse: |a| parse(a, true), ..SOFTMAX };

fn samples() -> Vec<Sample> {
    let data = || vec![SampleInput::data(&[3, 4, 2])];
    vec![
        Sample::new("last axis", vec![], data()),
        Sample::new("channels", vec![attribute::int("axis", 1)], data()),
        Sample::new("large logits", vec![], vec![SampleInput::data_in(&[5], -60.0, 60.0)]),
        Sample::new("one class", vec![], vec![SampleInput::data(&[2, 1])]),
        Sample::new("all axes, older operator set", vec![], data()).opset(11),
        Sample::new("two axes, older operator set", vec![attribute::int("axis", -2)], data()).opset(12),
    ]
}

fn parse(attributes: &Attributes<'_>, log: bool) -> Result<Arc<dyn Operator>, OpError> {
    let flat = attributes.opset() < 13;
    Ok(Arc::new(Softmax { log, flat, axis: attributes.axis(if flat { 1 } else { -1 })? }))
}

#[derive(Debug)]
struct Softmax {
    log: bool,
    /// All axes from `axis` on as one.
    flat: bool,
    axis: i64,
}

impl Softmax {
    /// Number of classes, and how far they lie apart.
    fn layout(&self, shape: &[usize]) -> Result<(usize, usize), OpError> {
        let axis = axes::axis(self.axis, shape.len())?;
        let behind = |axis: usize| shape[axis..].iter().product();
        Ok(if self.flat { (behind(axis), 1) } else { (shape[axis], behind(axis + 1)) })
    }
}

impl<T: Element> Op<T> for Softmax {
    fn infer(&self, inputs: &[Option<Fact>]) -> Result<Vec<Fact>, OpError> {
        let x = inputs.need(0)?;
        let batched = x.batched && axes::axis(self.axis, x.shape.len())? > 0;
        Ok(vec![x.reshaped(x.shape.clone(), batched)])
    }

    fn forward(&self, cx: &mut Forward<'_, T>) -> Result<(), OpError> {
        let x = cx.inputs.float(0)?;
        let (classes, inner) = self.layout(x.shape())?;
        if x.is_empty() {
            return Ok(());
        }
        let (y, scratch) = cx.output_and_scratch(0)?;
        let (mut max, mut sum) = (scratch.take(inner), scratch.take(inner));
        let blocks =
            y.data_mut().chunks_exact_mut(classes * inner).zip(x.data().chunks_exact(classes * inner));
        for (y, x) in blocks {
            max.fill(T::neg_infinity());
            for x in x.chunks_exact(inner) {
                max.iter_mut().zip(x).for_each(|(m, &x)| *m = m.max(x));
            }
            sum.fill(T::zero());
            for (y, x) in y.chunks_exact_mut(inner).zip(x.chunks_exact(inner)) {
                for (((y, &x), &m), s) in y.iter_mut().zip(x).zip(&max).zip(&mut sum) {
                    let e = (x - m).exp();
                    *s += e;
                    *y = if self.log { x - m } else { e };
                }
            }
            if self.log {
                sum.iter_mut().for_each(|s| *s = s.ln());
            }
            for y in y.chunks_exact_mut(inner) {
                y.iter_mut().zip(&sum).for_each(|(y, &s)| if self.log { *y -= s } else { *y /= s });
            }
        }
        scratch.give(max);
        scratch.give(sum);
        Ok(())
    }

    fn backward(&self, cx: &mut Backward<'_, T>) -> Result<(), OpError> {
        let (y, dy) = (cx.outputs.float(0)?, cx.grad_output()?);
        let (classes, inner) = self.layout(y.shape())?;
        let Some((dx, scratch)) = cx.input_and_scratch(0).filter(|_| !y.is_empty()) else { return Ok(()) };
        let mut sum = scratch.take(inner);
        let block = classes * inner;
        let blocks = y.data().chunks_exact(block).zip(dy.data().chunks_exact(block));
        for (dx, (y, dy)) in dx.chunks_exact_mut(block).zip(blocks) {
            sum.fill(T::zero());
            for (y, dy) in y.chunks_exact(inner).zip(dy.chunks_exact(inner)) {
                for ((s, &y), &dy) in sum.iter_mut().zip(y).zip(dy) {
                    *s += if self.log { dy } else { y * dy };
                }
            }
            let rows = y.chunks_exact(inner).zip(dy.chunks_exact(inner));
            for (dx, (y, dy)) in dx.chunks_exact_mut(inner).zip(rows) {
                for (((dx, &y), &dy), &s) in dx.iter_mut().zip(y).zip(dy).zip(&sum) {
                    *dx = if self.log { dy - y.exp() * s } else { y * (dy - s) };
                }
            }
        }
        scratch.give(sum);
        Ok(())
    }

    /// An element grows with its own logit and falls with all others: each bound is attained at a corner.
    fn enclose(&self, cx: &mut Enclose<'_>) -> Result<(), OpError> {
        let x = cx.input(0)?;
        let flatten = |cx: &mut Enclose<'_>, x: Bounds| match self.flat {
            true => cx.apply("Flatten", vec![attribute::int("axis", self.axis)], &[&x]),
            false => Ok(x),
        };
        let logits = flatten(cx, x.clone())?;
        let (lo, hi) = (Bounds::point(&logits.lo), Bounds::point(&logits.hi));
        let lo = self.at_corner(cx, &lo, &hi)?;
        let hi = if x.is_point() { lo.clone() } else { self.at_corner(cx, &hi, &Bounds::point(&logits.lo))? };
        let mut bounds = Bounds { nonnegative: !self.log, ..Bounds::new(lo.lo, hi.hi) };
        if self.flat {
            let shape = Bounds::point(cx.append("Shape", vec![], &[&x.lo]));
            bounds = cx.apply("Reshape", vec![], &[&bounds, &shape])?;
        }
        cx.output(0, bounds);
        Ok(())
    }
}

/// A logit that adds nothing to a sum of exponentials.
const NOTHING: f64 = -3e38;

impl Softmax {
    /// Every element at the corner where its own logit is `own` and all the others are `others`, as
    /// `logistic(own - log sum_(others but its own) e^other)`.
    ///
    /// The sum without one term is the whole minus that term, but for a term that is larger than all others: there it
    /// would lose what the others add, and is summed up again without it.
    fn at_corner(&self, cx: &mut Enclose<'_>, own: &Bounds, others: &Bounds) -> Result<Bounds, OpError> {
        let axis = [if self.flat { 1 } else { self.axis }];
        let sum = |cx: &mut Enclose<'_>, x: &Bounds| cx.reduce("ReduceSum", &axis, x);
        let most = cx.reduce("ReduceMax", &axis, others)?;
        let below = cx.append("Sub", vec![], &[&others.lo, &most.lo]);
        let below = Bounds::point(cx.append("Cast", vec![attribute::to_bool()], &[&below]));
        let [nothing, zero, one] = [NOTHING, 0.0, 1.0].map(|v| Bounds::point(cx.number(v)));

        let shifted = cx.apply("Sub", vec![], &[others, &most])?;
        let terms = cx.apply("Exp", vec![], &[&shifted])?;
        let all = sum(cx, &terms)?;
        let without = cx.apply("Sub", vec![], &[&all, &terms])?;

        let rest = cx.apply("Where", vec![], &[&below, others, &nothing])?;
        let most_of_rest = cx.reduce("ReduceMax", &axis, &rest)?;
        let shifted = cx.apply("Sub", vec![], &[&rest, &most_of_rest])?;
        let terms = cx.apply("Exp", vec![], &[&shifted])?;
        let sum_of_rest = sum(cx, &terms)?;

        // Zero at a term that alone is the largest.
        let largest = cx.append("Where", vec![], &[&below.lo, &zero.lo, &one.lo]);
        let ties = cx.reduce_exactly("ReduceSum", &axis, &largest);
        let ties = cx.append("Sub", vec![], &[&ties, &one.lo]);
        let several = cx.append("Where", vec![], &[&below.lo, &one.lo, &ties]);
        let several = Bounds::point(cx.append("Cast", vec![attribute::to_bool()], &[&several]));

        let sum = cx.apply("Where", vec![], &[&several, &without, &sum_of_rest])?;
        let shift = cx.apply("Where", vec![], &[&several, &most, &most_of_rest])?;
        let log = cx.apply("Log", vec![], &[&sum])?;
        let ahead = cx.apply("Sub", vec![], &[own, &shift])?;
        if !self.log {
            let odds = cx.apply("Sub", vec![], &[&ahead, &log])?;
            return cx.apply("Sigmoid", vec![], &[&odds]);
        }
        let behind = cx.apply("Sub", vec![], &[&log, &ahead])?;
        let loss = cx.apply("Softplus", vec![], &[&behind])?;
        cx.apply("Neg", vec![], &[&loss])
    }
}
