//! `Resize` and `Upsample`: nearest neighbour and linear interpolation.

use std::sync::Arc;

use super::given::{Given, strides};
use super::grid::{Grid, Line};
use super::rearrange::{Rearrange, Rearranged, Source};
use super::{Entry, Interval, Sample, SampleInput};
use crate::error::OpError;
use crate::interval::Enclose;
use crate::kernels::interpolate::Step;
use crate::kernels::select::Axis;
use crate::onnx::{Attributes, attribute};
use crate::op::{Backward, Fact, Facts, Forward, Op, Operator};
use crate::tensor::{DType, Element};

pub(super) static RESIZE: Entry = Entry {
    name: "Resize",
    parse: parse_resize,
    attributes: &[
        "mode",
        "coordinate_transformation_mode",
        "nearest_mode",
        "antialias",
        "axes",
        "keep_aspect_ratio_policy",
        "cubic_coeff_a",
        "exclude_outside",
        "extrapolation_value",
    ],
    trainable: &[],
    gradient: true,
    interval: Interval::Exact,
    samples: resize_samples,
};

pub(super) static UPSAMPLE: Entry = Entry {
    name: "Upsample",
    parse: |attributes| operator(attributes, Grid::old()),
    attributes: &["mode"],
    trainable: &[],
    gradient: true,
    interval: Interval::Exact,
    samples: || {
        let inputs = || vec![SampleInput::data(&[2, 3, 4]), SampleInput::floats(&[1.0, 1.0, 2.0, 1.5])];
        vec![
            Sample::new("nearest", vec![], inputs()).opset(9),
            Sample::new("linear", vec![attribute::string("mode", "linear")], inputs()).opset(9),
        ]
    },
};

fn resize_samples() -> Vec<Sample> {
    let text = attribute::string;
    let nearest = |coordinates, rounding| {
        vec![text("coordinate_transformation_mode", coordinates), text("nearest_mode", rounding)]
    };
    let linear =
        |coordinates| vec![text("mode", "linear"), text("coordinate_transformation_mode", coordinates)];
    let to = |name, attributes: Vec<_>, sizes: &[i64]| {
        let absent = || SampleInput::Absent;
        let inputs = vec![SampleInput::data(&[2, 3, 4]), absent(), absent(), SampleInput::ints(sizes)];
        Sample::new(name, [attributes, vec![attribute::ints("axes", &[2, 3])]].concat(), inputs).opset(18)
    };
    let by = |name, attributes, shape: &[usize], scales: &[f64]| {
        let scales = SampleInput::floats(scales);
        Sample::new(name, attributes, vec![SampleInput::data(shape), SampleInput::Absent, scales])
    };
    let old = vec![SampleInput::data(&[2, 3, 4]), SampleInput::floats(&[1.0, 1.0, 1.7, 0.6])];
    vec![
        to("nearest, default", vec![], &[5, 9]),
        to("nearest, asymmetric", nearest("asymmetric", "floor"), &[5, 6]),
        to("nearest, align_corners", nearest("align_corners", "ceil"), &[7, 3]),
        to("nearest, pytorch", nearest("pytorch_half_pixel", "round_prefer_ceil"), &[1, 6]),
        to("linear, half_pixel", linear("half_pixel"), &[5, 2]),
        to("linear, pytorch", linear("pytorch_half_pixel"), &[1, 6]),
        to("linear, align_corners", linear("align_corners"), &[5, 7]),
        to("linear, asymmetric", linear("asymmetric"), &[5, 7]),
        by("nearest, twice", nearest("asymmetric", "floor"), &[2, 3, 4], &[1.0, 1.0, 2.0, 2.0]),
        by("linear, 1-D", linear("half_pixel"), &[2, 5], &[1.0, 1.0, 1.6]),
        by("linear, 3-D", linear("half_pixel"), &[1, 2, 3, 2], &[1.0, 1.0, 2.0, 0.7, 2.0]),
        Sample::new("nearest, oldest", vec![], old.clone()).opset(10),
        Sample::new("linear, oldest", vec![text("mode", "linear")], old).opset(10),
    ]
}

fn parse_resize(attributes: &Attributes<'_>) -> Result<Arc<dyn Operator>, OpError> {
    if attributes.opset() < 11 {
        return operator(attributes, Grid::old());
    }
    for flag in ["antialias", "exclude_outside"] {
        if attributes.flag(flag, false)? {
            return Err(OpError::unsupported(format!("attribute `{flag}`")));
        }
    }
    match attributes.string("keep_aspect_ratio_policy", "stretch")? {
        "stretch" => operator(attributes, Grid::parse(attributes)?),
        other => Err(OpError::unsupported(format!("keep_aspect_ratio_policy `{other}`"))),
    }
}

