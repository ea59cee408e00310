//! Bounds of operators that are linear in two inputs.

use crate::error::OpError;
use crate::interval::{Bounds, Enclose, Rounding};
use crate::onnx::attribute;

/// How an operator multiplies its input 0, `x`, by its input 1, `w`, and adds input 2, the bias.
#[derive(Clone, Copy, Debug)]
pub(super) struct Linear {
    /// Factor of the product.
    pub(super) alpha: f64,
    /// Factor of the bias.
    pub(super) beta: f64,
    /// Axes of `w` that count the channels (axis 1) of `x` and of the output, where several products can be one product
    /// of stacked channels.
    pub(super) channels: Option<[i64; 2]>,
    /// Whether the operator cannot do without a bias.
    pub(super) needs_bias: bool,
}

impl Linear {
    /// Without factors, nothing stacked.
    pub(super) const PLAIN: Self = Self { alpha: 1.0, beta: 1.0, channels: None, needs_bias: false };
}

/// Bounds of a linear operator: the four-term formula of METHODS 2.1, with the terms left out that vanish for
/// non-negative or point inputs. `terms` appends the number of products in one output element.
pub(super) fn enclose_linear(
    cx: &mut Enclose<'_>,
    linear: Linear,
    terms: impl FnOnce(&mut Enclose<'_>, [&str; 2]) -> String,
) -> Result<Bounds, OpError> {
    let (x, w) = (cx.input(0)?, cx.input(1)?);
    let mut bias = cx.optional(2).map_or([String::new(), String::new()], |b| [b.lo, b.hi]);
    if (linear.alpha < 0.0) != (linear.beta < 0.0) {
        bias.swap(0, 1);
    }
    let mut bounds = if w.is_point() && bias[0] == bias[1] {
        match x.is_point() {
            true => Bounds::point(product(cx, linear, &x.lo, &w.lo, &bias[0])),
            false => around_centre(cx, linear, &x, &w.lo, &bias[0]),
        }
    } else {
        Terms::new(cx, &x, &w).sum(cx, linear, bias)
    };
    if linear.alpha < 0.0 {
        bounds = Bounds::new(bounds.hi, bounds.lo);
    }
    // Of the products with positive and with negative parts, half at least are 0 and cost no rounding.
    let (times, share) = if x.is_point() && w.is_point() { (1.0, 1.0) } else { (2.0, 3.0) };
    Ok(cx.rounded(bounds, |cx| {
        let magnitude = cx.copy_of_magnitudes();
        let n = terms(cx, [&x.lo, &w.lo]);
        cx.error_of_sum(magnitude, &n, times, share)
    }))
}

fn product(cx: &mut Enclose<'_>, linear: Linear, x: &str, w: &str, bias: &str) -> String {
    if !bias.is_empty() {
        return cx.copy(&[x, w, bias]);
    }
    match linear.needs_bias {
        true => {
            let zero = cx.number(0.0);
            cx.copy(&[x, w, &zero])
        }
        false => cx.copy(&[x, w]),
    }
}

/// One weight and a box of data: the image of the centre, and the radius through `|w|` (Rump, *Fast and parallel interval
/// arithmetic*, BIT 1999). The weight is halved instead of both.
fn around_centre(cx: &mut Enclose<'_>, linear: Linear, x: &Bounds, w: &str, bias: &str) -> Bounds {
    let (sum, width) = cx.sum_and_width(x);
    let half = cx.number(0.5);
    let half = cx.append("Mul", vec![], &[w, &half]);
    let size = cx.append("Abs", vec![], &[&half]);
    let (centre, radius) = (product(cx, linear, &sum, &half, bias), product(cx, linear, &width, &size, ""));
    let [lo, hi] = ["Sub", "Add"].map(|op| cx.append(op, vec![], &[&centre, &radius]));
    Bounds::new(lo, hi)
}

/// Parts of `x`, and for each bound the parts of `w` that they are multiplied by.
struct Terms {
    x: Vec<String>,
    lo: Vec<String>,
    hi: Vec<String>,
    /// The parts of `x` along axis 1, where they exist as one value.
    stacked: Option<String>,
}

impl Terms {
    fn new(cx: &mut Enclose<'_>, x: &Bounds, w: &Bounds) -> Self {
        let (lo, hi) = (w.lo.clone(), w.hi.clone());
        if x.is_point() && x.nonnegative {
            return Self { x: vec![x.lo.clone()], lo: vec![lo], hi: vec![hi], stacked: None };
        }
        if x.is_point() {
            let parts = vec![cx.positive_part(&x.lo), cx.negative_part(&x.lo)];
            return Self { x: parts, lo: vec![lo.clone(), hi.clone()], hi: vec![hi, lo], stacked: None };
        }
        let [lo_pos, hi_pos] = [&lo, &hi].map(|w| cx.positive_part(w));
        let [lo_neg, hi_neg] = [&lo, &hi].map(|w| cx.negative_part(w));
        let mut terms = Self {
            x: vec![x.lo.clone(), x.hi.clone()],
            lo: vec![lo_pos.clone(), lo_neg.clone()],
            hi: vec![hi_neg.clone(), hi_pos.clone()],
            stacked: x.stacked.clone(),
        };
        if !x.nonnegative {
            terms.x = [&x.lo, &x.hi].map(|x| cx.positive_part(x)).to_vec();
            terms.x.extend([&x.lo, &x.hi].map(|x| cx.negative_part(x)));
            terms.lo.extend([hi_pos, hi_neg]);
            terms.hi.extend([lo_neg, lo_pos]);
            terms.stacked = terms.stacked.map(|x| {
                let parts = [cx.positive_part(&x), cx.negative_part(&x)];
                cx.append("Concat", along(1), &[&parts[0], &parts[1]])
            });
        }
        terms
    }

    fn sum(self, cx: &mut Enclose<'_>, linear: Linear, [bias_lo, bias_hi]: [String; 2]) -> Bounds {
        match linear.channels {
            // The ends are rounded in opposite directions: they need values of their own.
            Some(axes) if cx.rounding() == Rounding::Nearest => {
                self.at_once(cx, linear, axes, [bias_lo, bias_hi])
            }
            _ => {
                let [lo, hi] = [(&self.lo, bias_lo), (&self.hi, bias_hi)].map(|(w, bias)| {
                    let mut sum = String::new();
                    for (x, w) in self.x.iter().zip(w) {
                        let term = product(cx, linear, x, w, if sum.is_empty() { &bias } else { "" });
                        sum = if sum.is_empty() { term } else { cx.append("Add", vec![], &[&sum, &term]) };
                    }
                    sum
                });
                Bounds::new(lo, hi)
            }
        }
    }

    /// All products as one: the parts of `x` are channels beside each other, and so are the bounds.
    fn at_once(
        self,
        cx: &mut Enclose<'_>,
        linear: Linear,
        [from, to]: [i64; 2],
        [bias_lo, bias_hi]: [String; 2],
    ) -> Bounds {
        let mut join = |axis, parts: &[String]| match parts {
            [one] => one.clone(),
            parts => {
                let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
                cx.append("Concat", along(axis), &parts)
            }
        };
        let ends = [&self.lo, &self.hi].map(|parts| join(from, parts));
        let w = join(to, &ends);
        let bias = if bias_lo.is_empty() { String::new() } else { join(0, &[bias_lo, bias_hi]) };
        let x = self.stacked.unwrap_or_else(|| join(1, &self.x));
        let both = product(cx, linear, &x, &w, &bias);
        cx.unstack(&both)
    }
}

fn along(axis: i64) -> Vec<crate::onnx::proto::AttributeProto> {
    vec![attribute::int("axis", axis)]
}
