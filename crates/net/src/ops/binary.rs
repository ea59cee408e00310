//! Functions of two values, element by element with broadcasting: `Add`, `Sub`, `Mul`, `Div`, `Pow`, `PRelu`.

use std::borrow::Cow;
use std::fmt::Debug;
use std::sync::Arc;

use super::broadcast::{self, Loops, Run, update2};
use super::{Entry, Interval, Sample, SampleInput};
use crate::error::OpError;
use crate::interval::{Bounds, Enclose};
use crate::onnx::attribute;
use crate::onnx::proto::data_type;
use crate::op::{Backward, Fact, Facts, Forward, Inputs, Op};
use crate::tensor::{DType, Element, Tensor, Value};

pub(super) static ADD: Entry = Entry {
    name: "Add",
    parse: |_| Ok(Arc::new(Binary(Add))),
    attributes: &[],
    trainable: &[0, 1],
    gradient: true,
    interval: Interval::Exact,
    samples: || arithmetic(-2.0, 2.0),
};

// Initialisers of `Sub` and `Div` are constants: they shift and scale inputs to the range that a network expects.
pub(super) static SUB: Entry =
    Entry { name: "Sub", parse: |_| Ok(Arc::new(Binary(Sub))), trainable: &[], ..ADD };

pub(super) static MUL: Entry = Entry { name: "Mul", parse: |_| Ok(Arc::new(Binary(Mul))), ..ADD };

pub(super) static DIV: Entry = Entry {
    name: "Div",
    parse: |_| Ok(Arc::new(Binary(Div))),
    trainable: &[],
    samples: || arithmetic(0.5, 2.0),
    ..ADD
};

pub(super) static POW: Entry = Entry {
    name: "Pow",
    parse: |_| Ok(Arc::new(Binary(Pow))),
    trainable: &[],
    interval: Interval::None,
    samples: || {
        let mut samples = arithmetic(0.5, 2.0);
        let data = || SampleInput::data(&[3, 4]);
        samples.push(Sample::new("square", vec![], vec![data(), SampleInput::scalar(2.0)]));
        samples.push(Sample::new("integer exponent", vec![], vec![data(), SampleInput::ints(&[3])]));
        samples
    },
    ..ADD
};

pub(super) static PRELU: Entry = Entry {
    name: "PRelu",
    parse: |_| Ok(Arc::new(Binary(PRelu))),
    trainable: &[1],
    samples: || {
        let inputs = |slope: &[usize]| vec![SampleInput::data(&[3, 4, 2]), SampleInput::weight(slope)];
        vec![
            Sample::new("slope for each channel", vec![], inputs(&[3, 1, 1])),
            Sample::new("one slope", vec![], inputs(&[1])),
        ]
    },
    ..ADD
};

fn arithmetic(low: f64, high: f64) -> Vec<Sample> {
    let data = |shape: &[usize]| SampleInput::data_in(shape, low, high);
    let weight = |shape: &[usize]| SampleInput::weight_in(shape, low, high);
    let sample = |name, a, b| Sample::new(name, vec![], vec![a, b]);
    vec![
        sample("same shape", data(&[2, 3]), data(&[2, 3])),
        sample("channels", data(&[3, 2, 4]), weight(&[3, 1, 1])),
        sample("last axis", data(&[5, 3]), weight(&[3])),
        sample("weight first", weight(&[1, 3, 1]), data(&[3, 9])),
        sample("data broadcast both ways", data(&[3, 1, 2]), data(&[1, 4, 2])),
        sample("higher rank", data(&[2, 3]), weight(&[1, 2, 3])),
        sample("number", data(&[4]), SampleInput::scalar(1.5)),
    ]
}

/// A function of two numbers.
trait Rule: Debug + Send + Sync + 'static {
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
struct Add;

impl Rule for Add {
    fn value<T: Element>(a: T, b: T) -> T {
        a + b
    }
    fn integer(a: i64, b: i64) -> Option<i64> {
        a.checked_add(b)
    }
    fn to_first<T: Element>(dy: T, _: T, _: T) -> T {
        dy
    }
    fn to_second<T: Element>(dy: T, _: T, _: T) -> T {
        dy
    }
    fn bounds(cx: &mut Enclose<'_>, a: Bounds, b: Bounds) -> Result<Bounds, OpError> {
        let (lo, hi) = (cx.copy(&[&a.lo, &b.lo]), cx.copy(&[&a.hi, &b.hi]));
        Ok(Bounds { nonnegative: a.nonnegative && b.nonnegative, ..Bounds::new(lo, hi) })
    }
}

#[derive(Debug)]
struct Sub;

impl Rule for Sub {
    fn value<T: Element>(a: T, b: T) -> T {
        a - b
    }
    fn integer(a: i64, b: i64) -> Option<i64> {
        a.checked_sub(b)
    }
    fn to_first<T: Element>(dy: T, _: T, _: T) -> T {
        dy
    }
    fn to_second<T: Element>(dy: T, _: T, _: T) -> T {
        -dy
    }
    fn bounds(cx: &mut Enclose<'_>, a: Bounds, b: Bounds) -> Result<Bounds, OpError> {
        Ok(Bounds::new(cx.copy(&[&a.lo, &b.hi]), cx.copy(&[&a.hi, &b.lo])))
    }
}

#[derive(Debug)]
struct Mul;

