//! Normalisation by the statistics of each case: `InstanceNormalization`, `GroupNormalization` and
//! `LayerNormalization` differ in what is normalised together and in where scale and bias apply.

mod bounds;

use std::ops::Range;
use std::sync::Arc;

use super::{Entry, Interval, Sample, SampleInput, axes, sums};
use crate::error::OpError;
use crate::interval::Enclose;
use crate::onnx::{Attributes, attribute};
use crate::op::{Backward, Fact, Facts, Forward, Op, Operator};
use crate::tensor::{Element, Value};

pub(super) static INSTANCE: Entry = Entry {
    name: "InstanceNormalization",
    parse: |a| parse(a, Kind::Instance),
    attributes: &["epsilon"],
    trainable: &[1, 2],
    gradient: true,
    interval: Interval::Sound,
    samples: || {
        vec![
            Sample::new("2-D", vec![attribute::float("epsilon", 0.1)], inputs(&[3, 4, 2], &[3])),
            Sample::new("1-D", vec![], inputs(&[2, 9], &[2])),
        ]
    },
};

pub(super) static GROUP: Entry = Entry {
    name: "GroupNormalization",
    parse: |a| {
        let groups = usize::try_from(a.int("num_groups", 0)?).ok().filter(|&g| g > 0);
        let groups = groups.ok_or_else(|| OpError::invalid("attribute `num_groups` must be positive"))?;
        parse(a, Kind::Group { groups, scale_of_group: a.opset() < 21 })
    },
    attributes: &["epsilon", "num_groups", "stash_type"],
    samples: || {
        let groups = |g| vec![attribute::int("num_groups", g)];
        vec![
            Sample::new("scale for each channel", groups(2), inputs(&[6, 2, 3], &[6])).opset(21),
            Sample::new("scale for each group", groups(2), inputs(&[4, 5], &[2])).opset(18),
        ]
    },
    ..INSTANCE
};

pub(super) static LAYER: Entry = Entry {
    name: "LayerNormalization",
    parse: |a| parse(a, Kind::Layer { axis: a.axis(-1)? }),
    attributes: &["epsilon", "axis", "stash_type"],
    samples: || {
        let mut no_bias = inputs(&[3, 5], &[5]);
        no_bias.truncate(2);
        vec![
            Sample::new("last axis", vec![], inputs(&[3, 5], &[5])),
            Sample::new("no bias", vec![attribute::float("epsilon", 0.1)], no_bias),
            Sample::new("axis from the front", vec![attribute::int("axis", 2)], inputs(&[3, 5], &[5])),
            Sample::new("one element", vec![], inputs(&[3, 1], &[1])),
            Sample::new("two axes", vec![attribute::int("axis", -2)], inputs(&[2, 3, 4], &[3, 4])),
            Sample::new("all statistics", vec![], inputs(&[3, 5], &[5])).outputs(3),
        ]
    },
    ..INSTANCE
};

fn inputs(image: &[usize], scale: &[usize]) -> Vec<SampleInput> {
    vec![SampleInput::data(image), SampleInput::weight(scale), SampleInput::weight(scale)]
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    /// Over the positions of each channel.
    Instance,
    /// Over the positions of some channels. Scale and bias belong to a group (operator set 18) or a channel (21).
    Group { groups: usize, scale_of_group: bool },
    /// Over all axes from `axis` on; scale and bias for each element.
    Layer { axis: i64 },
}

fn parse(attributes: &Attributes<'_>, kind: Kind) -> Result<Arc<dyn Operator>, OpError> {
    // 1 is single precision for the statistics, which is what everything is computed in.
    match attributes.int("stash_type", 1)? {
        1 => Ok(Arc::new(Normalization { kind, epsilon: attributes.float("epsilon", 1e-5)? })),
        other => Err(OpError::unsupported(format!("stash_type = {other}"))),
    }
}

/// `y = (x - mean) / sqrt(var + epsilon) * scale + bias` over blocks of elements that lie together.
#[derive(Debug)]
struct Normalization {
    kind: Kind,
    epsilon: f64,
}

/// How elements are normalised and scaled.
#[derive(Clone, Copy, Debug)]
struct Layout {
    /// Elements that are normalised together.
    block: usize,
    /// Elements beside each other with the same scale.
    run: usize,
    /// Number of scales, which repeat.
    scales: usize,
}

/// The statistics of a block.
#[derive(Clone, Copy)]
struct Statistics<T> {
    mean: T,
    /// `1 / sqrt(var + epsilon)`.
    inverse: T,
}

