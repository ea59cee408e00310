//! The one error type of the crate.

use ndarray::ArrayView2;

/// What can be wrong with the input of a numeric routine.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum LearnError {
    /// There is nothing, or not enough, to compute on.
    #[error("{what}: at least {needed} needed, found {found}")]
    TooFew {
        /// What is counted.
        what: &'static str,
        /// The smallest number that works.
        needed: usize,
        /// The number given.
        found: usize,
    },
    /// Two inputs that describe the same things differ in length.
    #[error("{what} differ in length: {left} and {right}")]
    Length {
        /// The two inputs.
        what: &'static str,
        /// Length of the first.
        left: usize,
        /// Length of the second.
        right: usize,
    },
    /// An entry is NaN or infinite.
    #[error("entry ({row}, {column}) is not finite; remove or impute it before this step")]
    NotFinite {
        /// Row of the entry.
        row: usize,
        /// Column of the entry.
        column: usize,
    },
    /// A value of a list is NaN or infinite.
    #[error("{what}: value {index} is not finite")]
    NotFiniteValue {
        /// The list.
        what: &'static str,
        /// Zero-based place of the value.
        index: usize,
    },
    /// A parameter lies outside its range.
    #[error("{name} = {value}: must be {rule}")]
    Parameter {
        /// Name of the parameter.
        name: &'static str,
        /// Its value.
        value: f64,
        /// The rule it breaks.
        rule: &'static str,
    },
}

/// Refuses NaN and infinities, naming the first one.
pub(crate) fn check_finite(x: ArrayView2<'_, f32>) -> Result<(), LearnError> {
    match x.indexed_iter().find(|(_, value)| !value.is_finite()) {
        Some(((row, column), _)) => Err(LearnError::NotFinite { row, column }),
        None => Ok(()),
    }
}

/// Refuses NaN and infinities in a list, naming the first one.
pub(crate) fn check_finite_values(what: &'static str, values: &[f32]) -> Result<(), LearnError> {
    match values.iter().position(|value| !value.is_finite()) {
        Some(index) => Err(LearnError::NotFiniteValue { what, index }),
        None => Ok(()),
    }
}

/// Refuses two inputs of different length.
pub(crate) fn check_lengths(what: &'static str, left: usize, right: usize) -> Result<(), LearnError> {
    if left == right { Ok(()) } else { Err(LearnError::Length { what, left, right }) }
}

/// Refuses fewer than `needed` of something.
pub(crate) fn check_count(what: &'static str, needed: usize, found: usize) -> Result<(), LearnError> {
    if found >= needed { Ok(()) } else { Err(LearnError::TooFew { what, needed, found }) }
}
