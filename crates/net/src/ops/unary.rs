//! Elementwise functions of one input: each is a [`Function`], and all share their readings.

use std::fmt::Debug;
use std::sync::Arc;

use super::{Entry, Interval, Sample, SampleInput};
use crate::error::OpError;
use crate::interval::rounding::{ELEMENTARY, Error};
use crate::interval::{Bounds, Enclose};
use crate::kernels::widest;
use crate::onnx::Attributes;
use crate::op::{Backward, Fact, Facts, Forward, Op, Operator};
use crate::tensor::{DType, Element, Value};

/// A function of one number.
pub(super) trait Function: Debug + Send + Sync + 'static {
    fn value<T: Element>(&self, x: T) -> T;
    /// The derivative at `x`, where the function has the value `y`. At a kink one of the two slopes.
    fn slope<T: Element>(&self, x: T, y: T) -> T;
    fn course(&self) -> Course;
    /// How far a computed value may lie from the true one.
    fn error(&self) -> Deviation;
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
    /// It is 0 below 0, and the number itself above.
    Ramp,
    /// It never rises.
    Falling,
    /// It never rises before this point and never falls behind it.
    Valley(f64),
    /// The same, and no value is negative.
    ValleyFromZero(f64),
}

/// The distance of a computed value `y` from the true one at `x`, in units of rounding (see
/// [`crate::interval::rounding`]): at most `result |y| + argument |x| + constant`.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Deviation {
    pub(super) result: f64,
    pub(super) argument: f64,
    pub(super) constant: f64,
}

impl Deviation {
    /// The value is exact.
    pub(super) const NONE: Self = Self { result: 0.0, argument: 0.0, constant: 0.0 };
    /// That of a well-conditioned elementary function.
    pub(super) const ELEMENTARY: Self = Self { result: ELEMENTARY, ..Self::NONE };
}

fn course(cx: &mut Enclose<'_>, course: Course) -> Result<Bounds, OpError> {
    let x = cx.input(0)?;
    let ends = |cx: &mut Enclose<'_>| (cx.copy(&[&x.lo]), cx.copy(&[&x.hi]));
    Ok(match course {
        Course::Rising | Course::RisingFromZero => {
            cx.monotone_by_channel(matches!(course, Course::RisingFromZero))?
        }
        Course::Ramp if cx.by_width() => {
            let hi = cx.copy(&[&x.hi]);
            let width = cx.width_above_zero(&x, &hi);
            cx.of_width(&hi, &width, true)
        }
        Course::Ramp => cx.monotone_by_channel(true)?,
        Course::Falling => {
            let (at_lo, at_hi) = ends(cx);
            Bounds::new(at_hi, at_lo)
        }
        Course::Valley(bottom) | Course::ValleyFromZero(bottom) => {
            let (at_lo, at_hi) = ends(cx);
            let lowest = cx.nearest(&x, bottom);
            let nonnegative = matches!(course, Course::ValleyFromZero(_));
            Bounds { nonnegative, ..Bounds::new(cx.copy(&[&lowest]), cx.extremum("Max", &[at_lo, at_hi])) }
        }
    })
}

/// The bounds with room for `error`.
fn rounded(cx: &mut Enclose<'_>, bounds: Bounds, error: Deviation) -> Result<Bounds, OpError> {
    if error.result + error.argument + error.constant == 0.0 {
        return Ok(bounds);
    }
    let x = cx.input(0)?;
    Ok(cx.rounded(bounds, |cx| {
        let mut own = Error::relative(error.result);
        if error.argument + error.constant > 0.0 {
            let [argument, constant] = [error.argument, error.constant].map(|v| cx.number(v));
            let size = cx.magnitude(&x);
            let size = cx.append("Mul", vec![], &[&size, &argument]);
            let size = cx.append("Add", vec![], &[&size, &constant]);
            own.absolute = cx.units_of(size, 1.0).absolute;
        }
        own
    }))
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
        let y = cx.output(0)?.data_mut();
        widest(|| y.iter_mut().zip(x.data()).for_each(|(y, &x)| *y = self.0.value(x)));
        Ok(())
    }

    fn backward(&self, cx: &mut Backward<'_, T>) -> Result<(), OpError> {
        let (x, y, dy) = (cx.inputs.float(0)?, cx.outputs.float(0)?, cx.grad_output()?);
        if let Some(dx) = cx.input(0) {
            let points = x.data().iter().zip(y.data()).zip(dy.data());
            widest(|| {
                for (dx, ((&x, &y), &dy)) in dx.iter_mut().zip(points) {
                    *dx = dy * self.0.slope(x, y);
                }
            });
        }
        Ok(())
    }

    fn enclose(&self, cx: &mut Enclose<'_>) -> Result<(), OpError> {
        let bounds = course(cx, self.0.course())?;
        let bounds = rounded(cx, bounds, self.0.error())?;
        cx.output(0, bounds);
        Ok(())
    }

    fn pointwise(&self) -> bool {
        true
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
    vec![Sample::new("both signs", vec![], vec![SampleInput::data_in(&[3, 4, 2], -4.0, 4.0)])]
}
