//! What an operator is: one trait whose readings have no defaults, and the contexts they work in.
//!
//! Operators are immutable, hold no tensors, and their code is serial: parallelism belongs to [`crate::exec`],
//! which cuts the batch into chunks. That is why results cannot depend on the thread count.

use std::fmt::Debug;
use std::ops::Range;
use std::sync::Arc;

use crate::error::OpError;
use crate::interval::Enclose;
use crate::kernels::{Finish, Prepared, Side};
pub use crate::scratch::Scratch;
use crate::tensor::{DType, Element, Tensor, Value};

/// An operator in both floating-point types.
pub trait Operator: Op<f32> + Op<f64> {}
impl<O: Op<f32> + Op<f64>> Operator for O {}

/// The readings of an operator. No reading has a default, so that none is forgotten: what an operator
/// cannot do is an explicit [`OpError::Unsupported`].
pub trait Op<T: Element>: Debug + Send + Sync {
    /// Shapes and kinds of the outputs. Where the content of an integer input matters (a target shape,
    /// slice bounds) it stands in [`Fact::value`].
    fn infer(&self, inputs: &[Option<Fact>]) -> Result<Vec<Fact>, OpError>;

    /// Computes the outputs. They have the inferred shapes and *arbitrary content*: every element is written.
    fn forward(&self, cx: &mut Forward<'_, T>) -> Result<(), OpError>;

    /// From the gradients of the outputs to those of the inputs (see [`Backward`]).
    fn backward(&self, cx: &mut Backward<'_, T>) -> Result<(), OpError>;

    /// Appends ordinary operators that compute lower and upper bounds of the outputs (see [`Enclose`]).
    /// Called only when at least one input is not a point.
    fn enclose(&self, cx: &mut Enclose<'_>) -> Result<(), OpError>;

    /// Brings weights into the form that kernels multiply by (see [`Prepare`]). That is no reading but saves work in them: most operators
    /// have nothing to prepare.
    fn prepare(&self, _cx: Prepare<'_, T>) -> Result<Option<Prepared<T>>, OpError> {
        Ok(None)
    }

    /// Whether the first output is the first input as it is: its memory can be handed on.
    fn passes(&self, _inputs: Inputs<'_, T>) -> bool {
        false
    }

    /// Whether, where all inputs have the shape of the only output, each of its elements depends on those at its place alone.
    fn pointwise(&self) -> bool {
        false
    }
}

/// What is known of a value before anything runs.
#[derive(Clone, Debug, PartialEq)]
pub struct Fact {
    /// Kind of element.
    pub dtype: DType,
    /// Dimensions, with the batch size of this plan.
    pub shape: Vec<usize>,
    /// Whether axis 0 counts the images of the batch, and row `i` depends on image `i` alone. An operator that
    /// mixes rows (a reshape that moves axis 0, a reduction over it) says `false`.
    pub batched: bool,
    /// The content, where it does not depend on inputs or parameters (shape arithmetic).
    pub value: Option<Arc<Value<f64>>>,
}

impl Fact {
    /// A floating-point value of `shape`.
    pub fn float(shape: impl Into<Vec<usize>>, batched: bool) -> Self {
        Self { dtype: DType::Float, shape: shape.into(), batched, value: None }
    }

    /// A value of another shape, with the kind of this one.
    pub fn reshaped(&self, shape: impl Into<Vec<usize>>, batched: bool) -> Self {
        Self { dtype: self.dtype, shape: shape.into(), batched, value: None }
    }

    /// A value with shape, kind and batch axis of this one.
    pub fn same(&self) -> Self {
        self.reshaped(self.shape.clone(), self.batched)
    }

    /// The content of an integer value, where it is known at load.
    pub fn ints(&self) -> Option<&[i64]> {
        match self.value.as_deref() {
            Some(Value::Int(t)) => Some(t.data()),
            _ => None,
        }
    }

    /// The content of a floating-point value, where it is known at load.
    pub fn floats(&self) -> Option<&[f64]> {
        match self.value.as_deref() {
            Some(Value::Float(t)) => Some(t.data()),
            _ => None,
        }
    }
}

/// Access to the facts of a node's inputs.
pub trait Facts {
    /// The fact of input `i`, which must be there.
    fn need(&self, i: usize) -> Result<&Fact, OpError>;
    /// The fact of input `i`, where it is given.
    fn given(&self, i: usize) -> Option<&Fact>;
    /// The content of integer input `i`, which must be given and known before the run.
    fn need_ints(&self, i: usize, what: &str) -> Result<&[i64], OpError>;
}

impl Facts for [Option<Fact>] {
    fn need(&self, i: usize) -> Result<&Fact, OpError> {
        self.given(i).ok_or_else(|| OpError::invalid(format!("input {i} is missing")))
    }

    fn given(&self, i: usize) -> Option<&Fact> {
        self.get(i).and_then(Option::as_ref)
    }

    fn need_ints(&self, i: usize, what: &str) -> Result<&[i64], OpError> {
        self.need(i)?.ints().ok_or_else(|| {
            OpError::unsupported(format!("{what} (input {i}) depends on the data; it must be constant"))
        })
    }
}

/// The inputs (or outputs) of a node at run time.
#[derive(Clone, Copy, Debug)]
pub struct Inputs<'a, T>(pub(crate) &'a [Option<&'a Value<T>>]);

impl<'a, T: Element> Inputs<'a, T> {
    /// Number of slots, given or not.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are no slots.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Input `i`, where it is given.
    pub fn get(&self, i: usize) -> Option<&'a Value<T>> {
        self.0.get(i).copied().flatten()
    }

    /// Input `i`, which must be given.
    pub fn value(&self, i: usize) -> Result<&'a Value<T>, OpError> {
        self.get(i).ok_or_else(|| OpError::invalid(format!("input {i} is missing")))
    }

    /// Floating-point input `i`, which must be given.
    pub fn float(&self, i: usize) -> Result<&'a Tensor<T>, OpError> {
        self.value(i)?.as_float().ok_or_else(|| OpError::invalid(format!("input {i} must be floating point")))
    }

    /// Floating-point input `i`, where it is given.
    pub fn opt_float(&self, i: usize) -> Result<Option<&'a Tensor<T>>, OpError> {
        if self.get(i).is_none() { Ok(None) } else { self.float(i).map(Some) }
    }

