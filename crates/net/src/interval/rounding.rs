//! Bounds that answer for rounding errors.
//!
//! # The model of floating-point arithmetic
//! With `u = 2^-24`, and for results that neither overflow nor fall below `2^-126` (Higham, *Accuracy and Stability of
//! Numerical Algorithms*, 2nd ed., sections 2.2 and 3.1):
//! - `+ - * /` and the square root: `|computed - exact| <= u |exact|`;
//! - a sum of `n` products, in any order and with or without fused operations:
//!   `|computed - exact| <= gamma(n) sum |w| |x|`, `gamma(n) = n u / (1 - n u)`;
//! - elementary functions (`exp`, `log`, `erf`, `tanh`, powers, and activations made of them): [`ELEMENTARY`] units
//!   `u` of the result, where the operator says nothing else;
//! - comparisons and copies are exact.
//!
//! Numbers below `2^-126` may be taken for 0 on the way in and out (denormals are flushed). [`TINY`] answers for that as
//! long as the weights of one output sum up to less than `2^24`. A bound that overflows becomes NaN or infinite on its own
//! side, never a number that is wrong.
//!
//! # Widening
//! A computed end `c` of an exact end `e` with `|c - e| <= r u |c| + k E` becomes `c -+ s`,
//! `s = (r + 3) v |c| + 1.01 k E + TINY` with `v = 1.01 u`. Of the three further units one pays for the rounding of
//! `c -+ s`, the others and the per cent for those of `s` itself.

use super::{Bounds, Enclose};
use crate::onnx::attribute;

/// What rounding errors bounds answer for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Rounding {
    /// For none: the formulas of the bounds in the arithmetic that the runtime has, as fast as they are. Exact ends
    /// lie within a few units of rounding of the computed ones.
    #[default]
    Nearest,
    /// For all that the model of [`crate::interval::rounding`] allows: bounds computed in single precision, by
    /// [`Precision::Direct`](crate::Precision), enclose what the operators give for real numbers.
    Outward,
}

/// Errors of elementary functions, in units of `u` of the result.
pub const ELEMENTARY: f64 = 16.0;

/// Absolute error of a node by flushed denormals: `2^-100`.
pub const TINY: f64 = 1.0 / (1u128 << 100) as f64;

/// Unit roundoff of single precision.
const UNIT: f64 = 1.0 / (1u32 << 24) as f64;

/// The error of a computed bound.
#[derive(Clone, Debug)]
pub struct Error {
    /// In units of `u` of the bound.
    pub relative: f64,
    /// A value of the bound's shape, or one that broadcasts to it, and the value that it is multiplied by.
    pub absolute: Option<(String, String)>,
}

impl Error {
    /// Some units of the result.
    pub fn relative(units: f64) -> Self {
        Self { relative: units, absolute: None }
    }
}

impl Enclose<'_> {
    /// The bounds, wider by their own error in [`Rounding::Outward`], and as they are in [`Rounding::Nearest`].
    pub fn rounded(&mut self, bounds: Bounds, error: impl FnOnce(&mut Self) -> Error) -> Bounds {
        if self.rounding() == Rounding::Nearest {
            return bounds;
        }
        let Error { relative, absolute } = error(self);
        let absolute = absolute.map(|(of, factor)| self.append("Mul", vec![], &[&of, &factor]));
        let [lo, hi] = [("Sub", &bounds.lo), ("Add", &bounds.hi)].map(|(away, end)| {
            let slack = self.slack(end, relative, absolute.as_deref());
            self.append(away, vec![], &[end, &slack])
        });
        let lo = if bounds.nonnegative { self.positive_part(&lo) } else { lo };
        Bounds { nonnegative: bounds.nonnegative, ..Bounds::new(lo, hi) }
    }

    /// [`Self::rounded`] for the bounds that were set for output 0.
    pub fn round_output(&mut self, error: impl FnOnce(&mut Self) -> Error) {
        if let Some(bounds) = self.outputs.first_mut().and_then(Option::take) {
            let bounds = self.rounded(bounds, error);
            self.output(0, bounds);
        }
    }

    fn slack(&mut self, end: &str, relative: f64, absolute: Option<&str>) -> String {
        let size = self.append("Abs", vec![], &[end]);
        let units = self.number((relative + 3.0) * 1.01 * UNIT);
        let mut slack = self.append("Mul", vec![], &[&size, &units]);
        if let Some(absolute) = absolute {
            slack = self.append("Add", vec![], &[&slack, absolute]);
        }
        let tiny = self.number(TINY);
        self.append("Add", vec![], &[&slack, &tiny])
    }

    /// An error of `units` of a magnitude.
    pub fn units_of(&mut self, magnitude: String, units: f64) -> Error {
        let units = self.number(1.01 * units * UNIT);
        Error { relative: 0.0, absolute: Some((magnitude, units)) }
    }

    /// The error of a sum of `times n + 16` products, where `n` is a value of rank 0 and the magnitudes of the products
    /// sum up to `share` times a computed `magnitude`.
    ///
    /// With `m = times n + 16` the factor is `share m u / (1 - 2 m u)`: the magnitude was itself computed, at most
    /// `gamma(m)` too small.
    pub fn error_of_sum(&mut self, magnitude: String, n: &str, times: f64, share: f64) -> Error {
        let [times, more, one, two] = [times, 16.0, 1.0, 2.0].map(|v| self.number(v));
        let unit = self.number(UNIT);
        let m = self.append("Mul", vec![], &[n, &times]);
        let m = self.append("Add", vec![], &[&m, &more]);
        let m = self.append("Mul", vec![], &[&m, &unit]);
        let twice = self.append("Mul", vec![], &[&m, &two]);
        let rest = self.append("Sub", vec![], &[&one, &twice]);
        let gamma = self.append("Div", vec![], &[&m, &rest]);
        let share = self.number(1.01 * share);
        let factor = self.append("Mul", vec![], &[&gamma, &share]);
        Error { relative: 0.0, absolute: Some((magnitude, factor)) }
    }

    /// How many elements of input `i` there are for each of `y`, as a value of rank 0: not less, and hardly more.
    pub fn elements_per_input(&mut self, i: usize, y: &str) -> String {
        let x = self.optional(i).map_or(String::new(), |x| x.lo);
        // There is no operator for the product of dimensions.
        let [x, y] = [x.as_str(), y].map(|value| {
            let shape = self.append("Shape", vec![], &[value]);
            let sizes = self.append("Cast", vec![attribute::to_float()], &[&shape]);
            let logs = self.append("Log", vec![], &[&sizes]);
            self.sum_of_all(&logs)
        });
        let log = self.append("Sub", vec![], &[&x, &y]);
        let count = self.append("Exp", vec![], &[&log]);
        let more = self.number(1.01);
        self.append("Mul", vec![], &[&count, &more])
    }

    fn sum_of_all(&mut self, x: &str) -> String {
        self.append("ReduceSum", vec![attribute::int("keepdims", 0)], &[x])
    }
}
