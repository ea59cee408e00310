//! Upper end and width of operators that are linear in two inputs: `interval::width` has the formulas.

use super::{Linear, Terms, around_centre};
use crate::error::OpError;
use crate::interval::{Bounds, Enclose};

/// Bounds of the product of two values and a bias, not all of them points. Factors are at least 0.
pub(super) fn enclose(
    cx: &mut Enclose<'_>,
    linear: Linear,
    x: &Bounds,
    w: &Bounds,
) -> Result<Bounds, OpError> {
    let bias = cx.optional(2);
    let biases = match &bias {
        None => [String::new(), String::new()],
        Some(bias) => [bias.hi.clone(), cx.width(bias)],
    };
    if !x.is_point() && w.is_point() && bias.is_none_or(|b| b.is_point()) {
        return Ok(around_centre(cx, linear, x, &w.lo, &biases[0]));
    }
    let mut parts = Parts { x: vec![], hi: vec![], width: vec![] };
    let positive = if x.nonnegative { x.hi.clone() } else { cx.positive_part(&x.hi) };
    let spread = cx.width(w);
    parts.push(&positive, &w.hi, &spread);
    if !x.is_point() {
        let width = if x.nonnegative { cx.width(x) } else { cx.width_above_zero(x, &positive) };
        parts.of_width(cx, &width, &w.hi, &w.lo);
    }
    if !x.nonnegative {
        let (negative, spread) = (cx.negative_part(&x.hi), cx.append("Neg", vec![], &[&spread]));
        parts.push(&negative, &w.lo, &spread);
        if !x.is_point() {
            let width = cx.width_below_zero(x, &positive);
            parts.of_width(cx, &width, &w.lo, &w.hi);
        }
    }
    let sums = [("hi", parts.hi), ("width", parts.width)];
    let ([hi, width], _) = Terms { x: parts.x, sums, stacked: None }.sums(cx, linear, biases);
    Ok(cx.of_width(&hi, &width, false))
}

/// Parts of the data, and what each is multiplied by in the upper end and in the width.
struct Parts {
    x: Vec<String>,
    hi: Vec<String>,
    width: Vec<String>,
}

impl Parts {
    fn push(&mut self, x: &str, hi: &str, width: &str) {
        for (list, name) in [(&mut self.x, x), (&mut self.hi, hi), (&mut self.width, width)] {
            list.push(name.to_owned());
        }
    }

    /// The products of a part's width: with ends `near` and `far` of the weights, `-near-` and `far+ - near-`.
    fn of_width(&mut self, cx: &mut Enclose<'_>, width: &str, near: &str, far: &str) {
        let negative = cx.negative_part(near);
        let (size, positive) = (cx.append("Abs", vec![], &[&negative]), cx.positive_part(far));
        let sizes = cx.append("Add", vec![], &[&positive, &size]);
        self.push(width, &size, &sizes);
    }
}
