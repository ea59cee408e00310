//! Operators whose output elements are copies of input elements, or a constant: the mechanism of `Transpose`, `Slice`,
//! `Gather`, `Pad`, `Expand`, nearest `Resize`, `DepthToSpace`, `SpaceToDepth`.

use std::fmt::Debug;

use super::given::Given;
use crate::error::OpError;
use crate::interval::Enclose;
use crate::kernels::select::{Axis, Selection};
use crate::op::{Backward, Fact, Facts, Forward, Op};
use crate::tensor::{Element, Tensor, Value};

/// Where the elements of an output come from.
#[derive(Debug)]
pub(super) struct Source {
    /// Shape of the output.
    pub(super) shape: Vec<usize>,
    /// How the output walks through the input; the axes together have as many elements as `shape`.
    pub(super) axes: Vec<Axis>,
    /// Whether a first axis that keeps all rows does so for every batch size.
    pub(super) any_batch: bool,
}

impl Source {
    pub(super) fn new(shape: Vec<usize>, axes: Vec<Axis>) -> Self {
        Self { shape, axes, any_batch: true }
    }

    /// An output of which each axis is one of the axes given.
    pub(super) fn of(axes: Vec<Axis>) -> Self {
        Self::new(axes.iter().map(Axis::len).collect(), axes)
    }
}

/// The definition of such an operator; its first input is the one that is copied.
pub(super) trait Rearrange: Debug + Send + Sync {
    /// The input that holds the value put where nothing is copied, if there is one.
    const FILL: Option<usize> = None;

    /// Where the output comes from, given shapes and integer inputs.
    fn source<G: Given + ?Sized>(&self, given: &G) -> Result<Source, OpError>;

    /// The value put where nothing is copied and no input holds it.
    fn fill(&self) -> f64 {
        0.0
    }
}

/// The readings of a [`Rearrange`].
#[derive(Debug)]
pub(super) struct Rearranged<R>(pub(super) R);

fn selection<G: Given + ?Sized>(source: Source, given: &G) -> Result<Selection, OpError> {
    let shape = given.shape(0)?;
    let outside =
        || OpError::invalid(format!("an output of shape {:?} reads outside {shape:?}", source.shape));
    Selection::new(source.axes, shape.iter().product()).ok_or_else(outside)
}

impl<R: Rearrange> Rearranged<R> {
    fn fill_input<'a, T: Element>(&self, cx: &Forward<'a, T>) -> Option<&'a Value<T>> {
        R::FILL.and_then(|i| cx.inputs.get(i))
    }
}

impl<T: Element, R: Rearrange> Op<T> for Rearranged<R> {
    fn infer(&self, inputs: &[Option<Fact>]) -> Result<Vec<Fact>, OpError> {
        let x = inputs.need(0)?;
        if let Some(fill) = R::FILL.and_then(|i| inputs.given(i))
            && (fill.shape.iter().product::<usize>() != 1 || fill.dtype != x.dtype)
        {
            return Err(OpError::invalid(format!(
                "the fill value has shape {:?}; a number expected",
                fill.shape
            )));
        }
        let source = self.0.source(inputs)?;
        let (shape, any_batch) = (source.shape.clone(), source.any_batch);
        let selection = selection(source, inputs)?;
        let row = x.shape.iter().skip(1).product();
        let rows = x.shape.first().copied().unwrap_or(0);
        let kept = any_batch && shape.first() == Some(&rows) && selection.keeps_rows(rows, row);
        Ok(vec![x.reshaped(shape, x.batched && kept)])
    }

    fn forward(&self, cx: &mut Forward<'_, T>) -> Result<(), OpError> {
        let selection = selection(self.0.source(&cx.inputs)?, &cx.inputs)?;
        let fill = self.fill_input(cx);
        let first = |t: &Tensor<T>| t.data().first().copied();
        match (cx.inputs.value(0)?, cx.outputs.first_mut()) {
            (Value::Float(x), Some(Value::Float(y))) => {
                let fill = fill.and_then(Value::as_float).and_then(first);
                selection.forward(x.data(), fill.unwrap_or(T::of(self.0.fill())), y.data_mut());
            }
            (Value::Int(x), Some(Value::Int(y))) => {
                let fill = fill.and_then(Value::as_int).and_then(|t| t.data().first().copied());
                selection.forward(x.data(), fill.unwrap_or(self.0.fill() as i64), y.data_mut());
            }
            (Value::Bool(x), Some(Value::Bool(y))) => selection.forward(x.data(), false, y.data_mut()),
            _ => return Err(OpError::invalid("input and output differ in kind")),
        }
        Ok(())
    }

    fn backward(&self, cx: &mut Backward<'_, T>) -> Result<(), OpError> {
        if R::FILL.is_some_and(|i| cx.wants(i)) {
            return Err(OpError::unsupported("gradient with respect to the fill value"));
        }
        let selection = selection(self.0.source(&cx.inputs)?, &cx.inputs)?;
        let dy = cx.grad_output()?;
        if let Some(dx) = cx.input(0) {
            selection.backward(dy.data(), dx);
        }
        Ok(())
    }

    fn enclose(&self, cx: &mut Enclose<'_>) -> Result<(), OpError> {
        let nonnegative = cx.input(0)?.nonnegative;
        let fills = R::FILL.is_some_and(|i| cx.optional(i).is_some()) || self.0.fill() < 0.0;
        match fills || self.0.fill() != 0.0 {
            true => cx.monotone(nonnegative && !fills),
            false => cx.homogeneous(nonnegative),
        }
    }
}
