//! `Concat` and `Split`: blocks side by side along one axis.

use std::sync::Arc;

use super::axes::axis;
use super::given::{Given, size};
use super::{Entry, Interval, Sample, SampleInput};
use crate::error::OpError;
use crate::interval::{Bounds, Enclose};
use crate::onnx::{Attributes, attribute};
use crate::op::{Backward, Fact, Facts, Forward, Op, Operator};
use crate::tensor::{Element, Value};

pub(super) static CONCAT: Entry = Entry {
    name: "Concat",
    parse: |attributes| match attributes.has("axis") {
        true => Ok(Arc::new(Concat { axis: attributes.axis(0)? })),
        false => Err(OpError::invalid("attribute `axis` is missing")),
    },
    attributes: &["axis"],
    trainable: &[],
    gradient: true,
    interval: Interval::Exact,
    samples: || {
        let along = |axis: i64| vec![attribute::int("axis", axis)];
        let data = |shapes: [&[usize]; 2]| shapes.map(SampleInput::data).to_vec();
        vec![
            Sample::new("channels", along(1), data([&[2, 3, 2], &[1, 3, 2]])),
            Sample::new("from the end", along(-1), data([&[2, 3], &[2, 1]])),
            Sample::new("one", along(1), vec![SampleInput::data(&[2, 3])]),
            Sample::new("batches", along(0), data([&[3], &[3]])),
        ]
    },
};

pub(super) static SPLIT: Entry = Entry {
    name: "Split",
    parse: parse_split,
    attributes: &["axis", "split", "num_outputs"],
    trainable: &[],
    gradient: true,
    interval: Interval::Exact,
    samples: split_samples,
};

fn split_samples() -> Vec<Sample> {
    let along = |axis: i64| attribute::int("axis", axis);
    let data = || SampleInput::data(&[5, 4]);
    vec![
        Sample::new("sizes", vec![along(1)], vec![data(), SampleInput::ints(&[2, 3])]).outputs(2),
        Sample::new("equal parts", vec![along(-1)], vec![data()]).outputs(2),
        Sample::new("rest last", vec![along(1), attribute::int("num_outputs", 2)], vec![data()])
            .outputs(2)
            .opset(18),
        Sample::new("attribute", vec![along(1), attribute::ints("split", &[1, 4])], vec![data()])
            .outputs(2)
            .opset(11),
    ]
}

/// Inputs side by side along an axis.
#[derive(Debug)]
struct Concat {
    axis: i64,
}

/// One part of a value: for each of the `outer` positions before the axis, `len` elements from `start` of `whole`.
#[derive(Clone, Copy)]
struct Part {
    start: usize,
    len: usize,
    whole: usize,
}

impl Part {
    /// The part of each outer position in the whole.
    fn of<E>(self, whole: &[E]) -> impl Iterator<Item = &[E]> {
        whole.chunks_exact(self.whole.max(1)).map(move |w| &w[self.start..self.start + self.len])
    }

    fn of_mut<E>(self, whole: &mut [E]) -> impl Iterator<Item = &mut [E]> {
        whole.chunks_exact_mut(self.whole.max(1)).map(move |w| &mut w[self.start..self.start + self.len])
    }

    fn read<E: Copy>(self, whole: &[E], part: &mut [E]) {
        let targets = part.chunks_exact_mut(self.len.max(1));
        targets.zip(self.of(whole)).for_each(|(part, own)| part.copy_from_slice(own));
    }

    fn write<E: Copy>(self, part: &[E], whole: &mut [E]) {
        let targets = self.of_mut(whole);
        targets.zip(part.chunks_exact(self.len.max(1))).for_each(|(own, part)| own.copy_from_slice(part));
    }
}

/// The parts of these lengths, side by side.
fn parts(lens: &[usize]) -> impl Iterator<Item = Part> {
    let whole = lens.iter().sum();
    let starts = lens.iter().scan(0, |at, len| Some(std::mem::replace(at, *at + len)));
    starts.zip(lens).map(move |(start, &len)| Part { start, len, whole })
}

impl Concat {
    /// Elements of each input from the axis on.
    fn lens<'a>(&self, shapes: impl Iterator<Item = &'a [usize]>) -> Result<Vec<usize>, OpError> {
        shapes.map(|s| Ok(s[axis(self.axis, s.len())?..].iter().product())).collect()
    }
}

