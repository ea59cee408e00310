//! Shape arithmetic: `Shape` and `ConstantOfShape`.

use std::sync::Arc;

use super::given::{len, size};
use super::{Entry, Interval, Sample, SampleInput};
use crate::error::OpError;
use crate::interval::Enclose;
use crate::onnx::{Attributes, attribute};
use crate::op::{Backward, Fact, Facts, Forward, Op, Operator};
use crate::tensor::{DType, Element, Tensor, Value};

pub(super) static SHAPE: Entry = Entry {
    name: "Shape",
    parse: |a| {
        let end = if a.has("end") { Some(a.int("end", 0)?) } else { None };
        Ok(Arc::new(Shape { start: a.int("start", 0)?, end }))
    },
    attributes: &["start", "end"],
    trainable: &[],
    gradient: true,
    interval: Interval::Exact,
    samples: || {
        let part = vec![attribute::int("start", 1), attribute::int("end", -1)];
        vec![
            Sample::new("all", vec![], vec![SampleInput::data(&[3, 4])]),
            Sample::new("part", part, vec![SampleInput::data(&[3, 4, 5])]),
        ]
    },
};

pub(super) static CONSTANT_OF_SHAPE: Entry = Entry {
    name: "ConstantOfShape",
    parse: constant_of_shape,
    attributes: &["value"],
    trainable: &[],
    gradient: true,
    interval: Interval::Exact,
    samples: || {
        let ones = attribute::tensor("value", &Value::Float(Tensor::vector(vec![1.0])));
        vec![
            Sample::new("zeros", vec![], vec![SampleInput::ints(&[2, 3])]),
            Sample::new("ones", vec![ones], vec![SampleInput::ints(&[4])]),
        ]
    },
};

/// The dimensions `start..end` of the input.
#[derive(Debug)]
struct Shape {
    start: i64,
    end: Option<i64>,
}

impl<T: Element> Op<T> for Shape {
    fn infer(&self, inputs: &[Option<Fact>]) -> Result<Vec<Fact>, OpError> {
        let shape = &inputs.need(0)?.shape;
        let rank = shape.len() as i64;
        let bound = |v: i64| if v < 0 { v.saturating_add(rank) } else { v }.clamp(0, rank) as usize;
        let (start, end) = (bound(self.start), bound(self.end.unwrap_or(rank)));
        let dims: Vec<i64> = shape[start..end.max(start)].iter().map(|&n| n as i64).collect();
        let value = Value::Int(Tensor::vector(dims));
        let shape = value.shape().to_vec();
        Ok(vec![Fact { dtype: DType::Int, shape, batched: false, value: Some(Arc::new(value)) }])
    }

    fn forward(&self, cx: &mut Forward<'_, T>) -> Result<(), OpError> {
        let fact = Fact::float(cx.inputs.value(0)?.shape(), false);
        let known = Op::<T>::infer(self, &[Some(fact)])?.swap_remove(0).value;
        if let (Some(output), Some(known)) = (cx.outputs.first_mut(), known) {
            *output = known.cast();
        }
        Ok(())
    }

    fn backward(&self, _: &mut Backward<'_, T>) -> Result<(), OpError> {
        Ok(())
    }

    fn enclose(&self, cx: &mut Enclose<'_>) -> Result<(), OpError> {
        let x = cx.input(0)?.lo;
        let shape = cx.copy(&[&x]);
        cx.output(0, crate::interval::Bounds::point(shape));
        Ok(())
    }
}

fn constant_of_shape(attributes: &Attributes<'_>) -> Result<Arc<dyn Operator>, OpError> {
    let value = attributes.tensor("value")?.unwrap_or(Value::Float(Tensor::vector(vec![0.0])));
    if value.shape().iter().product::<usize>() != 1 {
        return Err(OpError::invalid("attribute `value` must hold one element"));
    }
    Ok(Arc::new(ConstantOfShape { value }))
}

/// One value everywhere.
#[derive(Debug)]
struct ConstantOfShape {
    value: Value<f64>,
}

impl<T: Element> Op<T> for ConstantOfShape {
    fn infer(&self, inputs: &[Option<Fact>]) -> Result<Vec<Fact>, OpError> {
        let dims = inputs.need_ints(0, "the shape")?;
        let shape: Vec<usize> = dims.iter().map(|&n| size(n)).collect::<Result<_, _>>()?;
        len(&shape)?;
        Ok(vec![Fact { dtype: self.value.dtype(), shape, batched: false, value: None }])
    }

    fn forward(&self, cx: &mut Forward<'_, T>) -> Result<(), OpError> {
        match (&self.value, cx.outputs.first_mut()) {
            (Value::Float(v), Some(Value::Float(y))) => y.data_mut().fill(T::of(v.data()[0])),
            (Value::Int(v), Some(Value::Int(y))) => y.data_mut().fill(v.data()[0]),
            (Value::Bool(v), Some(Value::Bool(y))) => y.data_mut().fill(v.data()[0]),
            _ => return Err(OpError::invalid("value and output differ in kind")),
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