    /// Integer input `i`, which must be given.
    pub fn ints(&self, i: usize) -> Result<&'a Tensor<i64>, OpError> {
        self.value(i)?.as_int().ok_or_else(|| OpError::invalid(format!("input {i} must be integer")))
    }

    /// Boolean input `i`, which must be given.
    pub fn bools(&self, i: usize) -> Result<&'a Tensor<bool>, OpError> {
        match self.value(i)? {
            Value::Bool(t) => Ok(t),
            _ => Err(OpError::invalid(format!("input {i} must be boolean"))),
        }
    }
}

/// Where the random numbers of an operator (dropout in training mode) come from: a stream per node and image,
/// so that neither batch size nor thread count matters.
#[derive(Clone, Copy, Debug, Default)]
pub struct Noise {
    /// Seed of the run.
    pub seed: u64,
    /// Position of the node in the graph.
    pub node: u64,
    /// Index in the whole batch of the first image of this chunk.
    pub first_image: u64,
}

/// The point reading of one node over one chunk of the batch.
pub struct Forward<'a, T> {
    /// Inputs of the node.
    pub inputs: Inputs<'a, T>,
    /// Outputs, of the inferred shapes and arbitrary content.
    pub outputs: &'a mut [Value<T>],
    /// Memory for intermediate results.
    pub scratch: &'a mut Scratch<T>,
    /// Source of random numbers.
    pub noise: Noise,
    /// What a convolution does with its result.
    pub(crate) finish: Finish<'a, T>,
    /// What [`Op::prepare`] made for [`Side::Output`].
    pub(crate) prepared: Option<&'a Prepared<T>>,
}