impl<T: Element> Op<T> for Concat {
    fn infer(&self, inputs: &[Option<Fact>]) -> Result<Vec<Fact>, OpError> {
        let first = inputs.need(0)?;
        let axis = axis(self.axis, first.shape.len())?;
        let mut shape = first.shape.clone();
        let mut batched = first.batched;
        for i in 1..inputs.len() {
            let x = inputs.need(i)?;
            let same = |a: usize| a == axis || x.shape[a] == shape[a];
            if x.dtype != first.dtype || x.shape.len() != shape.len() || !(0..shape.len()).all(same) {
                let (a, b) = (&first.shape, &x.shape);
                return Err(OpError::invalid(format!(
                    "{a:?} and {b:?} do not fit side by side along axis {axis}"
                )));
            }
            shape[axis] += x.shape[axis];
            batched |= x.batched;
        }
        // An input without rows of its own is the same for every image.
        Ok(vec![first.reshaped(shape, batched && (axis > 0 || inputs.len() == 1))])
    }

    fn forward(&self, cx: &mut Forward<'_, T>) -> Result<(), OpError> {
        let inputs = (0..cx.inputs.len()).map(|i| cx.inputs.value(i)).collect::<Result<Vec<_>, _>>()?;
        let lens = self.lens(inputs.iter().map(|x| x.shape()))?;
        for (part, x) in parts(&lens).zip(inputs) {
            match (x, cx.outputs.first_mut()) {
                (Value::Float(x), Some(Value::Float(y))) => part.write(x.data(), y.data_mut()),
                (Value::Int(x), Some(Value::Int(y))) => part.write(x.data(), y.data_mut()),
                (Value::Bool(x), Some(Value::Bool(y))) => part.write(x.data(), y.data_mut()),
                _ => return Err(OpError::invalid("inputs differ in kind")),
            }
        }
        Ok(())
    }

    fn backward(&self, cx: &mut Backward<'_, T>) -> Result<(), OpError> {
        let dy = cx.grad_output()?;
        let inputs = (0..cx.inputs.len()).map(|i| cx.inputs.float(i)).collect::<Result<Vec<_>, _>>()?;
        let lens = self.lens(inputs.iter().map(|x| x.shape()))?;
        for (i, part) in parts(&lens).enumerate() {
            if cx.is_shared(i) {
                // Shared or not, it has a row for each image, and the image's own is the only one it meets.
                let (row, whole) = (inputs[i].row_len(), dy.row_len());
                cx.shared(i, |images, dx, _| {
                    let targets = dx[images.start * row..images.end * row].chunks_exact_mut(part.len.max(1));
                    let sources = part.of(&dy.data()[images.start * whole..images.end * whole]);
                    for (dx, dy) in targets.zip(sources) {
                        dx.iter_mut().zip(dy).for_each(|(dx, &dy)| *dx += dy);
                    }
                });
            } else if let Some(dx) = cx.input(i) {
                part.read(dy.data(), dx);
            }
        }
        Ok(())
    }

    fn enclose(&self, cx: &mut Enclose<'_>) -> Result<(), OpError> {
        let inputs = (0..cx.inputs()).map(|i| cx.input(i)).collect::<Result<Vec<_>, _>>()?;
        let nonnegative = inputs.iter().all(|x| x.nonnegative);
        let hi = cx.copy(&inputs.iter().map(|x| x.hi.as_str()).collect::<Vec<_>>());
        if cx.by_width() {
            let widths: Vec<String> = inputs.iter().map(|x| cx.width(x)).collect();
            let width = cx.copy(&widths.iter().map(String::as_str).collect::<Vec<_>>());
            let bounds = cx.of_width(&hi, &width, nonnegative);
            cx.output(0, bounds);
            return Ok(());
        }
        let lo = cx.copy(&inputs.iter().map(|x| x.lo.as_str()).collect::<Vec<_>>());
        cx.output(0, Bounds { nonnegative, ..Bounds::new(lo, hi) });
        Ok(())
    }
}

/// How the sizes of the parts are given.
#[derive(Debug)]
enum Sizes {
    /// By the attribute `split` (before opset 13).
    Attribute(Vec<i64>),
    /// By input 1.
    Input,
    /// As many parts of one size.
    Equal(usize),
    /// As many parts, the last one smaller if need be (`num_outputs`, opset 18).
    Ceil(usize),
}