impl Rule for Mul {
    fn value<T: Element>(a: T, b: T) -> T {
        a * b
    }
    fn integer(a: i64, b: i64) -> Option<i64> {
        a.checked_mul(b)
    }
    fn to_first<T: Element>(dy: T, _: T, b: T) -> T {
        dy * b
    }
    fn to_second<T: Element>(dy: T, a: T, _: T) -> T {
        dy * a
    }
    fn bounds(cx: &mut Enclose<'_>, a: Bounds, b: Bounds) -> Result<Bounds, OpError> {
        let nonnegative = a.nonnegative && b.nonnegative;
        let mut corners = vec![cx.copy(&[&a.lo, &b.lo]), cx.copy(&[&a.hi, &b.hi])];
        if !nonnegative && !a.is_point() && !b.is_point() {
            corners.extend([cx.copy(&[&a.lo, &b.hi]), cx.copy(&[&a.hi, &b.lo])]);
        }
        Ok(Bounds { nonnegative, ..hull(cx, &corners) })
    }
}

#[derive(Debug)]
struct Div;

impl Rule for Div {
    fn value<T: Element>(a: T, b: T) -> T {
        a / b
    }
    fn integer(a: i64, b: i64) -> Option<i64> {
        a.checked_div(b)
    }
    fn to_first<T: Element>(dy: T, _: T, b: T) -> T {
        dy / b
    }
    fn to_second<T: Element>(dy: T, a: T, b: T) -> T {
        -dy * (a / b) / b
    }
    fn bounds(cx: &mut Enclose<'_>, a: Bounds, b: Bounds) -> Result<Bounds, OpError> {
        if b.is_point() {
            let ends = [cx.copy(&[&a.lo, &b.lo]), cx.copy(&[&a.hi, &b.lo])];
            return Ok(hull(cx, &ends));
        }
        let mut corners = vec![];
        for a in if a.is_point() { vec![&a.lo] } else { vec![&a.lo, &a.hi] } {
            corners.extend([cx.copy(&[a, &b.lo]), cx.copy(&[a, &b.hi])]);
        }
        let corners = hull(cx, &corners);
        // Both ends of the divisor have the same sign, or nothing is known of the quotient.
        let product = cx.append("Mul", vec![], &[&b.lo, &b.hi]);
        let same_sign = cx.positive_part(&product);
        let to = attribute::int("to", i64::from(data_type::BOOL));
        let same_sign = cx.append("Cast", vec![to], &[&same_sign]);
        let [lo, hi] =
            [(corners.lo, f32::NEG_INFINITY), (corners.hi, f32::INFINITY)].map(|(end, unknown)| {
                let unknown = cx.constant(&Value::Float(Tensor::scalar(unknown)));
                cx.append("Where", vec![], &[&same_sign, &end, &unknown])
            });
        Ok(Bounds::new(lo, hi))
    }
}

/// The box around some corners.
fn hull(cx: &mut Enclose<'_>, corners: &[String]) -> Bounds {
    let corners: Vec<&str> = corners.iter().map(String::as_str).collect();
    Bounds::new(cx.append("Min", vec![], &corners), cx.append("Max", vec![], &corners))
}

#[derive(Debug)]
struct Pow;

/// `a^b`, with the exponents that networks use done exactly.
fn power<T: Element>(a: T, b: T) -> T {
    if b == T::of(2.0) {
        a * a
    } else if b == T::one() {
        a
    } else {
        a.powf(b)
    }
}

impl Rule for Pow {
    const INTEGER_SECOND: bool = true;

    fn value<T: Element>(a: T, b: T) -> T {
        power(a, b)
    }
    fn integer(a: i64, b: i64) -> Option<i64> {
        a.checked_pow(u32::try_from(b).ok()?)
    }
    fn to_first<T: Element>(dy: T, a: T, b: T) -> T {
        if b == T::zero() { T::zero() } else { dy * b * power(a, b - T::one()) }
    }
    fn to_second<T: Element>(dy: T, a: T, b: T) -> T {
        // 0^b stays 0 however b moves.
        if a == T::zero() && b >= T::zero() { T::zero() } else { dy * power(a, b) * a.ln() }
    }
    fn bounds(_: &mut Enclose<'_>, _: Bounds, _: Bounds) -> Result<Bounds, OpError> {
        Err(OpError::unsupported("interval reading"))
    }
}

#[derive(Debug)]
struct PRelu;

impl Rule for PRelu {
    const KEEPS_FIRST: bool = true;

    fn value<T: Element>(x: T, slope: T) -> T {
        if x < T::zero() { slope * x } else { x }
    }
    fn integer(x: i64, slope: i64) -> Option<i64> {
        if x < 0 { x.checked_mul(slope) } else { Some(x) }
    }
    fn to_first<T: Element>(dy: T, x: T, slope: T) -> T {
        if x > T::zero() { dy } else { dy * slope }
    }
    fn to_second<T: Element>(dy: T, x: T, _: T) -> T {
        if x < T::zero() { dy * x } else { T::zero() }
    }
    fn bounds(cx: &mut Enclose<'_>, x: Bounds, slope: Bounds) -> Result<Bounds, OpError> {
        // Linear on each side of 0 and in the slope: the extremes lie at the corners, and at 0 if the box holds it.
        let zero = cx.nearest(&x, 0.0);
        let mut corners = vec![cx.copy(&[&zero, &slope.lo])];
        for slope in if slope.is_point() { vec![&slope.lo] } else { vec![&slope.lo, &slope.hi] } {
            corners.extend([cx.copy(&[&x.lo, slope]), cx.copy(&[&x.hi, slope])]);
        }
        Ok(hull(cx, &corners))
    }
}

#[derive(Debug)]
struct Binary<R>(R);

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
