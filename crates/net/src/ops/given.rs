//! What operators that move elements ask about their inputs, alike before a run and during it.

use crate::error::OpError;
use crate::op::{Fact, Facts, Inputs};
use crate::tensor::{Element, checked_len};

/// Shapes and known content of the inputs of a node.
pub(super) trait Given {
    /// Whether input `i` is given.
    fn has(&self, i: usize) -> bool;
    /// The shape of input `i`, which must be given.
    fn shape(&self, i: usize) -> Result<&[usize], OpError>;
    /// The content of integer input `i`, which must be given and known before the run.
    fn ints(&self, i: usize, what: &str) -> Result<&[i64], OpError>;
    /// The content of floating-point input `i`, which must be given and known before the run.
    fn floats(&self, i: usize, what: &str) -> Result<Vec<f32>, OpError>;

    /// [`Self::ints`] of an optional input.
    fn optional_ints(&self, i: usize, what: &str) -> Result<Option<&[i64]>, OpError> {
        if self.has(i) { self.ints(i, what).map(Some) } else { Ok(None) }
    }
}

impl Given for [Option<Fact>] {
    fn has(&self, i: usize) -> bool {
        self.given(i).is_some()
    }

    fn shape(&self, i: usize) -> Result<&[usize], OpError> {
        Ok(&self.need(i)?.shape)
    }

    fn ints(&self, i: usize, what: &str) -> Result<&[i64], OpError> {
        self.need_ints(i, what)
    }

    fn floats(&self, i: usize, what: &str) -> Result<Vec<f32>, OpError> {
        let values = self.need(i)?.floats().ok_or_else(|| {
            OpError::unsupported(format!("{what} (input {i}) depends on the data; it must be constant"))
        })?;
        Ok(values.iter().map(|&v| v as f32).collect())
    }
}

impl<T: Element> Given for Inputs<'_, T> {
    fn has(&self, i: usize) -> bool {
        self.get(i).is_some()
    }

    fn shape(&self, i: usize) -> Result<&[usize], OpError> {
        Ok(self.value(i)?.shape())
    }

    fn ints(&self, i: usize, _: &str) -> Result<&[i64], OpError> {
        Ok(Inputs::ints(self, i)?.data())
    }

    fn floats(&self, i: usize, _: &str) -> Result<Vec<f32>, OpError> {
        Ok(self.float(i)?.data().iter().map(|v| v.f64() as f32).collect())
    }
}

/// A size from a shape that the model states.
pub(super) fn size(value: i64) -> Result<usize, OpError> {
    // More than this along one axis is a mistake or an attack, and tables over the axis would exhaust the memory.
    const LARGEST: usize = 1 << 24;
    usize::try_from(value)
        .ok()
        .filter(|&n| n <= LARGEST)
        .ok_or_else(|| OpError::invalid(format!("an axis of size {value}: expected 0 to {LARGEST}")))
}

/// Elements between neighbours along each axis of a C-ordered value.
pub(super) fn strides(shape: &[usize]) -> Vec<usize> {
    let mut strides = vec![1; shape.len()];
    for i in (1..shape.len()).rev() {
        strides[i - 1] = strides[i] * shape[i];
    }
    strides
}

/// The number of elements of a shape that the model states.
pub(super) fn len(shape: &[usize]) -> Result<usize, OpError> {
    checked_len(shape).ok_or_else(|| OpError::invalid(format!("shape {shape:?} exceeds the address space")))
}
