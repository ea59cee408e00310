//! Bounds of a normalisation by the statistics of each case.
//!
//! Among `n` values let `d_i = x_i - mean(x)`. The variance is `d_i^2 / (n - 1) + q_i`, where `n q_i` is the sum of squares of the
//! other values around their own mean (Welford's decomposition). So
//!
//! `z_i = d_i / sqrt(d_i^2 / (n - 1) + q_i + epsilon)`
//!
//! grows with `d_i`, and its magnitude falls with `q_i`; that `|z_i| <= sqrt(n - 1)` is part of the formula. The range of `d_i` over
//! a box is exact, since `d_i` is linear. With `c` a point of the box and `r` the distances from it, `sqrt(q_i)` lies within
//! `sqrt(mean(r^2))` of its value at `c`: it is a seminorm of `x`, and at most `|x| / sqrt(n)`. The bounds treat `d_i` and `q_i` as if
//! they varied independently; without a box they are the value itself.

use super::Kind;
use crate::error::OpError;
use crate::interval::{Bounds, Enclose};
use crate::onnx::attribute;

/// Sets the bounds of the normalised values, and of mean and inverse deviation where the operator has these outputs.
pub(super) fn enclose(cx: &mut Enclose<'_>, kind: Kind, epsilon: f64) -> Result<(), OpError> {
    let blocks = Blocks::new(cx, kind, epsilon)?;
    let z = blocks.normalized(cx)?;
    let y = scaled(cx, kind, &z)?;
    cx.output(0, y);
    if blocks.in_place {
        blocks.statistics(cx)?;
    }
    Ok(())
}

/// Scale and bias, for each group or channel or element, and the shape of the input.
fn scaled(cx: &mut Enclose<'_>, kind: Kind, z: &Bounds) -> Result<Bounds, OpError> {
    let x = cx.input(0)?;
    let (mut scale, mut bias) = (cx.input(1)?, cx.optional(2));
    let shape = Bounds::point(cx.append("Shape", vec![], &[&x.lo]));
    let mut z = z.clone();
    if let Kind::Layer { .. } = kind {
        z = cx.apply("Reshape", vec![], &[&z, &shape])?;
    } else {
        // One row of elements for each scale.
        let count = cx.append("Shape", vec![], &[&scale.lo]);
        let (images, elements) = (cx.integers(&[0]), cx.integers(&[-1]));
        let rows = [images.as_str(), &count, &elements];
        let rows = Bounds::point(cx.append("Concat", vec![attribute::int("axis", 0)], &rows));
        z = cx.apply("Reshape", vec![], &[&z, &rows])?;
        let column = Bounds::point(cx.integers(&[-1, 1]));
        scale = cx.apply("Reshape", vec![], &[&scale, &column])?;
        bias = bias.map(|bias| cx.apply("Reshape", vec![], &[&bias, &column])).transpose()?;
    }
    let mut y = cx.apply("Mul", vec![], &[&z, &scale])?;
    if let Some(bias) = bias {
        y = cx.apply("Add", vec![], &[&y, &bias])?;
    }
    cx.apply("Reshape", vec![], &[&y, &shape])
}

/// The input in a shape in which whole axes are normalised together.
struct Blocks {
    x: Bounds,
    axes: Vec<i64>,
    epsilon: f64,
    /// Whether the shape is that of the input.
    in_place: bool,
}

impl Blocks {
    fn new(cx: &mut Enclose<'_>, kind: Kind, epsilon: f64) -> Result<Self, OpError> {
        let x = cx.input(0)?;
        let groups = match kind {
            Kind::Layer { axis } if axis < 0 => {
                return Ok(Self { x, axes: (axis..0).collect(), epsilon, in_place: true });
            }
            Kind::Layer { axis } => {
                let x = cx.apply("Flatten", vec![attribute::int("axis", axis)], &[&x])?;
                return Ok(Self { x, axes: vec![1], epsilon, in_place: false });
            }
            Kind::Instance => 0,
            Kind::Group { groups, .. } => groups as i64,
        };
        let shape = Bounds::point(cx.integers(&[0, groups, -1]));
        let x = cx.apply("Reshape", vec![], &[&x, &shape])?;
        Ok(Self { x, axes: vec![2], epsilon, in_place: false })
    }

    fn mean(&self, cx: &mut Enclose<'_>, x: &Bounds) -> Result<Bounds, OpError> {
        cx.reduce("ReduceMean", &self.axes, x)
    }

    /// The number of elements in a block.
    fn count(&self, cx: &mut Enclose<'_>) -> Bounds {
        let mut count = String::new();
        for &axis in &self.axes {
            let size = cx.dimension(&self.x.lo, axis);
            count = if count.is_empty() { size } else { cx.append("Mul", vec![], &[&count, &size]) };
        }
        Bounds::point(count)
    }

    /// `x - mean(x)` where one value is at one end of its box and all others are at the other.
    fn deviation(
        &self,
        cx: &mut Enclose<'_>,
        own: &str,
        others: &str,
        n: &Bounds,
    ) -> Result<Bounds, OpError> {
        let (own, others) = (Bounds::point(own), Bounds::point(others));
        let mean = self.mean(cx, &others)?;
        let deviation = cx.apply("Sub", vec![], &[&own, &mean])?;
        if own == others {
            return Ok(deviation);
        }
        let moved = cx.apply("Sub", vec![], &[&own, &others])?;
        let share = cx.apply("Div", vec![], &[&moved, n])?;
        cx.apply("Sub", vec![], &[&deviation, &share])
    }

