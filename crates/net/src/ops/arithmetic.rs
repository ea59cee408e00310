//! Arithmetic with broadcasting: `Add`, `Sub`, `Mul`, `Div`, `Pow`, and `PRelu`, whose slope is an input.

use std::sync::Arc;

use super::binary::{Binary, Rule};
use super::{Entry, Interval, Sample, SampleInput};
use crate::error::OpError;
use crate::interval::rounding::{ELEMENTARY, Error};
use crate::interval::{Bounds, Enclose};
use crate::onnx::attribute;
use crate::onnx::proto::{AttributeProto, data_type};
use crate::tensor::{Element, Tensor, Value};

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
    interval: Interval::Sound,
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

/// The box of an upper end that is as wide as both boxes together.
fn of_both_widths(cx: &mut Enclose<'_>, hi: &str, boxes: [&Bounds; 2], nonnegative: bool) -> Bounds {
    let [a, b] = boxes.map(|x| cx.width(x));
    let width = cx.append("Add", vec![], &[&a, &b]);
    cx.of_width(hi, &width, nonnegative)
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
        let nonnegative = a.nonnegative && b.nonnegative;
        let hi = cx.copy(&[&a.hi, &b.hi]);
        if cx.by_width() {
            return Ok(of_both_widths(cx, &hi, [&a, &b], nonnegative));
        }
        let sum = Bounds { nonnegative, ..Bounds::new(cx.copy(&[&a.lo, &b.lo]), hi) };
        Ok(rounded(cx, sum, 1.0))
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
        let hi = cx.copy(&[&a.hi, &b.lo]);
        if cx.by_width() {
            return Ok(of_both_widths(cx, &hi, [&a, &b], false));
        }
        let difference = Bounds::new(cx.copy(&[&a.lo, &b.hi]), hi);
        Ok(rounded(cx, difference, 1.0))
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
        if a.nonnegative && b.nonnegative {
            let (lo, hi) = (cx.copy(&[&a.lo, &b.lo]), cx.copy(&[&a.hi, &b.hi]));
            return Ok(rounded(cx, Bounds::nonnegative(lo, hi), 1.0));
        }
        Ok(corners(cx, &a, &b, 1.0))
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
        let corners = corners(cx, &a, &b, 1.0);
        if b.is_point() {
            return Ok(corners);
        }
        // Both ends of the divisor have the same sign, or nothing is known of the quotient.
        let product = cx.append("Mul", vec![], &[&b.lo, &b.hi]);
        let same_sign = cx.positive_part(&product);
        Ok(known_where(cx, &same_sign, corners))
    }
}

/// The box around the values at all corners of two boxes, each of which has an error of some units of itself.
fn corners(cx: &mut Enclose<'_>, a: &Bounds, b: &Bounds, units: f64) -> Bounds {
    let mut corners = vec![];
    for a in a.ends() {
        corners.extend(b.ends().iter().map(|b| cx.copy(&[a, b])));
    }
    let hull = cx.hull(&corners);
    rounded(cx, hull, units)
}

fn rounded(cx: &mut Enclose<'_>, bounds: Bounds, units: f64) -> Bounds {
    cx.rounded(bounds, |_| Error::relative(units))
}

/// The bounds where `condition` is not 0, and the whole line elsewhere.
fn known_where(cx: &mut Enclose<'_>, condition: &str, bounds: Bounds) -> Bounds {
    let condition = cx.append("Cast", to(data_type::BOOL), &[condition]);
    let [lo, hi] = [(bounds.lo, f32::NEG_INFINITY), (bounds.hi, f32::INFINITY)].map(|(end, unknown)| {
        let unknown = cx.constant(&Value::Float(Tensor::scalar(unknown)));
        cx.append("Where", vec![], &[&condition, &end, &unknown])
    });
    Bounds::new(lo, hi)
}

fn to(kind: i32) -> Vec<AttributeProto> {
    vec![attribute::int("to", i64::from(kind))]
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
    fn bounds(cx: &mut Enclose<'_>, a: Bounds, b: Bounds) -> Result<Bounds, OpError> {
        let ends = corners(cx, &a, &b, ELEMENTARY);
        if a.is_point() && b.is_point() {
            return Ok(ends);
        }
        if !b.is_point() {
            // On positive numbers a power is monotone in the base and in the exponent; elsewhere nothing is known.
            let positive = cx.positive_part(&a.lo);
            return Ok(known_where(cx, &positive, ends));
        }
        // One exponent: the only turning point is 0, at which negative exponents have their pole.
        let zero = cx.nearest(&a, 0.0);
        let turn = cx.copy(&[&zero, &b.lo]);
        let turn = rounded(cx, Bounds::point(turn), ELEMENTARY);
        let bounds = Bounds::new(
            cx.append("Min", vec![], &[&ends.lo, &turn.lo]),
            cx.append("Max", vec![], &[&ends.hi, &turn.hi]),
        );
        let exponent = cx.append("Cast", to(data_type::FLOAT), &[&b.lo]);
        let exponent = cx.positive_part(&exponent);
        let product = cx.append("Mul", vec![], &[&a.lo, &a.hi]);
        let same_sign = cx.positive_part(&product);
        let condition = cx.append("Add", vec![], &[&exponent, &same_sign]);
        Ok(known_where(cx, &condition, bounds))
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
        for slope in slope.ends() {
            corners.extend([cx.copy(&[&x.lo, slope]), cx.copy(&[&x.hi, slope])]);
        }
        let hull = cx.hull(&corners);
        Ok(rounded(cx, hull, 1.0))
    }
}
