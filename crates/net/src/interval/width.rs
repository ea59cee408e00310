//! Bounds as an upper end and a width.
//!
//! Two ends that are computed apart are each off by some units of rounding of their terms. The positive and the negative parts
//! of the weights take one from the one end and the other from the other, so that an error of either makes the next box wider or narrower by
//! as much as the magnitudes of the weights sum up to, where an error of a point averages out: over nine convolutions to a
//! tenth of the width. A width, however, follows from the width before and from the widths of the weights as a sum of products of
//! which none is negative, so what it is off is small beside it; and the upper end follows from the upper end before
//! through the upper ends of the weights, as a point does.
//!
//! With `x = hi - s .. hi`, not negative, and weights `wl .. wh`, `d = wh - wl`, the formula of METHODS 2.1 is
//!
//! ```text
//! hi' = hi wh - s wh-        s' = hi d + s (wl+ - wh-)
//! ```
//!
//! as many products as of ends. A box of any sign is the sum of its parts on both sides of 0; the part below gives
//! `hi' = hi wl - s wl-` and `s' = |hi| d + s (wh+ - wl-)`. A ReLU makes the upper end `hi+` and the width `min(s, hi+)`.

use super::{Bounds, Enclose};
use crate::error::OpError;

impl Enclose<'_> {
    /// Whether bounds are upper end and width for operators that know how.
    pub fn by_width(&self) -> bool {
        self.emitter.by_width
    }

    /// The distance of the ends of a box, at least 0 and of the shape of its ends: as its operator knew it, else their
    /// difference.
    pub fn width(&mut self, x: &Bounds) -> String {
        if let Some(width) = &x.width {
            return width.clone();
        }
        let width = self.append("Sub", vec![], &[&x.hi, &x.lo]);
        // Two ways to the same number may round apart.
        if x.is_point() { width } else { self.positive_part(&width) }
    }

    /// The box of an upper end and a width.
    pub fn of_width(&mut self, hi: &str, width: &str, nonnegative: bool) -> Bounds {
        let lo = self.append("Sub", vec![], &[hi, width]);
        Bounds { nonnegative, width: Some(width.to_owned()), ..Bounds::new(lo, hi) }
    }

    /// The width of the part of a box above 0, where its upper end has the positive part `positive`.
    pub fn width_above_zero(&mut self, x: &Bounds, positive: &str) -> String {
        let width = self.width(x);
        self.append("Min", vec![], &[&width, positive])
    }

    /// The width of the part of a box below 0, where its upper end has the positive part `positive`.
    pub fn width_below_zero(&mut self, x: &Bounds, positive: &str) -> String {
        let width = self.width(x);
        let rest = self.append("Sub", vec![], &[&width, positive]);
        self.positive_part(&rest)
    }

    /// The reading of an operator that is linear in its first input, multiplies it by nothing negative, and takes points for
    /// all others. It does not round.
    ///
    /// # Errors
    /// As [`Self::monotone`].
    pub fn homogeneous(&mut self, nonnegative: bool) -> Result<(), OpError> {
        let x = self.input(0)?;
        if !self.by_width() || x.is_point() {
            return self.monotone(nonnegative);
        }
        let rest = self.points_from(1)?;
        let width = self.width(&x);
        let [hi, width] = [&x.hi, &width].map(|value| {
            let inputs: Vec<&str> = std::iter::once(value).chain(&rest).map(String::as_str).collect();
            self.copy_all(&inputs)
        });
        for (i, (hi, width)) in hi.iter().zip(&width).enumerate().filter(|(_, (hi, _))| !hi.is_empty()) {
            let bounds = self.of_width(hi, width, nonnegative);
            self.output(i, bounds);
        }
        Ok(())
    }
}