fn parse_split(attributes: &Attributes<'_>) -> Result<Arc<dyn Operator>, OpError> {
    let outputs = attributes.outputs();
    let sizes = if let Some(sizes) = attributes.ints("split")? {
        Sizes::Attribute(sizes.to_vec())
    } else if attributes.has_input(1) {
        Sizes::Input
    } else if attributes.has("num_outputs") {
        match usize::try_from(attributes.int("num_outputs", 0)?) {
            Ok(n) if n == outputs => Sizes::Ceil(n),
            _ => return Err(OpError::invalid(format!("num_outputs does not fit {outputs} outputs"))),
        }
    } else {
        Sizes::Equal(outputs)
    };
    Ok(Arc::new(Split { axis: attributes.axis(0)?, sizes, outputs }))
}

/// Parts along an axis.
#[derive(Debug)]
struct Split {
    axis: i64,
    sizes: Sizes,
    outputs: usize,
}

impl Split {
    /// The sizes along an axis of `n`.
    fn sizes<G: Given + ?Sized>(&self, n: usize, given: &G) -> Result<Vec<usize>, OpError> {
        let listed = |list: &[i64]| list.iter().map(|&v| size(v)).collect::<Result<Vec<_>, _>>();
        let sizes = match &self.sizes {
            Sizes::Attribute(list) => listed(list)?,
            Sizes::Input => listed(given.ints(1, "split")?)?,
            Sizes::Equal(parts) => vec![n / (*parts).max(1); *parts],
            Sizes::Ceil(parts) => {
                let most = n.div_ceil((*parts).max(1));
                (0..*parts).map(|i| most.min(n.saturating_sub(i * most))).collect()
            }
        };
        match sizes.len() == self.outputs && sizes.iter().sum::<usize>() == n {
            true => Ok(sizes),
            false => Err(OpError::invalid(format!("an axis of size {n} does not split into {sizes:?}"))),
        }
    }
}

impl Split {
    /// Elements of each output from the axis on.
    fn lens<G: Given + ?Sized>(&self, given: &G) -> Result<Vec<usize>, OpError> {
        let shape = given.shape(0)?;
        let axis = axis(self.axis, shape.len())?;
        let inner: usize = shape[axis + 1..].iter().product();
        Ok(self.sizes(shape[axis], given)?.iter().map(|n| n * inner).collect())
    }
}

impl<T: Element> Op<T> for Split {
    fn infer(&self, inputs: &[Option<Fact>]) -> Result<Vec<Fact>, OpError> {
        let x = inputs.need(0)?;
        let axis = axis(self.axis, x.shape.len())?;
        let sizes = self.sizes(x.shape[axis], inputs)?;
        let batched = x.batched && (axis > 0 || sizes.len() == 1);
        let part = |&n: &usize| x.reshaped([&x.shape[..axis], &[n], &x.shape[axis + 1..]].concat(), batched);
        Ok(sizes.iter().map(part).collect())
    }

    fn forward(&self, cx: &mut Forward<'_, T>) -> Result<(), OpError> {
        let x = cx.inputs.value(0)?;
        for (i, part) in parts(&self.lens(&cx.inputs)?).enumerate() {
            match (x, cx.outputs.get_mut(i)) {
                (Value::Float(x), Some(Value::Float(y))) => part.read(x.data(), y.data_mut()),
                (Value::Int(x), Some(Value::Int(y))) => part.read(x.data(), y.data_mut()),
                (Value::Bool(x), Some(Value::Bool(y))) => part.read(x.data(), y.data_mut()),
                // Nobody reads this part.
                _ => {}
            }
        }
        Ok(())
    }

    fn backward(&self, cx: &mut Backward<'_, T>) -> Result<(), OpError> {
        let grads: Vec<_> = (0..self.outputs).map(|i| cx.grad(i)).collect();
        let lens = self.lens(&cx.inputs)?;
        let Some(dx) = cx.input(0) else { return Ok(()) };
        for (part, dy) in parts(&lens).zip(grads) {
            match dy {
                Some(dy) => part.write(dy.data(), dx),
                None => part.of_mut(dx).for_each(|dx| dx.fill(T::zero())),
            }
        }
        Ok(())
    }

    fn enclose(&self, cx: &mut Enclose<'_>) -> Result<(), OpError> {
        let nonnegative = cx.input(0)?.nonnegative;
        cx.homogeneous(nonnegative)
    }
}
