//! Bounds of operators that are linear in two inputs.

mod width;

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
    if cx.by_width() && linear.alpha >= 0.0 && linear.beta >= 0.0 {
        return width::enclose(cx, linear, &x, &w);
    }
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
        let ([lo, hi], stacked) = Terms::new(cx, &x, &w).sums(cx, linear, bias);
        Bounds { stacked, ..Bounds::new(lo, hi) }
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
    let hi = cx.append("Add", vec![], &[&centre, &radius]);
    if cx.by_width() {
        let width = cx.append("Add", vec![], &[&radius, &radius]);
        return cx.of_width(&hi, &width, false);
    }
    Bounds::new(cx.append("Sub", vec![], &[&centre, &radius]), hi)
}

/// Parts of `x`, and two sums of products of each with a part of `w`.
struct Terms {
    x: Vec<String>,
    /// What the sums are called, and the parts of `w`: as many as of `x`.
    sums: [(&'static str, Vec<String>); 2],
    /// The parts of `x` along axis 1, where they exist as one value.
    stacked: Option<String>,
}

impl Terms {
    /// The lower and the upper end.
    fn new(cx: &mut Enclose<'_>, x: &Bounds, w: &Bounds) -> Self {
        let (lo, hi) = (w.lo.clone(), w.hi.clone());
        let of = |x, lo, hi, stacked| Self { x, sums: [("lo", lo), ("hi", hi)], stacked };
        if x.is_point() && x.nonnegative {
            return of(vec![x.lo.clone()], vec![lo], vec![hi], None);
        }
        if x.is_point() {
            let parts = vec![cx.positive_part(&x.lo), cx.negative_part(&x.lo)];
            return of(parts, vec![lo.clone(), hi.clone()], vec![hi, lo], None);
        }
        let [lo_pos, hi_pos] = [&lo, &hi].map(|w| cx.positive_part(w));
        let [lo_neg, hi_neg] = [&lo, &hi].map(|w| cx.negative_part(w));
        let (mut for_lo, mut for_hi) =
            (vec![lo_pos.clone(), lo_neg.clone()], vec![hi_neg.clone(), hi_pos.clone()]);
        if x.nonnegative {
            return of(vec![x.lo.clone(), x.hi.clone()], for_lo, for_hi, x.stacked.clone());
        }
        let mut parts = [&x.lo, &x.hi].map(|x| cx.positive_part(x)).to_vec();
        parts.extend([&x.lo, &x.hi].map(|x| cx.negative_part(x)));
        for_lo.extend([hi_pos, hi_neg]);
        for_hi.extend([lo_neg, lo_pos]);
        let stacked = x.stacked.as_ref().map(|x| {
            let parts = [cx.positive_part(x), cx.negative_part(x)];
            cx.append("Concat", along(1), &[&parts[0], &parts[1]])
        });
        of(parts, for_lo, for_hi, stacked)
    }

    /// Both sums, each with a bias (empty: without), and one value that holds one after the other along axis 1 if there is.
    fn sums(
        self,
        cx: &mut Enclose<'_>,
        linear: Linear,
        biases: [String; 2],
    ) -> ([String; 2], Option<String>) {
        match linear.channels {
            // The ends are rounded in opposite directions: they need values of their own.
            Some(axes) if cx.rounding() == Rounding::Nearest => self.at_once(cx, linear, axes, biases),
            _ => {
                let [first, second] = self.sums;
                let [bias, other] = biases;
                let sums = [(first.1, bias), (second.1, other)].map(|(w, bias)| {
                    let mut sum = String::new();
                    for (x, w) in self.x.iter().zip(&w) {
                        let term = product(cx, linear, x, w, if sum.is_empty() { &bias } else { "" });
                        sum = if sum.is_empty() { term } else { cx.append("Add", vec![], &[&sum, &term]) };
                    }
                    sum
                });
                (sums, None)
            }
        }
    }

    /// All products as one: the parts of `x` are channels beside each other, and so are the sums.
    fn at_once(
        self,
        cx: &mut Enclose<'_>,
        linear: Linear,
        [from, to]: [i64; 2],
        biases: [String; 2],
    ) -> ([String; 2], Option<String>) {
        let mut join = |axis, parts: &[String]| match parts {
            [one] => one.clone(),
            parts => {
                let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
                cx.append("Concat", along(axis), &parts)
            }
        };
        let names = [self.sums[0].0, self.sums[1].0];
        let weights = self.sums.map(|(_, parts)| join(from, &parts));
        let w = join(to, &weights);
        let bias = if biases[0].is_empty() { String::new() } else { join(0, &biases) };
        let x = self.stacked.unwrap_or_else(|| join(1, &self.x));
        let both = product(cx, linear, &x, &w, &bias);
        (cx.halves(&both, names), Some(both))
    }
}

fn along(axis: i64) -> Vec<crate::onnx::proto::AttributeProto> {
    vec![attribute::int("axis", axis)]
}