    fn normalized(&self, cx: &mut Enclose<'_>) -> Result<Bounds, OpError> {
        let n = self.count(cx);
        let one = Bounds::point(cx.number(1.0));
        let others = cx.append("Sub", vec![], &[&n.lo, &one.lo]);
        // A value alone is its own mean: nothing is divided.
        let others = Bounds::point(cx.append("Max", vec![], &[&others, &one.lo]));
        let (centre, near) = self.around_centre(cx)?;
        let deviation = self.deviation(cx, &centre.lo, &centre.lo, &n)?;
        let own = square(cx, &deviation)?;
        let all = self.mean(cx, &own)?;
        let own = cx.apply("Div", vec![], &[&own, &others])?;
        let rest = cx.apply("Sub", vec![], &[&all, &own])?;
        let rest = self.range(cx, &rest, near.as_ref())?;
        let (lo, hi) = (self.x.lo.clone(), self.x.hi.clone());
        let deviations = [(&lo, &hi), (&hi, &lo)].map(|(own, others)| self.deviation(cx, own, others, &n));
        let mut ends = Vec::with_capacity(2);
        for deviation in deviations {
            let deviation = deviation?;
            let own = square(cx, &deviation)?;
            let own = cx.apply("Div", vec![], &[&own, &others])?;
            let mut reached = Vec::with_capacity(2);
            for rest in &rest {
                let variance = cx.apply("Add", vec![], &[&own, rest])?;
                let z = self.over_root(cx, &deviation, &variance)?;
                reached.push(z);
            }
            ends.push((
                cx.extremum("Min", &[reached[0].lo.clone(), reached[1].lo.clone()]),
                cx.extremum("Max", &[reached[0].hi.clone(), reached[1].hi.clone()]),
            ));
        }
        let [(lo, _), (_, hi)] = ends.as_slice() else { return Err(OpError::invalid("two ends expected")) };
        Ok(Bounds::new(lo, hi))
    }

    /// A point of the box, and where it is a box the root of the mean square of the distances from it.
    fn around_centre(&self, cx: &mut Enclose<'_>) -> Result<(Bounds, Option<Bounds>), OpError> {
        if self.x.is_point() {
            return Ok((self.x.clone(), None));
        }
        let (sum, width) = cx.sum_and_width(&self.x);
        let half = cx.number(0.5);
        let [centre, radius] = [sum, width].map(|twice| cx.append("Mul", vec![], &[&twice, &half]));
        let square = square(cx, &Bounds::point(radius))?;
        let mean = self.mean(cx, &square)?;
        Ok((Bounds::point(centre), Some(cx.apply("Sqrt", vec![], &[&mean])?)))
    }

    /// Both ends of a mean of squares over the box, given it at the centre and how far its root may be away.
    fn range(
        &self,
        cx: &mut Enclose<'_>,
        squares: &Bounds,
        near: Option<&Bounds>,
    ) -> Result<[Bounds; 2], OpError> {
        // A difference of rounded numbers may come out below 0.
        let squares = cx.apply("Relu", vec![], &[squares])?;
        let Some(near) = near else { return Ok([squares.clone(), squares]) };
        let root = cx.apply("Sqrt", vec![], &[&squares])?;
        let less = cx.apply("Sub", vec![], &[&root, near])?;
        let less = cx.apply("Relu", vec![], &[&less])?;
        let more = cx.apply("Add", vec![], &[&root, near])?;
        Ok([square(cx, &less)?, square(cx, &more)?])
    }

    /// `x / sqrt(variance + epsilon)`.
    fn over_root(&self, cx: &mut Enclose<'_>, x: &Bounds, variance: &Bounds) -> Result<Bounds, OpError> {
        let epsilon = Bounds::point(cx.attribute_number(self.epsilon));
        let sum = cx.apply("Add", vec![], &[variance, &epsilon])?;
        let root = cx.apply("Sqrt", vec![], &[&sum])?;
        cx.apply("Div", vec![], &[x, &root])
    }

    /// Bounds of the outputs 1 and 2: mean, and one over the root.
    fn statistics(&self, cx: &mut Enclose<'_>) -> Result<(), OpError> {
        if cx.outputs() < 2 {
            return Ok(());
        }
        let mean = self.mean(cx, &self.x)?;
        cx.output(1, mean);
        let (centre, near) = self.around_centre(cx)?;
        let mean = self.mean(cx, &centre)?;
        let deviation = cx.apply("Sub", vec![], &[&centre, &mean])?;
        let squares = square(cx, &deviation)?;
        let squares = self.mean(cx, &squares)?;
        let [least, most] = self.range(cx, &squares, near.as_ref())?;
        let one = Bounds::point(cx.number(1.0));
        let (lo, hi) = (self.over_root(cx, &one, &most)?, self.over_root(cx, &one, &least)?);
        cx.output(2, Bounds::new(lo.lo, hi.hi));
        Ok(())
    }
}

/// The square, as a product of magnitudes: no box of it reaches below 0.
fn square(cx: &mut Enclose<'_>, x: &Bounds) -> Result<Bounds, OpError> {
    let size = cx.apply("Abs", vec![], &[x])?;
    let product = cx.apply("Mul", vec![], &[&size, &size])?;
    Ok(Bounds { nonnegative: true, ..product })
}
