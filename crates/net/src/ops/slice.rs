//! Parts and copies along axes: `Slice`, `Gather` with constant indices, `Expand`.

use std::sync::Arc;

use super::axes::{axis, ordered};
use super::given::{Given, size, strides};
use super::rearrange::{Rearrange, Rearranged, Source};
use super::{Entry, Interval, Sample, SampleInput};
use crate::error::OpError;
use crate::kernels::select::Axis;
use crate::onnx::{Attributes, attribute};
use crate::op::Operator;
use crate::tensor::{Tensor, Value};

pub(super) static SLICE: Entry = Entry {
    name: "Slice",
    parse: parse_slice,
    attributes: &["starts", "ends", "axes"],
    trainable: &[],
    gradient: true,
    interval: Interval::Exact,
    samples: slice_samples,
};

pub(super) static GATHER: Entry = Entry {
    name: "Gather",
    parse: |attributes| Ok(Arc::new(Rearranged(Gather { axis: attributes.axis(0)? }))),
    attributes: &["axis"],
    trainable: &[],
    gradient: true,
    interval: Interval::Exact,
    samples: gather_samples,
};

pub(super) static EXPAND: Entry = Entry {
    name: "Expand",
    parse: |_| Ok(Arc::new(Rearranged(Expand))),
    attributes: &[],
    trainable: &[],
    gradient: true,
    interval: Interval::Exact,
    samples: || {
        let data =
            |shape: &[usize], target: &[i64]| vec![SampleInput::data(shape), SampleInput::ints(target)];
        vec![
            Sample::new("along inner axes", vec![], data(&[1, 3, 1], &[1, 4, 1, 5])),
            Sample::new("fewer axes in the target", vec![], data(&[2, 1], &[3])),
            Sample::new("batch axis away", vec![], data(&[3], &[2, 1, 3])),
        ]
    },
};

fn slice_samples() -> Vec<Sample> {
    let ints = SampleInput::ints;
    let image = || SampleInput::data(&[3, 6, 5]);
    let old = [("starts", [1, -3]), ("ends", [-1, 9]), ("axes", [2, 3])];
    vec![
        Sample::new(
            "steps",
            vec![],
            vec![image(), ints(&[1, -1]), ints(&[i64::MAX, i64::MIN]), ints(&[2, -1]), ints(&[2, -2])],
        ),
        Sample::new("channels", vec![], vec![image(), ints(&[1]), ints(&[3]), ints(&[1])]),
        Sample::new(
            "whole batch",
            vec![],
            vec![image(), ints(&[0, 1]), ints(&[i64::MAX, 2]), ints(&[0, 1]), ints(&[1, 1])],
        ),
        Sample::new(
            "batch reversed",
            vec![],
            vec![image(), ints(&[-1]), ints(&[i64::MIN]), ints(&[0]), ints(&[-1])],
        ),
        Sample::new("attributes", old.map(|(name, v)| attribute::ints(name, &v)).to_vec(), vec![image()])
            .opset(9),
    ]
}

fn gather_samples() -> Vec<Sample> {
    let indices = |shape: &[usize], values: &[i64]| {
        SampleInput::Constant(Value::Int(Tensor::new(shape, values.to_vec()).unwrap_or_default()))
    };
    let along = |axis: i64| vec![attribute::int("axis", axis)];
    let data = || SampleInput::data(&[4, 3]);
    vec![
        Sample::new("list", along(1), vec![data(), indices(&[3], &[2, 0, 2])]),
        Sample::new("matrix, from the end", along(-1), vec![data(), indices(&[2, 2], &[0, -1, 1, 1])]),
        Sample::new("one", along(1), vec![data(), indices(&[], &[3])]),
        Sample::new("first image", vec![], vec![data(), indices(&[], &[0])]),
    ]
}

fn parse_slice(attributes: &Attributes<'_>) -> Result<Arc<dyn Operator>, OpError> {
    if attributes.opset() >= 10 {
        return Ok(Arc::new(Rearranged(Slice { bounds: None })));
    }
    let list = |name| Ok(attributes.ints(name)?.map(<[i64]>::to_vec));
    let need = |name| list(name)?.ok_or_else(|| OpError::invalid(format!("attribute `{name}` is missing")));
    let bounds = Bounds { starts: need("starts")?, ends: need("ends")?, axes: list("axes")?, steps: None };
    Ok(Arc::new(Rearranged(Slice { bounds: Some(bounds) })))
}

#[derive(Clone, Debug)]
struct Bounds {
    starts: Vec<i64>,
    ends: Vec<i64>,
    axes: Option<Vec<i64>>,
    steps: Option<Vec<i64>>,
}

/// A range along some axes.
#[derive(Debug)]
struct Slice {
    /// From attributes (before opset 10); `None`: from inputs 1 to 4.
    bounds: Option<Bounds>,
}

