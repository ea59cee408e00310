//! `Cast` between floating-point, integer and boolean values.

use std::sync::Arc;

use super::{Entry, Interval, Sample, SampleInput};
use crate::error::OpError;
use crate::interval::{Bounds, Enclose};
use crate::onnx::proto::data_type;
use crate::onnx::{Attributes, attribute};
use crate::op::{Backward, Fact, Facts, Forward, Op, Operator};
use crate::tensor::{DType, Element, Value};

pub(super) static ENTRY: Entry = Entry {
    name: "Cast",
    parse,
    // `saturate` speaks of 8-bit floating-point targets alone, which are refused.
    attributes: &["to", "saturate"],
    trainable: &[],
    gradient: true,
    interval: Interval::Exact,
    samples,
};

fn samples() -> Vec<Sample> {
    let to = |name, kind: i32| {
        Sample::new(name, vec![attribute::int("to", i64::from(kind))], vec![SampleInput::data(&[3, 2])])
    };
    vec![to("to float", data_type::FLOAT), to("to float, older operator set", data_type::FLOAT).opset(9)]
}

fn parse(attributes: &Attributes<'_>) -> Result<Arc<dyn Operator>, OpError> {
    let to = match i32::try_from(attributes.int("to", 0)?).unwrap_or(0) {
        data_type::FLOAT | data_type::DOUBLE => Target::Float,
        data_type::INT32 => Target::Int32,
        data_type::INT64 => Target::Int64,
        data_type::BOOL => Target::Bool,
        other => {
            return Err(OpError::unsupported(format!(
                "element type {other} (float, double, int32, int64, bool)"
            )));
        }
    };
    Ok(Arc::new(Cast { to }))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Target {
    /// The type that the run computes in, for single and double precision alike.
    Float,
    Int32,
    Int64,
    Bool,
}

#[derive(Debug)]
struct Cast {
    to: Target,
}

impl Cast {
    fn integer(&self, v: i64) -> i64 {
        if self.to == Target::Int32 { i64::from(v as i32) } else { v }
    }
}

impl<T: Element> Op<T> for Cast {
    fn infer(&self, inputs: &[Option<Fact>]) -> Result<Vec<Fact>, OpError> {
        let dtype = match self.to {
            Target::Float => DType::Float,
            Target::Int32 | Target::Int64 => DType::Int,
            Target::Bool => DType::Bool,
        };
        Ok(vec![Fact { dtype, ..inputs.need(0)?.same() }])
    }

    fn forward(&self, cx: &mut Forward<'_, T>) -> Result<(), OpError> {
        fn fill<A: Copy, B>(y: &mut [B], x: &[A], f: impl Fn(A) -> B) {
            y.iter_mut().zip(x).for_each(|(y, &x)| *y = f(x));
        }
        let Some(y) = cx.outputs.first_mut() else { return Ok(()) };
        match (cx.inputs.value(0)?, y) {
            (Value::Float(x), Value::Float(y)) => y.data_mut().copy_from_slice(x.data()),
            (Value::Float(x), Value::Int(y)) => {
                fill(y.data_mut(), x.data(), |x| self.integer(x.f64() as i64));
            }
            (Value::Float(x), Value::Bool(y)) => fill(y.data_mut(), x.data(), |x| x != T::zero()),
            (Value::Int(x), Value::Float(y)) => fill(y.data_mut(), x.data(), |x| T::of(x as f64)),
            (Value::Int(x), Value::Int(y)) => fill(y.data_mut(), x.data(), |x| self.integer(x)),
            (Value::Int(x), Value::Bool(y)) => fill(y.data_mut(), x.data(), |x| x != 0),
            (Value::Bool(x), Value::Float(y)) => {
                fill(y.data_mut(), x.data(), |x| if x { T::one() } else { T::zero() });
            }
            (Value::Bool(x), Value::Int(y)) => fill(y.data_mut(), x.data(), i64::from),
            (Value::Bool(x), Value::Bool(y)) => y.data_mut().copy_from_slice(x.data()),
        }
        Ok(())
    }

    fn backward(&self, cx: &mut Backward<'_, T>) -> Result<(), OpError> {
        let (dy, float) = (cx.grad_output()?, cx.inputs.value(0)?.dtype() == DType::Float);
        if let Some(dx) = cx.input(0) {
            // Integers do not move with anything: their gradient is 0.
            if float { dx.copy_from_slice(dy.data()) } else { dx.fill(T::zero()) }
        }
        Ok(())
    }

    fn enclose(&self, cx: &mut Enclose<'_>) -> Result<(), OpError> {
        let x = cx.input(0)?;
        match self.to {
            Target::Float => {}
            _ if x.is_point() => {}
            Target::Bool => {
                // True for certain where the box does not hold 0, and possibly where it is not 0 alone.
                let above = cx.positive_part(&x.lo);
                let below = cx.negative_part(&x.hi);
                let certain = cx.append("Sub", vec![], &[&above, &below]);
                let possible = cx.magnitude(&x);
                let (lo, hi) = (cx.copy(&[&certain]), cx.copy(&[&possible]));
                cx.output(0, Bounds::new(lo, hi));
                return Ok(());
            }
            Target::Int32 | Target::Int64 => {
                return Err(OpError::unsupported("interval reading of a cast of a box to integers"));
            }
        }
        let nonnegative = cx.input(0)?.nonnegative;
        cx.monotone(nonnegative)
    }
}
