//! `Identity`.

use std::sync::Arc;

use super::{Entry, Interval, Sample, SampleInput};
use crate::error::OpError;
use crate::interval::Enclose;
use crate::op::{Backward, Fact, Facts, Forward, Inputs, Op};
use crate::tensor::{Element, Value};

pub(super) static ENTRY: Entry = Entry {
    name: "Identity",
    parse: |_| Ok(Arc::new(Identity)),
    attributes: &[],
    trainable: &[],
    gradient: true,
    interval: Interval::Exact,
    samples: || vec![Sample::new("data", vec![], vec![SampleInput::data(&[3, 2])])],
};

#[derive(Debug)]
struct Identity;

impl<T: Element> Op<T> for Identity {
    fn infer(&self, inputs: &[Option<Fact>]) -> Result<Vec<Fact>, OpError> {
        Ok(vec![inputs.need(0)?.same()])
    }

    fn forward(&self, cx: &mut Forward<'_, T>) -> Result<(), OpError> {
        match (cx.inputs.value(0)?, cx.outputs.first_mut()) {
            (Value::Float(x), Some(Value::Float(y))) => y.data_mut().copy_from_slice(x.data()),
            (x, Some(y)) => *y = x.clone(),
            (_, None) => {}
        }
        Ok(())
    }

    fn backward(&self, cx: &mut Backward<'_, T>) -> Result<(), OpError> {
        let dy = cx.grad_output()?;
        if let Some(dx) = cx.input(0) {
            dx.copy_from_slice(dy.data());
        }
        Ok(())
    }

    fn enclose(&self, cx: &mut Enclose<'_>) -> Result<(), OpError> {
        let x = cx.input(0)?;
        cx.output(0, x);
        Ok(())
    }

    fn passes(&self, _: Inputs<'_, T>) -> bool {
        true
    }
}