impl Normalization {
    fn layout(&self, x: &[usize]) -> Result<Layout, OpError> {
        let volume = |axes: &[usize]| axes.iter().product::<usize>();
        if let Kind::Layer { axis } = self.kind {
            let block = volume(&x[axes::axis(axis, x.len())?..]);
            return Ok(Layout { block, run: 1, scales: block });
        }
        let [_, channels, space @ ..] = x else {
            return Err(OpError::invalid(format!("input of shape {x:?} has no channel axis")));
        };
        let space = volume(space);
        match self.kind {
            Kind::Group { groups, scale_of_group } if channels % groups == 0 => {
                let block = channels / groups * space;
                let (run, scales) = if scale_of_group { (block, groups) } else { (space, *channels) };
                Ok(Layout { block, run, scales })
            }
            Kind::Group { groups, .. } => {
                Err(OpError::invalid(format!("{channels} channels are not divisible by {groups} groups")))
            }
            _ => Ok(Layout { block: space, run: space, scales: *channels }),
        }
    }

    /// Whether a scale or bias of this shape has one value for each of `scales`.
    fn check(&self, i: usize, given: &Fact, x: &[usize], scales: usize) -> Result<(), OpError> {
        let fits = match self.kind {
            Kind::Layer { axis } => {
                let leading = given.shape.iter().take_while(|&&d| d == 1).count();
                let normalized = &x[axes::axis(axis, x.len())?..];
                let wanted = normalized.iter().take_while(|&&d| d == 1).count();
                given.shape.len() <= x.len() && given.shape[leading..] == normalized[wanted..]
            }
            _ => given.shape == [scales],
        };
        if fits {
            return Ok(());
        }
        Err(OpError::unsupported(format!(
            "input {i} has shape {:?}, expected {scales} values for the normalised part of {x:?}",
            given.shape
        )))
    }

    fn statistics<T: Element>(&self, x: &[T]) -> Statistics<T> {
        let count = T::of(x.len() as f64);
        let mean = sums::sum(x) / count;
        let var = sums::sum_of(x, x, |x, _| (x - mean) * (x - mean)) / count;
        Statistics { mean, inverse: T::one() / (var + T::of(self.epsilon)).sqrt() }
    }
}

impl Layout {
    /// Calls `f(elements, scales)` for the parts of `range` (whole runs): either some elements with one scale or
    /// equally many of both.
    fn parts(self, range: Range<usize>, mut f: impl FnMut(Range<usize>, Range<usize>)) {
        // A run of one element means that scales advance with the elements.
        let len = if self.run == 1 { self.scales } else { self.run };
        let mut start = range.start;
        while start < range.end {
            let first = start / self.run % self.scales;
            let end = (start + len.min(self.block)).min(range.end);
            f(start..end, if self.run == 1 { first..first + (end - start) } else { first..first + 1 });
            start = end;
        }
    }
}

impl<T: Element> Op<T> for Normalization {
    fn infer(&self, inputs: &[Option<Fact>]) -> Result<Vec<Fact>, OpError> {
        let (x, scale) = (inputs.need(0)?, inputs.need(1)?);
        let layout = self.layout(&x.shape)?;
        let mut batched = x.batched && !scale.batched;
        self.check(1, scale, &x.shape, layout.scales)?;
        if let Some(bias) = inputs.given(2) {
            self.check(2, bias, &x.shape, layout.scales)?;
            batched &= !bias.batched;
        }
        let Kind::Layer { axis } = self.kind else { return Ok(vec![x.reshaped(x.shape.clone(), batched)]) };
        let axis = axes::axis(axis, x.shape.len())?;
        batched &= axis > 0;
        let mut statistics = x.shape.clone();
        statistics[axis..].fill(1);
        Ok(vec![
            x.reshaped(x.shape.clone(), batched),
            x.reshaped(statistics.clone(), batched),
            x.reshaped(statistics, batched),
        ])
    }

    fn forward(&self, cx: &mut Forward<'_, T>) -> Result<(), OpError> {
        let (x, scale, bias) = (cx.inputs.float(0)?, cx.inputs.float(1)?, cx.inputs.opt_float(2)?);
        let layout = self.layout(x.shape())?;
        if x.is_empty() {
            return Ok(());
        }
        let [y, rest @ ..] = &mut *cx.outputs else { return Ok(()) };
        let Value::Float(y) = y else { return Err(OpError::invalid("the output must be floating point")) };
        for (i, block) in x.data().chunks_exact(layout.block).enumerate() {
            let s = self.statistics(block);
            let start = i * layout.block;
            layout.parts(start..start + layout.block, |elements, scales| {
                let y = &mut y.data_mut()[elements.clone()];
                scaled(y, &x.data()[elements], &scale.data()[scales.clone()], s);
                if let Some(bias) = bias {
                    add(y, &bias.data()[scales]);
                }
            });
            for (output, value) in rest.iter_mut().zip([s.mean, s.inverse]) {
                if let Value::Float(t) = output
                    && let Some(slot) = t.data_mut().get_mut(i)
                {
                    *slot = value;
                }
            }
        }
        Ok(())
    }