impl<T: Element> Forward<'_, T> {
    /// The floating-point output `i`.
    pub fn output(&mut self, i: usize) -> Result<&mut Tensor<T>, OpError> {
        match self.outputs.get_mut(i) {
            Some(Value::Float(t)) => Ok(t),
            _ => Err(OpError::invalid(format!("output {i} is not a floating-point value"))),
        }
    }

    /// The floating-point output `i` together with memory for intermediate results.
    pub fn output_and_scratch(&mut self, i: usize) -> Result<(&mut Tensor<T>, &mut Scratch<T>), OpError> {
        match self.outputs.get_mut(i) {
            Some(Value::Float(t)) => Ok((t, self.scratch)),
            _ => Err(OpError::invalid(format!("output {i} is not a floating-point value"))),
        }
    }

    /// [`Self::output_and_scratch`] of the first output, with what is to be done with its content.
    pub(crate) fn output_to_finish(
        &mut self,
    ) -> Result<(&mut Tensor<T>, Finish<'_, T>, &mut Scratch<T>), OpError> {
        match self.outputs.first_mut() {
            Some(Value::Float(t)) => Ok((t, self.finish, self.scratch)),
            _ => Err(OpError::invalid("the first output is not a floating-point value")),
        }
    }
}

/// The preparation of one node's weights before any chunk of the batch is read.
#[derive(Debug)]
pub struct Prepare<'a, T> {
    /// What is known of the inputs, for a whole chunk.
    pub facts: &'a [Option<Fact>],
    /// Inputs that are parameters or constants.
    pub inputs: Inputs<'a, T>,
    /// What the weights are for: outputs or gradients of inputs.
    pub side: Side,
    /// Memory.
    pub scratch: &'a mut Scratch<T>,
}

/// Where the gradient of one input of a node goes.
#[derive(Debug)]
pub(crate) enum Target<T> {
    /// Nobody asks for it.
    Unwanted,
    /// The input has rows of its own for each image, or the whole node is outside the batch.
    Data(Vec<T>),
    /// The input is shared by all images (a parameter): one row for their sum, or a row for each image.
    Rows {
        /// `rows x len`.
        data: Vec<T>,
        /// Elements of the input.
        len: usize,
        /// A row for each image, or one row for all.
        per_image: bool,
        /// Whether nothing was written yet: the content is arbitrary.
        fresh: bool,
    },
    /// A parameter that this node alone reads, in a per-sample reading: a few rows at a time, handed out while they are in
    /// cache.
    Stream {
        /// `images at a time x len`, overwritten again and again.
        data: Vec<T>,
        /// Elements of the input.
        len: usize,
    },
}

/// Receives rows of a [`Target::Stream`]: the input of the node, the images within the chunk, a row for each.
pub(crate) type Deliver<'a, T> = &'a mut dyn FnMut(usize, Range<usize>, &[T]);

/// The gradient reading of one node over one chunk: inputs and outputs of the forward pass and the gradients of
/// the outputs are given; the gradient of every wanted input is written through one of two doors.
///
/// - An input with rows of its own ([`Backward::input`]): every element of the buffer is overwritten.
/// - An input shared by all images ([`Backward::shared`]): a closure *adds* the gradient summed over a range of
///   images. In a per-sample reading it is called once for each image, in a sum once for all of them.
///
/// Convolution weights and the like are always shared; where an input can be either (`Add`, `MatMul`),
/// [`Backward::is_shared`] tells.
pub struct Backward<'a, T> {
    /// Inputs of the forward pass.
    pub inputs: Inputs<'a, T>,
    /// Outputs of the forward pass.
    pub outputs: Inputs<'a, T>,
    /// Memory for intermediate results.
    pub scratch: &'a mut Scratch<T>,
    /// Source of random numbers, the same as in the forward pass.
    pub noise: Noise,
    pub(crate) grads: &'a [Option<&'a Tensor<T>>],
    pub(crate) targets: &'a mut [Target<T>],
    pub(crate) images: usize,
    /// Where given, input 0 is the end of a ReLU or of a dropout with this scale behind one, and its gradient is wanted before both, see
    /// [`crate::exec`].
    pub(crate) gate: Option<T>,
    /// What [`Op::prepare`] made for [`Side::Input`].
    pub(crate) prepared: Option<&'a Prepared<T>>,
    pub(crate) deliver: Deliver<'a, T>,
}

