//! Elementwise functions of one input: each is a [`Function`], and all share their readings.

use std::fmt::Debug;
use std::sync::Arc;

use super::{Entry, Interval, Sample, SampleInput};
use crate::error::OpError;
use crate::interval::{Bounds, Enclose};
use crate::onnx::{Attributes, attribute};
use crate::op::{Backward, Fact, Facts, Forward, Op, Operator};
use crate::tensor::{DType, Element, Value};

/// A function of one number.
pub(super) trait Function: Debug + Send + Sync + 'static {
    fn value<T: Element>(&self, x: T) -> T;
    /// The derivative at `x`, where the function has the value `y`. At a kink one of the two slopes.
    fn slope<T: Element>(&self, x: T, y: T) -> T;
    fn course(&self) -> Course;
    /// The value for an integer; `None` where the operator takes no integers.
    fn integer(&self) -> Option<fn(i64) -> i64> {
        None
    }
}

/// How a function runs: its extremes over a box follow from it.
#[derive(Clone, Copy, Debug)]
pub(super) enum Course {
    /// It never falls.
    Rising,
    /// It never falls, and no value is negative.
    RisingFromZero,
    /// It never rises.
    Falling,
    /// It never rises before this point and never falls behind it.
    Valley(f64),
    /// The same, and no value is negative.
    ValleyFromZero(f64),
}

fn course(cx: &mut Enclose<'_>, course: Course) -> Result<(), OpError> {
    let bottom = match course {
        Course::Rising => return cx.monotone(false),
        Course::RisingFromZero => return cx.monotone(true),
        Course::Falling => None,
        Course::Valley(at) | Course::ValleyFromZero(at) => Some(at),
    };
    let x = cx.input(0)?;
    let (at_lo, at_hi) = (cx.copy(&[&x.lo]), cx.copy(&[&x.hi]));
    let bounds = match bottom {
        None => Bounds::new(at_hi, at_lo),
        Some(bottom) => {
            let lowest = cx.nearest(&x, bottom);
            Bounds::new(cx.copy(&[&lowest]), cx.append("Max", vec![], &[&at_lo, &at_hi]))
        }
    };
    let nonnegative = matches!(course, Course::ValleyFromZero(_));
    cx.output(0, Bounds { nonnegative, ..bounds });
    Ok(())
}

#[derive(Debug)]
pub(super) struct Unary<F>(pub(super) F);

impl<F: Function, T: Element> Op<T> for Unary<F> {
    fn infer(&self, inputs: &[Option<Fact>]) -> Result<Vec<Fact>, OpError> {
        let x = inputs.need(0)?;
        match x.dtype {
            DType::Float => {}
            DType::Int if self.0.integer().is_some() => {}
            other => return Err(OpError::unsupported(format!("input of kind {other:?}"))),
        }
        Ok(vec![x.same()])
    }

    fn forward(&self, cx: &mut Forward<'_, T>) -> Result<(), OpError> {
        if let (Value::Int(x), Some(Value::Int(y)), Some(f)) =
            (cx.inputs.value(0)?, cx.outputs.first_mut(), self.0.integer())
        {
            y.data_mut().iter_mut().zip(x.data()).for_each(|(y, &x)| *y = f(x));
            return Ok(());
        }
        let x = cx.inputs.float(0)?;
        cx.output(0)?.data_mut().iter_mut().zip(x.data()).for_each(|(y, &x)| *y = self.0.value(x));
        Ok(())
    }

    fn backward(&self, cx: &mut Backward<'_, T>) -> Result<(), OpError> {
        let (x, y, dy) = (cx.inputs.float(0)?, cx.outputs.float(0)?, cx.grad_output()?);
        if let Some(dx) = cx.input(0) {
            let points = x.data().iter().zip(y.data()).zip(dy.data());
            for (dx, ((&x, &y), &dy)) in dx.iter_mut().zip(points) {
                *dx = dy * self.0.slope(x, y);
            }
        }
        Ok(())
    }

    fn enclose(&self, cx: &mut Enclose<'_>) -> Result<(), OpError> {
        course(cx, self.0.course())
    }
}

