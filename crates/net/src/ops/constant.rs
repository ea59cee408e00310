//! `Constant`: a value that stands in the graph itself.

use std::sync::Arc;

use super::{Entry, Interval, Sample};
use crate::error::OpError;
use crate::interval::Enclose;
use crate::onnx::{Attributes, attribute};
use crate::op::{Backward, Fact, Forward, Op};
use crate::tensor::{Element, Tensor, Value};

pub(super) static ENTRY: Entry = Entry {
    name: "Constant",
    parse: |attributes| Ok(Arc::new(Constant { value: Arc::new(value(attributes)?) })),
    attributes: &["value", "value_float", "value_floats", "value_int", "value_ints"],
    trainable: &[],
    gradient: true,
    interval: Interval::Exact,
    samples,
};

fn samples() -> Vec<Sample> {
    let tensor = Value::Float(Tensor::vector(vec![1.5, -2.0]));
    vec![
        Sample::new("tensor", vec![attribute::tensor("value", &tensor)], vec![]),
        Sample::new("number", vec![attribute::float("value_float", 0.5)], vec![]),
        Sample::new("integers", vec![attribute::ints("value_ints", &[3, 4])], vec![]),
    ]
}

/// Not a tensor of the operator but the definition of its output: the planner folds it away.
#[derive(Debug)]
struct Constant {
    value: Arc<Value<f64>>,
}

fn value(attributes: &Attributes<'_>) -> Result<Value<f64>, OpError> {
    if let Some(value) = attributes.tensor("value")? {
        return Ok(value);
    }
    if let Some(values) = attributes.floats("value_floats") {
        return Ok(Value::Float(Tensor::vector(values.iter().map(|&v| f64::from(v)).collect())));
    }
    if let Some(values) = attributes.ints("value_ints")? {
        return Ok(Value::Int(Tensor::vector(values.to_vec())));
    }
    if attributes.has("value_float") {
        return Ok(Value::Float(Tensor::scalar(attributes.float("value_float", 0.0)?)));
    }
    if attributes.has("value_int") {
        return Ok(Value::Int(Tensor::scalar(attributes.int("value_int", 0)?)));
    }
    Err(OpError::unsupported("a constant without a numeric value"))
}

impl<T: Element> Op<T> for Constant {
    fn infer(&self, _: &[Option<Fact>]) -> Result<Vec<Fact>, OpError> {
        let (dtype, shape) = (self.value.dtype(), self.value.shape().to_vec());
        Ok(vec![Fact { dtype, shape, batched: false, value: Some(self.value.clone()) }])
    }

    fn forward(&self, cx: &mut Forward<'_, T>) -> Result<(), OpError> {
        if let Some(output) = cx.outputs.first_mut() {
            *output = self.value.cast();
        }
        Ok(())
    }

    fn backward(&self, _: &mut Backward<'_, T>) -> Result<(), OpError> {
        Ok(())
    }

    fn enclose(&self, _: &mut Enclose<'_>) -> Result<(), OpError> {
        Ok(())
    }
}
