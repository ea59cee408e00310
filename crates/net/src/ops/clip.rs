//! `Clip`: bounds are attributes before operator set 11 and inputs from then on.

use std::sync::Arc;

use super::{Entry, Interval, Sample, SampleInput};
use crate::error::OpError;
use crate::interval::Enclose;
use crate::onnx::{Attributes, attribute};
use crate::op::{Backward, Fact, Facts, Forward, Inputs, Op, Operator};
use crate::tensor::{DType, Element, Value};

pub(super) static ENTRY: Entry = Entry {
    name: "Clip",
    parse,
    attributes: &["min", "max"],
    trainable: &[],
    gradient: true,
    interval: Interval::Exact,
    samples,
};

fn samples() -> Vec<Sample> {
    use SampleInput as In;
    let data = || In::data(&[3, 4]);
    vec![
        Sample::new("both", vec![], vec![data(), In::scalar(-0.5), In::scalar(1.25)]),
        Sample::new("above", vec![], vec![data(), In::Absent, In::scalar(0.75)]),
        Sample::new("below", vec![], vec![data(), In::scalar(0.0)]),
        Sample::new(
            "attributes",
            vec![attribute::float("min", 0.0), attribute::float("max", 6.0)],
            vec![In::data_in(&[3, 4], -3.0, 9.0)],
        )
        .opset(9),
        Sample::new("nothing", vec![], vec![data()]).opset(9),
    ]
}

fn parse(attributes: &Attributes<'_>) -> Result<Arc<dyn Operator>, OpError> {
    let from_input = attributes.opset() >= 11;
    if from_input && (attributes.has("min") || attributes.has("max")) {
        return Err(OpError::invalid(format!(
            "attributes `min` and `max` in operator set {}",
            attributes.opset()
        )));
    }
    if !from_input && attributes.inputs() > 1 {
        return Err(OpError::invalid(format!("bounds as inputs in operator set {}", attributes.opset())));
    }
    Ok(Arc::new(Clip {
        min: attributes.float("min", f64::NEG_INFINITY)?,
        max: attributes.float("max", f64::INFINITY)?,
    }))
}

/// `min(max(x, min), max)`.
#[derive(Debug)]
struct Clip {
    min: f64,
    max: f64,
}

impl Clip {
    fn bounds<T: Element>(&self, inputs: Inputs<'_, T>) -> Result<(T, T), OpError> {
        let bound = |i: usize, default: f64| {
            let value = inputs.opt_float(i)?.map(|t| t.data().first().copied());
            Ok(value.flatten().unwrap_or(T::of(default)))
        };
        Ok((bound(1, self.min)?, bound(2, self.max)?))
    }
}

/// `min(max(x, min), max)`; what is not a number stays.
pub(super) fn clamp<E: PartialOrd>(x: E, min: E, max: E) -> E {
    let x = if x < min { min } else { x };
    if x > max { max } else { x }
}

impl<T: Element> Op<T> for Clip {
    fn infer(&self, inputs: &[Option<Fact>]) -> Result<Vec<Fact>, OpError> {
        let x = inputs.need(0)?;
        for bound in (1..3).filter_map(|i| inputs.given(i)) {
            if bound.shape.iter().product::<usize>() != 1 || bound.dtype != x.dtype {
                return Err(OpError::invalid(format!(
                    "a bound has shape {:?} and kind {:?}, expected one number of kind {:?}",
                    bound.shape, bound.dtype, x.dtype
                )));
            }
        }
        if x.dtype == DType::Bool {
            return Err(OpError::invalid("input of kind Bool"));
        }
        let mixes = (1..3).filter_map(|i| inputs.given(i)).any(|bound| bound.batched);
        Ok(vec![x.reshaped(x.shape.clone(), x.batched && !mixes)])
    }

    fn forward(&self, cx: &mut Forward<'_, T>) -> Result<(), OpError> {
        if let (Value::Int(x), Some(Value::Int(y))) = (cx.inputs.value(0)?, cx.outputs.first_mut()) {
            let bound = |i: usize, default: i64| {
                let value = cx.inputs.get(i).and_then(Value::as_int).and_then(|t| t.data().first());
                value.copied().unwrap_or(default)
            };
            let (min, max) = (bound(1, i64::MIN), bound(2, i64::MAX));
            y.data_mut().iter_mut().zip(x.data()).for_each(|(y, &x)| *y = clamp(x, min, max));
            return Ok(());
        }
        let (x, (min, max)) = (cx.inputs.float(0)?, self.bounds(cx.inputs)?);
        cx.output(0)?.data_mut().iter_mut().zip(x.data()).for_each(|(y, &x)| *y = clamp(x, min, max));
        Ok(())
    }

    fn backward(&self, cx: &mut Backward<'_, T>) -> Result<(), OpError> {
        if cx.wants(1) || cx.wants(2) {
            return Err(OpError::unsupported("the gradient of a bound that is computed from parameters"));
        }
        let (x, dy, (min, max)) = (cx.inputs.float(0)?, cx.grad_output()?, self.bounds(cx.inputs)?);
        if let Some(dx) = cx.input(0) {
            for ((dx, &x), &dy) in dx.iter_mut().zip(x.data()).zip(dy.data()) {
                *dx = if x >= min && x <= max { dy } else { T::zero() };
            }
        }
        Ok(())
    }

    fn enclose(&self, cx: &mut Enclose<'_>) -> Result<(), OpError> {
        let nonnegative = cx.input(0)?.nonnegative;
        // A bound below 0 can lower a value only if it is the upper one, which the graph alone does not tell.
        cx.monotone(nonnegative && self.max >= 0.0 && cx.optional(2).is_none())
    }
}