/// The line of a function without attributes.
pub(super) const fn line(
    name: &'static str,
    parse: fn(&Attributes<'_>) -> Result<Arc<dyn Operator>, OpError>,
) -> Entry {
    Entry {
        name,
        parse,
        attributes: &[],
        trainable: &[],
        gradient: true,
        interval: Interval::Exact,
        samples: signs,
    }
}

/// Values on both sides of 0.
pub(super) fn signs() -> Vec<Sample> {
    vec![with("both signs", vec![])]
}

fn with(name: &'static str, attributes: Vec<crate::onnx::proto::AttributeProto>) -> Sample {
    Sample::new(name, attributes, vec![SampleInput::data_in(&[3, 4, 2], -4.0, 4.0)])
}

pub(super) static RELU: Entry = line("Relu", |_| Ok(Arc::new(Unary(Relu))));

pub(super) static LEAKY_RELU: Entry = Entry {
    attributes: &["alpha"],
    samples: || {
        let alpha = |a| vec![attribute::float("alpha", a)];
        vec![with("default", vec![]), with("alpha", alpha(0.2)), with("falling", alpha(-0.3))]
    },
    ..line("LeakyRelu", |a| Ok(Arc::new(Unary(LeakyRelu { alpha: a.float("alpha", 0.01)? }))))
};

pub(super) static ELU: Entry = Entry {
    attributes: &["alpha"],
    samples: || {
        let alpha = |a| vec![attribute::float("alpha", a)];
        vec![with("default", vec![]), with("alpha", alpha(0.5)), with("falling", alpha(-0.5))]
    },
    ..line("Elu", |a| Ok(Arc::new(Unary(Elu { alpha: a.float("alpha", 1.0)? }))))
};

pub(super) static SIGMOID: Entry = line("Sigmoid", |_| Ok(Arc::new(Unary(Sigmoid))));

pub(super) static HARD_SIGMOID: Entry = Entry {
    attributes: &["alpha", "beta"],
    samples: || {
        let given = |a, b| vec![attribute::float("alpha", a), attribute::float("beta", b)];
        vec![with("default", vec![]), with("steep", given(0.7, 0.3)), with("falling", given(-0.2, 0.5))]
    },
    ..line("HardSigmoid", |a| {
        Ok(Arc::new(Unary(HardSigmoid { alpha: a.float("alpha", 0.2)?, beta: a.float("beta", 0.5)? })))
    })
};

pub(super) static HARD_SWISH: Entry = line("HardSwish", |_| Ok(Arc::new(Unary(HardSwish))));

pub(super) static TANH: Entry = line("Tanh", |_| Ok(Arc::new(Unary(Tanh))));

pub(super) static SOFTPLUS: Entry = line("Softplus", |_| Ok(Arc::new(Unary(Softplus))));

/// The logistic function.
fn logistic<T: Element>(x: T) -> T {
    T::one() / (T::one() + (-x).exp())
}

/// `max(x, 0)`.
#[derive(Debug)]
struct Relu;

impl Function for Relu {
    fn value<T: Element>(&self, x: T) -> T {
        if x > T::zero() { x } else { T::zero() }
    }
    fn slope<T: Element>(&self, _: T, y: T) -> T {
        if y > T::zero() { T::one() } else { T::zero() }
    }
    fn course(&self) -> Course {
        Course::RisingFromZero
    }
}

/// `x` where positive, else `alpha x`.
#[derive(Debug)]
struct LeakyRelu {
    alpha: f64,
}

impl Function for LeakyRelu {
    fn value<T: Element>(&self, x: T) -> T {
        if x < T::zero() { T::of(self.alpha) * x } else { x }
    }
    fn slope<T: Element>(&self, x: T, _: T) -> T {
        if x > T::zero() { T::one() } else { T::of(self.alpha) }
    }
    fn course(&self) -> Course {
        if self.alpha < 0.0 { Course::ValleyFromZero(0.0) } else { Course::Rising }
    }
}

/// `x` where positive, else `alpha (e^x - 1)`.
#[derive(Debug)]
struct Elu {
    alpha: f64,
}

impl Function for Elu {
    fn value<T: Element>(&self, x: T) -> T {
        if x < T::zero() { T::of(self.alpha) * x.exp_m1() } else { x }
    }
    fn slope<T: Element>(&self, x: T, y: T) -> T {
        if x > T::zero() { T::one() } else { y + T::of(self.alpha) }
    }
    fn course(&self) -> Course {
        if self.alpha < 0.0 { Course::ValleyFromZero(0.0) } else { Course::Rising }
    }
}

/// `1 / (1 + e^-x)`.
#[derive(Debug)]
struct Sigmoid;

impl Function for Sigmoid {
    fn value<T: Element>(&self, x: T) -> T {
        logistic(x)
    }
    fn slope<T: Element>(&self, _: T, y: T) -> T {
        y * (T::one() - y)
    }
    fn course(&self) -> Course {
        Course::RisingFromZero
    }
}

/// `alpha x + beta` within 0 and 1.
#[derive(Debug)]
struct HardSigmoid {
    alpha: f64,
    beta: f64,
}

impl Function for HardSigmoid {
    fn value<T: Element>(&self, x: T) -> T {
        (T::of(self.alpha) * x + T::of(self.beta)).max(T::zero()).min(T::one())
    }
    fn slope<T: Element>(&self, _: T, y: T) -> T {
        if y > T::zero() && y < T::one() { T::of(self.alpha) } else { T::zero() }
    }
    fn course(&self) -> Course {
        if self.alpha < 0.0 { Course::Falling } else { Course::RisingFromZero }
    }
}

/// `x` times `x / 6 + 1/2` within 0 and 1.
#[derive(Debug)]
struct HardSwish;

impl Function for HardSwish {
    fn value<T: Element>(&self, x: T) -> T {
        x * (x / T::of(6.0) + T::of(0.5)).max(T::zero()).min(T::one())
    }
    fn slope<T: Element>(&self, x: T, _: T) -> T {
        let three = T::of(3.0);
        if x <= -three {
            T::zero()
        } else if x >= three {
            T::one()
        } else {
            x / three + T::of(0.5)
        }
    }
    fn course(&self) -> Course {
        Course::Valley(-1.5)
    }
}

#[derive(Debug)]
struct Tanh;

impl Function for Tanh {
    fn value<T: Element>(&self, x: T) -> T {
        x.tanh()
    }
    fn slope<T: Element>(&self, _: T, y: T) -> T {
        T::one() - y * y
    }
    fn course(&self) -> Course {
        Course::Rising
    }
}

/// `log(1 + e^x)`, without overflow.
#[derive(Debug)]
struct Softplus;

impl Function for Softplus {
    fn value<T: Element>(&self, x: T) -> T {
        x.max(T::zero()) + (-x.abs()).exp().ln_1p()
    }
    fn slope<T: Element>(&self, x: T, _: T) -> T {
        logistic(x)
    }
    fn course(&self) -> Course {
        Course::RisingFromZero
    }
}
