//! N-dimensional arrays of the element types that NumPy files hold.

use crate::error::{Error, Result, dims};

/// Values of an [`Array`], one vector per element type.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs, reason = "the names are the types")]
pub enum Values {
    Bool(Vec<bool>),
    U8(Vec<u8>),
    I8(Vec<i8>),
    U16(Vec<u16>),
    I16(Vec<i16>),
    U32(Vec<u32>),
    I32(Vec<i32>),
    U64(Vec<u64>),
    I64(Vec<i64>),
    F32(Vec<f32>),
    F64(Vec<f64>),
    Text(Vec<String>),
}

/// Applies one expression to the vector inside, whatever its type.
macro_rules! for_any {
    ($values:expr, $vector:ident => $result:expr) => {
        match $values {
            Values::Bool($vector) => $result,
            Values::U8($vector) => $result,
            Values::I8($vector) => $result,
            Values::U16($vector) => $result,
            Values::I16($vector) => $result,
            Values::U32($vector) => $result,
            Values::I32($vector) => $result,
            Values::U64($vector) => $result,
            Values::I64($vector) => $result,
            Values::F32($vector) => $result,
            Values::F64($vector) => $result,
            Values::Text($vector) => $result,
        }
    };
}

impl Values {
    /// Number of values.
    pub fn len(&self) -> usize {
        for_any!(self, vector => vector.len())
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// An array in C order: the last axis is contiguous. A shape without axes is a single value.
#[derive(Clone, Debug, PartialEq)]
pub struct Array {
    shape: Vec<usize>,
    values: Values,
}

impl Array {
    /// Joins shape and values.
    ///
    /// # Errors
    /// [`Error::Shape`] where the shape needs another number of values.
    pub fn new(shape: Vec<usize>, values: Values) -> Result<Self> {
        let needed: u128 = shape.iter().map(|&extent| extent as u128).product();
        if needed != values.len() as u128 {
            let expected = format!("{needed} values for shape {}", dims(&shape));
            return Err(Error::Shape { array: "array".to_owned(), expected, got: values.len().to_string() });
        }
        Ok(Array { shape, values })
    }

    /// Extents of the axes.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// All values in C order.
    pub fn values(&self) -> &Values {
        &self.values
    }

    /// Gives up the values.
    pub fn into_values(self) -> Values {
        self.values
    }

    /// Extent of the first axis, which counts cases; `None` for a single value.
    pub fn count(&self) -> Option<usize> {
        self.shape.first().copied()
    }

    /// Index along the first axis of the first NaN or infinity.
    pub fn first_non_finite(&self) -> Option<usize> {
        let at = match &self.values {
            Values::F32(vector) => vector.iter().position(|value| !value.is_finite()),
            Values::F64(vector) => vector.iter().position(|value| !value.is_finite()),
            _ => None,
        };
        let per_case: usize = self.shape.iter().skip(1).product();
        at.map(|at| at / per_case.max(1))
    }

    /// Numbers as `f32` (rounded where they do not fit); `None` for text. Nothing is copied where they are `f32`.
    pub fn into_f32(self) -> Option<Vec<f32>> {
        Some(match self.values {
            Values::F32(vector) => vector,
            Values::F64(vector) => vector.into_iter().map(|value| value as f32).collect(),
            Values::Bool(vector) => vector.into_iter().map(f32::from).collect(),
            Values::U8(vector) => vector.into_iter().map(f32::from).collect(),
            Values::I8(vector) => vector.into_iter().map(f32::from).collect(),
            Values::U16(vector) => vector.into_iter().map(f32::from).collect(),
            Values::I16(vector) => vector.into_iter().map(f32::from).collect(),
            Values::U32(vector) => vector.into_iter().map(|value| value as f32).collect(),
            Values::I32(vector) => vector.into_iter().map(|value| value as f32).collect(),
            Values::U64(vector) => vector.into_iter().map(|value| value as f32).collect(),
            Values::I64(vector) => vector.into_iter().map(|value| value as f32).collect(),
            Values::Text(_) => return None,
        })
    }

    /// Whole numbers; floats count where they are whole. `Err` holds index and text of the first value that is none.
    pub fn to_i64(&self) -> std::result::Result<Vec<i64>, (usize, String)> {
        fn whole<T: Copy + ToString>(
            vector: &[T],
            convert: impl Fn(T) -> Option<i64>,
        ) -> std::result::Result<Vec<i64>, (usize, String)> {
            let one = |(at, &value): (usize, &T)| convert(value).ok_or_else(|| (at, value.to_string()));
            vector.iter().enumerate().map(one).collect()
        }
        // Beyond 2^53 a float no longer names one integer.
        let float =
            |value: f64| (value.fract() == 0.0 && value.abs() <= 2f64.powi(53)).then_some(value as i64);
        match &self.values {
            Values::Bool(vector) => whole(vector, |value| Some(i64::from(value))),
            Values::U8(vector) => whole(vector, |value| Some(i64::from(value))),
            Values::I8(vector) => whole(vector, |value| Some(i64::from(value))),
            Values::U16(vector) => whole(vector, |value| Some(i64::from(value))),
            Values::I16(vector) => whole(vector, |value| Some(i64::from(value))),
            Values::U32(vector) => whole(vector, |value| Some(i64::from(value))),
            Values::I32(vector) => whole(vector, |value| Some(i64::from(value))),
            Values::U64(vector) => whole(vector, |value| i64::try_from(value).ok()),
            Values::I64(vector) => Ok(vector.clone()),
            Values::F32(vector) => whole(vector, |value| float(f64::from(value))),
            Values::F64(vector) => whole(vector, float),
            Values::Text(vector) => Err((0, vector.first().cloned().unwrap_or_default())),
        }
    }

    /// Turns values that were stored in Fortran order (first axis contiguous) for this shape into C order.
    pub(super) fn from_fortran(shape: Vec<usize>, values: Values) -> Result<Self> {
        fn reorder<T: Clone>(shape: &[usize], values: &[T]) -> Vec<T> {
            let strides: Vec<usize> = shape
                .iter()
                .scan(1, |stride, &extent| {
                    let own = *stride;
                    *stride *= extent;
                    Some(own)
                })
                .collect();
            let mut index = vec![0; shape.len()];
            let mut at = 0;
            let mut out = Vec::with_capacity(values.len());
            for _ in 0..values.len() {
                out.push(values[at].clone());
                for axis in (0..shape.len()).rev() {
                    index[axis] += 1;
                    at += strides[axis];
                    if index[axis] < shape[axis] {
                        break;
                    }
                    at -= strides[axis] * shape[axis];
                    index[axis] = 0;
                }
            }
            out
        }
        let Array { shape, values } = Array::new(shape, values)?;
        let values = for_any!(&values, vector => reorder(&shape, vector).into());
        Ok(Array { shape, values })
    }
}

macro_rules! from_vector {
    ($($type:ty => $variant:ident),* $(,)?) => {$(
        impl From<Vec<$type>> for Values {
            fn from(vector: Vec<$type>) -> Self {
                Values::$variant(vector)
            }
        }
    )*};
}
from_vector!(bool => Bool, u8 => U8, i8 => I8, u16 => U16, i16 => I16, u32 => U32, i32 => I32, u64 => U64,
    i64 => I64, f32 => F32, f64 => F64, String => Text);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fortran_order_is_turned() {
        // [[1, 2, 3], [4, 5, 6]] column by column.
        let array = Array::from_fortran(vec![2, 3], vec![1i64, 4, 2, 5, 3, 6].into()).unwrap();
        assert_eq!(array.values(), &Values::I64(vec![1, 2, 3, 4, 5, 6]));
        let cube = Array::from_fortran(vec![2, 1, 2], vec![0u8, 2, 1, 3].into()).unwrap();
        assert_eq!(cube.values(), &Values::U8(vec![0, 1, 2, 3]));
    }

    #[test]
    fn whole_numbers_only() {
        let of = |values: Vec<f64>| Array::new(vec![values.len()], values.into()).unwrap().to_i64();
        assert_eq!(of(vec![-1.0, 3.0]), Ok(vec![-1, 3]));
        assert_eq!(of(vec![1.0, 0.5]), Err((1, "0.5".to_owned())));
        assert!(of(vec![f64::NAN]).is_err());
        assert!(of(vec![1e300]).is_err());
    }

    #[test]
    fn shape_and_values_must_agree() {
        assert!(Array::new(vec![usize::MAX, usize::MAX], vec![0u8].into()).is_err());
        assert!(Array::new(vec![], vec![1f32].into()).is_ok());
    }
}
