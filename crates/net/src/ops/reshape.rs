//! Operators that keep the elements in order and change the shape: `Reshape`, `Flatten`, `Squeeze`, `Unsqueeze`.

use std::fmt::Debug;
use std::sync::Arc;

use super::axes::ordered;
use super::given::{Given, len};
use super::{Entry, Interval, Sample, SampleInput};
use crate::error::OpError;
use crate::interval::Enclose;
use crate::onnx::{Attributes, attribute};
use crate::op::{Backward, Fact, Facts, Forward, Op, Operator};
use crate::tensor::{Element, Value};

const fn entry(
    name: &'static str,
    parse: fn(&Attributes<'_>) -> Result<Arc<dyn Operator>, OpError>,
    attributes: &'static [&'static str],
    samples: fn() -> Vec<Sample>,
) -> Entry {
    Entry { name, parse, attributes, trainable: &[], gradient: true, interval: Interval::Exact, samples }
}

pub(super) static RESHAPE: Entry = entry(
    "Reshape",
    |a| Ok(Arc::new(SameElements(Reshape { zero_is_zero: a.flag("allowzero", false)? }))),
    &["allowzero"],
    || {
        let to = |shape: &[i64]| vec![SampleInput::data(&[3, 4, 2]), SampleInput::ints(shape)];
        vec![
            Sample::new("rest and copied sizes", vec![], to(&[0, 2, -1])),
            Sample::new("free batch axis", vec![], to(&[-1, 24])),
            Sample::new("batch axis away", vec![], to(&[3, -1])),
            Sample::new("allowzero", vec![attribute::int("allowzero", 1)], to(&[-1, 8, 3])),
        ]
    },
);

pub(super) static FLATTEN: Entry = entry(
    "Flatten",
    |a| Ok(Arc::new(SameElements(Flatten { axis: a.axis(1)? }))),
    &["axis"],
    || {
        let along = |axis: i64| vec![attribute::int("axis", axis)];
        let data = || vec![SampleInput::data(&[3, 2, 2])];
        vec![
            Sample::new("images", vec![], data()),
            Sample::new("batch axis away", along(0), data()),
            Sample::new("from the end", along(-1), data()),
        ]
    },
);

pub(super) static SQUEEZE: Entry = entry(
    "Squeeze",
    |a| Ok(Arc::new(SameElements(Squeeze { axes: a.ints("axes")?.map(<[i64]>::to_vec) }))),
    &["axes"],
    || {
        let data = || SampleInput::data(&[1, 3, 1]);
        vec![
            Sample::new("input", vec![], vec![data(), SampleInput::ints(&[1, -1])]),
            Sample::new("attribute", vec![attribute::ints("axes", &[3])], vec![data()]).opset(11),
            Sample::new("all", vec![], vec![data()]),
        ]
    },
);

pub(super) static UNSQUEEZE: Entry = entry(
    "Unsqueeze",
    |a| Ok(Arc::new(SameElements(Unsqueeze { axes: a.ints("axes")?.map(<[i64]>::to_vec) }))),
    &["axes"],
    || {
        let data = || SampleInput::data(&[2, 3]);
        vec![
            Sample::new("input", vec![], vec![data(), SampleInput::ints(&[-1, 1])]),
            Sample::new("attribute", vec![attribute::ints("axes", &[2])], vec![data()]).opset(11),
            Sample::new("batch axis away", vec![], vec![data(), SampleInput::ints(&[0])]),
        ]
    },
);

/// The new shape of an operator that keeps the elements in order.
trait Shape: Debug + Send + Sync {
    fn shape(&self, inputs: &[Option<Fact>]) -> Result<Vec<usize>, OpError>;
}

/// The readings of a [`Shape`].
#[derive(Debug)]
struct SameElements<S>(S);

impl<T: Element, S: Shape> Op<T> for SameElements<S> {
    fn infer(&self, inputs: &[Option<Fact>]) -> Result<Vec<Fact>, OpError> {
        let x = inputs.need(0)?;
        let shape = self.0.shape(inputs)?;
        if len(&shape)? != x.shape.iter().product() {
            return Err(OpError::invalid(format!("{:?} does not reshape to {shape:?}", x.shape)));
        }
        let batched = x.batched && shape.first() == x.shape.first();
        Ok(vec![x.reshaped(shape, batched)])
    }