    fn backward(&self, cx: &mut Backward<'_, T>) -> Result<(), OpError> {
        let (x, scale, dy) = (cx.inputs.float(0)?, cx.inputs.float(1)?, cx.grad(0));
        let layout = self.layout(x.shape())?;
        if x.is_empty() {
            return Ok(());
        }
        let of_statistics = [1, 2].map(|i| cx.grad(i));
        if let Some((dx, scratch)) = cx.input_and_scratch(0) {
            let zero = Statistics { mean: T::zero(), inverse: T::one() };
            let mut slope = scratch.zeros(layout.block);
            for (i, dx) in dx.chunks_exact_mut(layout.block).enumerate() {
                let start = i * layout.block;
                let range = start..start + layout.block;
                if let Some(dy) = dy {
                    layout.parts(range.clone(), |elements, scales| {
                        let slope = &mut slope[elements.start - start..elements.end - start];
                        scaled(slope, &dy.data()[elements], &scale.data()[scales], zero);
                    });
                }
                let given = of_statistics.map(|g| g.map_or(T::zero(), |g| g.data()[i]));
                self.input_gradient(dx, &x.data()[range], &slope, given);
            }
            scratch.give(slope);
        }
        let row = x.row_len();
        cx.shared(1, |images, dscale, scratch| {
            let Some(dy) = dy else { return };
            let elements = images.start * row..images.end * row;
            let mut terms = scratch.take(layout.block);
            self.scale_gradient(layout, elements, (x.data(), dy.data()), dscale, &mut terms);
            scratch.give(terms);
        });
        cx.shared(2, |images, dbias, _| {
            let Some(dy) = dy else { return };
            layout.parts(images.start * row..images.end * row, |elements, scales| {
                gather(&mut dbias[scales], &dy.data()[elements]);
            });
        });
        Ok(())
    }

    fn enclose(&self, cx: &mut Enclose<'_>) -> Result<(), OpError> {
        bounds::enclose(cx, self.kind, self.epsilon)
    }
}

impl Normalization {
    /// Adds the gradient of the scales over some blocks of elements; `terms` has room for a block.
    fn scale_gradient<T: Element>(
        &self,
        layout: Layout,
        elements: Range<usize>,
        (x, dy): (&[T], &[T]),
        dscale: &mut [T],
        terms: &mut [T],
    ) {
        for start in elements.step_by(layout.block) {
            let range = start..start + layout.block;
            let (x, dy) = (&x[range.clone()], &dy[range.clone()]);
            let s = self.statistics(x);
            for ((t, &x), &dy) in terms.iter_mut().zip(x).zip(dy) {
                *t = (x - s.mean) * s.inverse * dy;
            }
            layout.parts(range, |elements, scales| {
                gather(&mut dscale[scales], &terms[elements.start - start..elements.end - start]);
            });
        }
    }

    /// From the gradient `g` with respect to the normalised values `z` and those with respect to the statistics:
    /// `dx = (g - mean(g) - z mean(g z)) inverse + dmean / n - dinverse z inverse^2 / n`.
    fn input_gradient<T: Element>(&self, dx: &mut [T], x: &[T], g: &[T], [dmean, dinverse]: [T; 2]) {
        let s = self.statistics(x);
        let count = T::of(x.len() as f64);
        let mean = (sums::sum(g) - dmean / s.inverse) / count;
        let along = sums::sum_of(x, g, |x, g| (x - s.mean) * s.inverse * g);
        let along = (along + dinverse * s.inverse) / count;
        for ((dx, &x), &g) in dx.iter_mut().zip(x).zip(g) {
            *dx = s.inverse * (g - mean - (x - s.mean) * s.inverse * along);
        }
    }
}

/// `y = (x - mean) * inverse * scale`, with one scale for all or one for each.
fn scaled<T: Element>(y: &mut [T], x: &[T], scale: &[T], s: Statistics<T>) {
    match scale {
        [scale] => y.iter_mut().zip(x).for_each(|(y, &x)| *y = (x - s.mean) * s.inverse * *scale),
        _ => {
            for ((y, &x), &scale) in y.iter_mut().zip(x).zip(scale) {
                *y = (x - s.mean) * s.inverse * scale;
            }
        }
    }
}

fn add<T: Element>(y: &mut [T], bias: &[T]) {
    match bias {
        [bias] => y.iter_mut().for_each(|y| *y += *bias),
        _ => y.iter_mut().zip(bias).for_each(|(y, &b)| *y += b),
    }
}

/// Adds the terms of some elements to what their scales have gathered.
fn gather<T: Element>(target: &mut [T], terms: &[T]) {
    match target {
        [target] => *target += sums::sum(terms),
        _ => target.iter_mut().zip(terms).for_each(|(t, &v)| *t += v),
    }
}
