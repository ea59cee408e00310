//! Bounds of operators that are linear in two inputs.

use crate::error::OpError;
use crate::interval::{Bounds, Enclose};

/// Bounds of an operator that is linear in its first input `x` and in its second `w`, with an optional third that is
/// added: the four-term formula of METHODS 2.1, with the terms left out that vanish for non-negative or point inputs.
pub(super) fn enclose_linear(cx: &mut Enclose<'_>) -> Result<Bounds, OpError> {
    enclose_scaled(cx, 1.0, 1.0)
}

/// The same, where the operator multiplies the product by `alpha` and the third input by `beta`.
pub(super) fn enclose_scaled(cx: &mut Enclose<'_>, alpha: f64, beta: f64) -> Result<Bounds, OpError> {
    let mut bias = cx.optional(2).map_or([String::new(), String::new()], |b| [b.lo, b.hi]);
    if (alpha < 0.0) != (beta < 0.0) {
        bias.swap(0, 1);
    }
    let bounds = product(cx, bias)?;
    Ok(if alpha < 0.0 { Bounds::new(bounds.hi, bounds.lo) } else { bounds })
}

fn product(cx: &mut Enclose<'_>, [bias_lo, bias_hi]: [String; 2]) -> Result<Bounds, OpError> {
    let (x, w) = (cx.input(0)?, cx.input(1)?);
    if x.is_point() {
        return Ok(enclose_point_input(cx, &x.lo, &w, [bias_lo, bias_hi]));
    }
    let [w_lo_pos, w_hi_pos] = [&w.lo, &w.hi].map(|w| cx.positive_part(w));
    let [w_lo_neg, w_hi_neg] = [&w.lo, &w.hi].map(|w| cx.negative_part(w));
    let (x_lo_pos, x_hi_pos) = if x.nonnegative {
        (x.lo.clone(), x.hi.clone())
    } else {
        (cx.positive_part(&x.lo), cx.positive_part(&x.hi))
    };
    let mut lo = vec![(x_lo_pos.clone(), w_lo_pos.clone()), (x_hi_pos.clone(), w_lo_neg.clone())];
    let mut hi = vec![(x_lo_pos, w_hi_neg.clone()), (x_hi_pos, w_hi_pos.clone())];
    if w.is_point() {
        // One weight: w+ meets the same end of x whatever its sign, so two products do.
        lo = vec![(x.lo.clone(), w_lo_pos.clone()), (x.hi.clone(), w_lo_neg.clone())];
        hi = vec![(x.lo, w_lo_neg), (x.hi, w_lo_pos)];
    } else if !x.nonnegative {
        let (x_lo_neg, x_hi_neg) = (cx.negative_part(&x.lo), cx.negative_part(&x.hi));
        lo.extend([(x_lo_neg.clone(), w_hi_pos), (x_hi_neg.clone(), w_hi_neg)]);
        hi.extend([(x_lo_neg, w_lo_neg), (x_hi_neg, w_lo_pos)]);
    }
    Ok(Bounds::new(sum_of_products(cx, &lo, &bias_lo), sum_of_products(cx, &hi, &bias_hi)))
}

fn enclose_point_input(cx: &mut Enclose<'_>, x: &str, w: &Bounds, [bias_lo, bias_hi]: [String; 2]) -> Bounds {
    let (pos, neg) = (cx.positive_part(x), cx.negative_part(x));
    let lo = [(pos.clone(), w.lo.clone()), (neg.clone(), w.hi.clone())];
    let hi = [(pos, w.hi.clone()), (neg, w.lo.clone())];
    Bounds::new(sum_of_products(cx, &lo, &bias_lo), sum_of_products(cx, &hi, &bias_hi))
}

fn sum_of_products(cx: &mut Enclose<'_>, terms: &[(String, String)], bias: &str) -> String {
    let mut sum = String::new();
    for (x, w) in terms {
        let inputs: Vec<&str> =
            if !sum.is_empty() || bias.is_empty() { vec![x, w] } else { vec![x, w, bias] };
        let term = cx.copy(&inputs);
        sum = if sum.is_empty() { term } else { cx.append("Add", vec![], &[&sum, &term]) };
    }
    sum
}