    fn forward(&self, cx: &mut Forward<'_, T>) -> Result<(), OpError> {
        match (cx.inputs.value(0)?, cx.outputs.first_mut()) {
            (Value::Float(x), Some(Value::Float(y))) => y.data_mut().copy_from_slice(x.data()),
            (Value::Int(x), Some(Value::Int(y))) => y.data_mut().copy_from_slice(x.data()),
            (Value::Bool(x), Some(Value::Bool(y))) => y.data_mut().copy_from_slice(x.data()),
            _ => return Err(OpError::invalid("input and output differ in kind")),
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
        let nonnegative = cx.input(0)?.nonnegative;
        cx.homogeneous(nonnegative)
    }
}

/// To a shape given as input 1: 0 copies a size (without `allowzero`), -1 takes the rest.
#[derive(Debug)]
struct Reshape {
    zero_is_zero: bool,
}

impl Shape for Reshape {
    fn shape(&self, inputs: &[Option<Fact>]) -> Result<Vec<usize>, OpError> {
        let (from, to) = (&inputs.need(0)?.shape, inputs.need_ints(1, "the target shape")?);
        let fail = || OpError::invalid(format!("{from:?} does not reshape to {to:?}"));
        let size = |(i, &n): (usize, &i64)| match n {
            -1 => Ok(1),
            0 if !self.zero_is_zero => from.get(i).copied().ok_or_else(fail),
            n => usize::try_from(n).map_err(|_| fail()),
        };
        let mut shape: Vec<usize> = to.iter().enumerate().map(size).collect::<Result<_, _>>()?;
        let mut rest = to.iter().enumerate().filter(|(_, n)| **n == -1).map(|(i, _)| i);
        match (rest.next(), rest.next()) {
            (Some(i), None) => {
                let elements = from.iter().product::<usize>();
                let known = len(&shape)?;
                shape[i] = elements.checked_div(known).filter(|q| q * known == elements).ok_or_else(fail)?;
            }
            (Some(_), Some(_)) => return Err(fail()),
            _ => {}
        }
        Ok(shape)
    }
}

/// To a matrix.
#[derive(Debug)]
struct Flatten {
    /// First of the axes that become columns.
    axis: i64,
}

impl Shape for Flatten {
    fn shape(&self, inputs: &[Option<Fact>]) -> Result<Vec<usize>, OpError> {
        let shape = &inputs.need(0)?.shape;
        let from_end = if self.axis < 0 { shape.len() as i64 } else { 0 };
        let axis = self.axis.checked_add(from_end).and_then(|a| usize::try_from(a).ok());
        let (rows, columns) = axis.and_then(|a| shape.split_at_checked(a)).ok_or_else(|| {
            OpError::invalid(format!("axis {} does not exist in an input of shape {shape:?}", self.axis))
        })?;
        Ok(vec![rows.iter().product(), columns.iter().product()])
    }
}

/// Axes from the attribute (before opset 13) or from input 1.
fn axes_of<'a>(
    attribute: &'a Option<Vec<i64>>,
    inputs: &'a [Option<Fact>],
) -> Result<Option<&'a [i64]>, OpError> {
    match attribute {
        Some(axes) => Ok(Some(axes)),
        None => inputs.optional_ints(1, "axes"),
    }
}

/// Without axes of size 1.
#[derive(Debug)]
struct Squeeze {
    axes: Option<Vec<i64>>,
}

impl Shape for Squeeze {
    fn shape(&self, inputs: &[Option<Fact>]) -> Result<Vec<usize>, OpError> {
        let shape = &inputs.need(0)?.shape;
        let gone = match axes_of(&self.axes, inputs)? {
            Some(list) => ordered(list, shape.len())?,
            None => (0..shape.len()).filter(|&a| shape[a] == 1).collect(),
        };
        match gone.iter().find(|&&a| shape[a] != 1) {
            Some(a) => Err(OpError::invalid(format!("axis {a} of {shape:?} does not have size 1"))),
            None => {
                Ok(shape.iter().enumerate().filter(|(a, _)| !gone.contains(a)).map(|(_, &n)| n).collect())
            }
        }
    }
}

/// With further axes of size 1, numbered in the output.
#[derive(Debug)]
struct Unsqueeze {
    axes: Option<Vec<i64>>,
}

impl Shape for Unsqueeze {
    fn shape(&self, inputs: &[Option<Fact>]) -> Result<Vec<usize>, OpError> {
        let shape = &inputs.need(0)?.shape;
        let list = axes_of(&self.axes, inputs)?.ok_or_else(|| OpError::invalid("axes are missing"))?;
        let rank = shape.len() + list.len();
        let new = ordered(list, rank)?;
        let mut old = shape.iter().copied();
        Ok((0..rank).filter_map(|a| if new.contains(&a) { Some(1) } else { old.next() }).collect())
    }
}