fn operator(attributes: &Attributes<'_>, grid: Grid) -> Result<Arc<dyn Operator>, OpError> {
    match attributes.string("mode", "nearest")? {
        "nearest" => Ok(Arc::new(Rearranged(Nearest { grid }))),
        // Upsample once called it by its name in two dimensions.
        "linear" | "bilinear" => Ok(Arc::new(Linear { grid })),
        other => Err(OpError::unsupported(format!("mode `{other}`"))),
    }
}

/// Each output element is the nearest input element.
#[derive(Debug)]
struct Nearest {
    grid: Grid,
}

impl Rearrange for Nearest {
    fn source<G: Given + ?Sized>(&self, given: &G) -> Result<Source, OpError> {
        let lines = self.grid.lines(given)?;
        let strides = strides(given.shape(0)?);
        let axis = |(line, stride): (Line, usize)| match line.is_identity() {
            true => Axis::whole(line.input, stride),
            false => Axis::Table((0..line.output).map(|i| self.grid.nearest(line, i) * stride).collect()),
        };
        Ok(Source::of(lines.into_iter().zip(strides).map(axis).collect()))
    }
}

/// Each output element lies on the line between two input elements, along one axis after the other.
#[derive(Debug)]
struct Linear {
    grid: Grid,
}

impl Linear {
    /// The steps, and the sizes of an axis before each.
    fn steps<G: Given + ?Sized>(&self, given: &G) -> Result<Vec<Step>, OpError> {
        let lines = self.grid.lines(given)?;
        let mut shape = given.shape(0)?.to_vec();
        let mut steps = Vec::new();
        // The last axis first: then the rows that the other axes blend are long.
        for (a, line) in lines.into_iter().enumerate().rev().filter(|(_, line)| !line.is_identity()) {
            let blends = (0..line.output).map(|i| self.grid.blend(line, i)).collect();
            shape[a] = line.output;
            let inner = shape[a + 1..].iter().product();
            steps.push(Step { input: line.input, inner, outer: shape[..a].iter().product(), blends });
        }
        Ok(steps)
    }
}

impl<T: Element> Op<T> for Linear {
    fn infer(&self, inputs: &[Option<Fact>]) -> Result<Vec<Fact>, OpError> {
        let x = inputs.need(0)?;
        if x.dtype != DType::Float {
            return Err(OpError::unsupported("linear interpolation of integers"));
        }
        let lines = self.grid.lines(inputs)?;
        let shape: Vec<usize> = lines.iter().map(|l| l.output).collect();
        let rows = lines.first().is_some_and(Line::is_identity);
        Ok(vec![x.reshaped(shape, x.batched && rows)])
    }

    fn forward(&self, cx: &mut Forward<'_, T>) -> Result<(), OpError> {
        let (steps, x) = (self.steps(&cx.inputs)?, cx.inputs.float(0)?);
        let (y, scratch) = cx.output_and_scratch(0)?;
        let mut at = scratch.take(x.len());
        at.copy_from_slice(x.data());
        for step in &steps {
            let mut next = scratch.take(step.output_len());
            step.forward(&at, &mut next);
            scratch.give(std::mem::replace(&mut at, next));
        }
        y.data_mut().copy_from_slice(&at);
        scratch.give(at);
        Ok(())
    }

    fn backward(&self, cx: &mut Backward<'_, T>) -> Result<(), OpError> {
        let (steps, dy) = (self.steps(&cx.inputs)?, cx.grad_output()?);
        let Some((dx, scratch)) = cx.input_and_scratch(0) else { return Ok(()) };
        let mut at = scratch.take(dy.len());
        at.copy_from_slice(dy.data());
        for step in steps.iter().rev() {
            let mut before = scratch.take(step.input_len());
            step.backward(&at, &mut before);
            scratch.give(std::mem::replace(&mut at, before));
        }
        dx.copy_from_slice(&at);
        scratch.give(at);
        Ok(())
    }

    fn enclose(&self, cx: &mut Enclose<'_>) -> Result<(), OpError> {
        // Both weights are at least 0.
        let nonnegative = cx.input(0)?.nonnegative;
        cx.homogeneous(nonnegative)?;
        // A few roundings for each axis.
        cx.round_output(|cx| {
            let magnitude = cx.copy_of_magnitudes();
            cx.units_of(magnitude, 64.0)
        });
        Ok(())
    }
}