impl Slice {
    fn bounds<G: Given + ?Sized>(&self, given: &G) -> Result<Bounds, OpError> {
        if let Some(bounds) = &self.bounds {
            return Ok(bounds.clone());
        }
        Ok(Bounds {
            starts: given.ints(1, "starts")?.to_vec(),
            ends: given.ints(2, "ends")?.to_vec(),
            axes: given.optional_ints(3, "axes")?.map(<[i64]>::to_vec),
            steps: given.optional_ints(4, "steps")?.map(<[i64]>::to_vec),
        })
    }
}

impl Rearrange for Slice {
    fn source<G: Given + ?Sized>(&self, given: &G) -> Result<Source, OpError> {
        let Bounds { starts, ends, axes: list, steps } = self.bounds(given)?;
        let shape = given.shape(0)?;
        let list = list.unwrap_or_else(|| (0..starts.len() as i64).collect());
        let steps = steps.unwrap_or_else(|| vec![1; starts.len()]);
        if [ends.len(), list.len(), steps.len()] != [starts.len(); 3] {
            return Err(OpError::invalid("starts, ends, axes and steps differ in length"));
        }
        let strides = strides(shape);
        let mut source = Source::of(shape.iter().zip(&strides).map(|(&n, &s)| Axis::whole(n, s)).collect());
        for (i, a) in ordered(&list, shape.len())?.into_iter().enumerate() {
            let (first, len) = range(starts[i], ends[i], steps[i], shape[a])?;
            // A step that skips everything behind the first element may be of any size.
            let step = if len > 1 { steps[i] as isize * strides[a] as isize } else { 0 };
            source.axes[a] = Axis::Strided { len, start: first * strides[a], step };
            source.shape[a] = len;
            // A whole batch by chance, such as `0..2` of 2 images, is none.
            let to_the_end = ends[i] >= i64::from(i32::MAX) || usize::try_from(ends[i]) == Ok(shape[a]);
            source.any_batch &= a > 0 || (steps[i] == 1 && to_the_end);
        }
        Ok(source)
    }
}

/// First element and number of elements of `start..end` with a step along an axis of `size`.
fn range(start: i64, end: i64, step: i64, size: usize) -> Result<(usize, usize), OpError> {
    let n = size as i128;
    let [start, end, step] = [start, end, step].map(i128::from);
    let [start, end] = [start, end].map(|v| if v < 0 { v + n } else { v });
    let count = match step {
        0 => return Err(OpError::invalid("a slice has step 0")),
        _ if size == 0 => return Ok((0, 0)),
        1.. => (start.clamp(0, n), end.clamp(0, n)),
        _ => (start.clamp(0, n - 1), end.clamp(-1, n - 1)),
    };
    let (first, last) = count;
    let distance = if step > 0 { last - first } else { first - last };
    let len = if distance <= 0 { 0 } else { (distance + step.abs() - 1) / step.abs() };
    Ok(if len == 0 { (0, 0) } else { (first as usize, len as usize) })
}

/// Elements at given positions along one axis.
#[derive(Debug)]
struct Gather {
    axis: i64,
}

impl Rearrange for Gather {
    fn source<G: Given + ?Sized>(&self, given: &G) -> Result<Source, OpError> {
        let shape = given.shape(0)?;
        let axis = axis(self.axis, shape.len())?;
        let strides = strides(shape);
        let offset = |&i: &i64| {
            let at = if i < 0 { i.saturating_add(shape[axis] as i64) } else { i };
            let at = usize::try_from(at).ok().filter(|&at| at < shape[axis]);
            let outside = || OpError::invalid(format!("index {i} is outside axis {axis} of {shape:?}"));
            at.map(|at| at * strides[axis]).ok_or_else(outside)
        };
        let table = given.ints(1, "indices")?.iter().map(offset).collect::<Result<_, _>>()?;
        let mut axes: Vec<Axis> = shape.iter().zip(&strides).map(|(&n, &s)| Axis::whole(n, s)).collect();
        axes[axis] = Axis::Table(table);
        let target = [&shape[..axis], given.shape(1)?, &shape[axis + 1..]].concat();
        Ok(Source::new(target, axes))
    }
}

/// Repetition along axes of size 1, and along new ones in front.
#[derive(Debug)]
struct Expand;

impl Rearrange for Expand {
    fn source<G: Given + ?Sized>(&self, given: &G) -> Result<Source, OpError> {
        let (shape, target) = (given.shape(0)?, given.ints(1, "the target shape")?);
        let rank = shape.len().max(target.len());
        let strides = strides(shape);
        let along = |i: usize| {
            let own = (i + shape.len()).checked_sub(rank);
            let wanted = match (i + target.len()).checked_sub(rank) {
                Some(j) => size(target[j])?,
                None => 1,
            };
            match own.map(|a| (shape[a], strides[a])) {
                None | Some((1, _)) => Ok(Axis::whole(wanted, 0)),
                Some((n, stride)) if wanted == n || wanted == 1 => Ok(Axis::whole(n, stride)),
                Some(_) => Err(OpError::invalid(format!("shape {shape:?} does not expand to {target:?}"))),
            }
        };
        Ok(Source::of((0..rank).map(along).collect::<Result<_, _>>()?))
    }
}
