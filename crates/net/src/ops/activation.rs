//! Elementwise functions of one input whose slope is known from input and output.

use std::sync::Arc;

use super::{Entry, Interval, Sample, SampleInput};
use crate::error::OpError;
use crate::interval::Enclose;
use crate::op::{Backward, Fact, Facts, Forward, Op};
use crate::tensor::Element;

pub(super) static RELU: Entry = Entry {
    name: "Relu",
    parse: |_| Ok(Arc::new(Relu)),
    attributes: &[],
    trainable: &[],
    gradient: true,
    interval: Interval::Exact,
    samples: || vec![Sample::new("signs", vec![], vec![SampleInput::data(&[3, 4])])],
};

/// `max(x, 0)`.
#[derive(Debug)]
struct Relu;

impl<T: Element> Op<T> for Relu {
    fn infer(&self, inputs: &[Option<Fact>]) -> Result<Vec<Fact>, OpError> {
        Ok(vec![inputs.need(0)?.same()])
    }

    fn forward(&self, cx: &mut Forward<'_, T>) -> Result<(), OpError> {
        let x = cx.inputs.float(0)?;
        for (y, &x) in cx.output(0)?.data_mut().iter_mut().zip(x.data()) {
            *y = if x > T::zero() { x } else { T::zero() };
        }
        Ok(())
    }

    fn backward(&self, cx: &mut Backward<'_, T>) -> Result<(), OpError> {
        let (y, dy) = (cx.outputs.float(0)?, cx.grad_output()?);
        if let Some(dx) = cx.input(0) {
            for ((dx, &y), &dy) in dx.iter_mut().zip(y.data()).zip(dy.data()) {
                *dx = if y > T::zero() { dy } else { T::zero() };
            }
        }
        Ok(())
    }

    fn enclose(&self, cx: &mut Enclose<'_>) -> Result<(), OpError> {
        cx.monotone(true)
    }
}