impl<'a, T: Element> Backward<'a, T> {
    /// The gradient of output `i`, where the loss depends on it.
    pub fn grad(&self, i: usize) -> Option<&'a Tensor<T>> {
        self.grads.get(i).copied().flatten()
    }

    /// The gradient of the first output.
    pub fn grad_output(&self) -> Result<&'a Tensor<T>, OpError> {
        self.grad(0).ok_or_else(|| OpError::invalid("the first output has no gradient"))
    }

    /// Whether the gradient of input `i` is asked for.
    pub fn wants(&self, i: usize) -> bool {
        !matches!(self.targets.get(i), None | Some(Target::Unwanted))
    }

    /// Whether input `i` is shared by all images while the output is not.
    pub fn is_shared(&self, i: usize) -> bool {
        matches!(self.targets.get(i), Some(Target::Rows { .. } | Target::Stream { .. }))
    }

    /// The buffer for the gradient of input `i`, in its shape and with arbitrary content; `None` where it is not
    /// wanted or the input is shared.
    pub fn input(&mut self, i: usize) -> Option<&mut [T]> {
        match self.targets.get_mut(i) {
            Some(Target::Data(data)) => Some(data),
            _ => None,
        }
    }

    /// [`Self::input`] together with memory for intermediate results.
    pub fn input_and_scratch(&mut self, i: usize) -> Option<(&mut [T], &mut Scratch<T>)> {
        match self.targets.get_mut(i) {
            Some(Target::Data(data)) => Some((data, self.scratch)),
            _ => None,
        }
    }

    /// Calls `add(images, gradient)` for a shared input: for every range of images it must add the gradient,
    /// summed over these images, to the buffer in the shape of the input.
    pub fn shared(&mut self, i: usize, mut add: impl FnMut(Range<usize>, &mut [T], &mut Scratch<T>)) {
        self.shared_or_fresh(i, |images, fresh, gradient, scratch| {
            if fresh {
                gradient.fill(T::zero());
            }
            add(images, gradient, scratch);
        });
    }

    /// [`Self::shared`] for kernels that can overwrite: where `fresh` is true the buffer has arbitrary content and
    /// is to be overwritten instead of added to.
    pub fn shared_or_fresh(
        &mut self,
        i: usize,
        mut add: impl FnMut(Range<usize>, bool, &mut [T], &mut Scratch<T>),
    ) {
        match self.targets.get_mut(i) {
            Some(Target::Rows { data, len, per_image: true, fresh }) if *len > 0 => {
                for (image, row) in data.chunks_exact_mut(*len).enumerate() {
                    add(image..image + 1, *fresh, row, self.scratch);
                }
                *fresh = false;
            }
            Some(Target::Stream { data, len }) if *len > 0 => {
                let group = (data.len() / *len).max(1);
                for first in (0..self.images).step_by(group) {
                    let images = first..(first + group).min(self.images);
                    for (image, row) in images.clone().zip(data.chunks_exact_mut(*len)) {
                        add(image..image + 1, true, row, self.scratch);
                    }
                    (self.deliver)(i, images.clone(), &data[..images.len() * *len]);
                }
            }
            Some(Target::Rows { data, fresh, .. }) => {
                add(0..self.images, *fresh, data, self.scratch);
                *fresh = false;
            }
            Some(Target::Data(data)) => {
                let rows = self.grads.iter().flatten().next().map_or(0, |g| g.rows());
                add(0..rows, true, data, self.scratch);
            }
            _ => {}
        }
    }
}
