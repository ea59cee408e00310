//! Tensors: a shape and its values in C order (NCHW for images).

use std::fmt::Debug;
use std::iter::Sum;
use std::ops::{AddAssign, DivAssign, MulAssign, SubAssign};

use num_traits::Float;

use crate::op::{Op, Operator};

/// A floating-point type that the runtime computes in: `f32` for work, `f64` for checks.
pub trait Element:
    Float + AddAssign + SubAssign + MulAssign + DivAssign + Sum + Debug + Default + Send + Sync + 'static
{
    /// `"f32"` or `"f64"`.
    const NAME: &'static str;
    /// The nearest value of this type.
    fn of(value: f64) -> Self;
    /// This value in double precision (exact).
    fn f64(self) -> f64;
    /// The error function.
    fn erf(self) -> Self;
    /// The readings of an operator in this type.
    fn readings(operator: &dyn Operator) -> &dyn Op<Self>;
    /// Matrix products in this type (see [`crate::kernels::Product`]).
    fn kernels() -> &'static dyn crate::kernels::Kernels<Self>;
}

impl Element for f32 {
    const NAME: &'static str = "f32";
    fn of(value: f64) -> Self {
        value as f32
    }
    fn f64(self) -> f64 {
        f64::from(self)
    }
    fn erf(self) -> Self {
        libm::erff(self)
    }
    fn readings(operator: &dyn Operator) -> &dyn Op<Self> {
        operator
    }
    fn kernels() -> &'static dyn crate::kernels::Kernels<Self> {
        &crate::kernels::SingleKernels
    }
}

impl Element for f64 {
    const NAME: &'static str = "f64";
    fn of(value: f64) -> Self {
        value
    }
    fn f64(self) -> f64 {
        self
    }
    fn erf(self) -> Self {
        libm::erf(self)
    }
    fn readings(operator: &dyn Operator) -> &dyn Op<Self> {
        operator
    }
    fn kernels() -> &'static dyn crate::kernels::Kernels<Self> {
        &crate::kernels::DoubleKernels
    }
}

/// The product of dimensions, or `None` where it does not fit into memory's address range.
pub fn checked_len(shape: &[usize]) -> Option<usize> {
    // An axis of size 0 does not excuse the others: products over some of the axes must fit as well.
    let fits = |n: &usize| *n <= isize::MAX as usize / 8;
    let len = shape.iter().try_fold(1usize, |n, &d| n.checked_mul(d.max(1))).filter(fits)?;
    Some(if shape.contains(&0) { 0 } else { len })
}

/// A dense tensor in C order.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Tensor<E> {
    shape: Vec<usize>,
    data: Vec<E>,
}

impl<E> Tensor<E> {
    /// A tensor of `shape` over `data`; `None` where the lengths do not agree.
    pub fn new(shape: impl Into<Vec<usize>>, data: Vec<E>) -> Option<Self> {
        let shape = shape.into();
        (checked_len(&shape) == Some(data.len())).then_some(Self { shape, data })
    }

    /// A rank-0 tensor.
    pub fn scalar(value: E) -> Self {
        Self { shape: Vec::new(), data: vec![value] }
    }

    /// A rank-1 tensor.
    pub fn vector(data: Vec<E>) -> Self {
        Self { shape: vec![data.len()], data }
    }

    /// The dimensions.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The number of elements.
    pub fn len(&self) -> usize {
        self.data.len()
    }

    /// Whether there are no elements.
    pub fn is_empty(&self) -> bool {
        self.data.is_empty()
    }

    /// The values in C order.
    pub fn data(&self) -> &[E] {
        &self.data
    }

    /// The values in C order.
    pub fn data_mut(&mut self) -> &mut [E] {
        &mut self.data
    }

    /// The values, without the shape.
    pub fn into_data(self) -> Vec<E> {
        self.data
    }

    /// The size of the first axis (1 for a scalar).
    pub fn rows(&self) -> usize {
        self.shape.first().copied().unwrap_or(1)
    }

    /// Elements per entry of the first axis.
    pub fn row_len(&self) -> usize {
        self.shape.iter().skip(1).product()
    }

    /// Applies `f` to every element.
    pub fn map<F>(&self, f: impl FnMut(&E) -> F) -> Tensor<F> {
        Tensor { shape: self.shape.clone(), data: self.data.iter().map(f).collect() }
    }
}

impl<E: Clone> Tensor<E> {
    /// A tensor filled with `value`; the caller has checked the size.
    pub fn full(shape: impl Into<Vec<usize>>, value: E) -> Self {
        let shape = shape.into();
        let data = vec![value; shape.iter().product()];
        Self { shape, data }
    }
}

/// What a value of the graph can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DType {
    /// `f32` or `f64`, whichever the run computes in.
    Float,
    /// Integers (shapes, indices), computed as `i64`.
    Int,
    /// Conditions.
    Bool,
}

/// A value of the graph.
#[derive(Clone, Debug, PartialEq)]
pub enum Value<T> {
    /// Floating point.
    Float(Tensor<T>),
    /// Integer.
    Int(Tensor<i64>),
    /// Boolean.
    Bool(Tensor<bool>),
}

impl<T> Value<T> {
    /// The dimensions.
    pub fn shape(&self) -> &[usize] {
        match self {
            Value::Float(t) => t.shape(),
            Value::Int(t) => t.shape(),
            Value::Bool(t) => t.shape(),
        }
    }

    /// The kind of element.
    pub fn dtype(&self) -> DType {
        match self {
            Value::Float(_) => DType::Float,
            Value::Int(_) => DType::Int,
            Value::Bool(_) => DType::Bool,
        }
    }

    /// The floating-point tensor, if it is one.
    pub fn as_float(&self) -> Option<&Tensor<T>> {
        if let Value::Float(t) = self { Some(t) } else { None }
    }

    /// The integer tensor, if it is one.
    pub fn as_int(&self) -> Option<&Tensor<i64>> {
        if let Value::Int(t) = self { Some(t) } else { None }
    }
}

impl<T: Element> Value<T> {
    /// The same value in another floating-point type.
    pub fn cast<U: Element>(&self) -> Value<U> {
        match self {
            Value::Float(t) => Value::Float(t.map(|v| U::of(v.f64()))),
            Value::Int(t) => Value::Int(t.clone()),
            Value::Bool(t) => Value::Bool(t.clone()),
        }
    }

    /// A value of `shape` whose content is still to be written.
    pub fn blank(dtype: DType, shape: &[usize]) -> Self {
        match dtype {
            DType::Float => Value::Float(Tensor::full(shape, T::zero())),
            DType::Int => Value::Int(Tensor::full(shape, 0)),
            DType::Bool => Value::Bool(Tensor::full(shape, false)),
        }
    }
}
