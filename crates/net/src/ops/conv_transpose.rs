//! `ConvTranspose` in 1, 2 and 3 dimensions: the gradient of a convolution with respect to its input, read forward.

use std::ops::Range;
use std::sync::Arc;

use super::linear::{Linear, enclose_linear};
use super::spatial::{Spatial, three};
use super::{Entry, Interval, Sample, SampleInput};
use crate::error::OpError;
use crate::interval::Enclose;
use crate::kernels::Start;
use crate::kernels::conv::{self, Geometry};
use crate::onnx::{Attributes, attribute};
use crate::op::{Backward, Fact, Facts, Forward, Op, Operator};
use crate::tensor::Element;

pub(super) static ENTRY: Entry = Entry {
    name: "ConvTranspose",
    parse,
    attributes: &[
        "kernel_shape",
        "strides",
        "pads",
        "dilations",
        "auto_pad",
        "group",
        "output_padding",
        "output_shape",
    ],
    trainable: &[1, 2],
    gradient: true,
    interval: Interval::Sound,
    samples,
};

fn samples() -> Vec<Sample> {
    use SampleInput as In;
    let ints = attribute::ints;
    let twice = || ints("strides", &[2, 2]);
    let image = || vec![In::data(&[2, 3, 4]), In::weight(&[2, 3, 3, 3])];
    vec![
        Sample::new(
            "doubling",
            vec![twice()],
            vec![In::data(&[3, 3, 2]), In::weight(&[3, 2, 2, 2]), In::weight(&[2])],
        ),
        Sample::new(
            "padding, output_padding",
            vec![twice(), ints("pads", &[1, 0, 1, 2]), ints("output_padding", &[1, 0])],
            image(),
        ),
        Sample::new(
            "groups, dilation",
            vec![attribute::int("group", 2), ints("dilations", &[2, 1])],
            vec![In::data(&[4, 3, 3]), In::weight(&[4, 3, 2, 3]), In::weight(&[6])],
        ),
        Sample::new("output_shape", vec![twice(), ints("output_shape", &[6, 10])], image()),
        Sample::new("auto_pad", vec![twice(), attribute::string("auto_pad", "SAME_UPPER")], image()),
        Sample::new("1-D", vec![ints("strides", &[3])], vec![In::data(&[2, 4]), In::weight(&[2, 1, 2])]),
        Sample::new(
            "3-D",
            vec![ints("pads", &[0, 1, 0, 1, 0, 0])],
            vec![In::data(&[2, 2, 3, 2]), In::weight(&[2, 2, 2, 2, 3]), In::weight(&[2])],
        ),
    ]
}

fn parse(attributes: &Attributes<'_>) -> Result<Arc<dyn Operator>, OpError> {
    let groups = attributes.int("group", 1)?;
    let groups = usize::try_from(groups).ok().filter(|&g| g > 0);
    let groups = groups.ok_or_else(|| OpError::invalid("attribute `group` must be at least 1"))?;
    let (extra, shape) = (attributes.sizes("output_padding")?, attributes.sizes("output_shape")?);
    Ok(Arc::new(ConvTranspose { spatial: Spatial::parse(attributes)?, groups, extra, shape }))
}

/// Transposed convolution, ONNX inputs `x (N, C, ...)`, `w (C, M / groups, ...)`, `bias (M)`.
#[derive(Debug)]
struct ConvTranspose {
    spatial: Spatial,
    groups: usize,
    /// `output_padding`.
    extra: Option<Vec<usize>>,
    /// `output_shape`, the spatial axes.
    shape: Option<Vec<usize>>,
}

impl ConvTranspose {
    /// The convolution whose output is `x` and whose input is the output of this operator.
    fn geometry(&self, x: &[usize], w: &[usize]) -> Result<Geometry, OpError> {
        let rank = self.spatial.rank(x, w)?;
        if x[1] != w[0] || !w[0].is_multiple_of(self.groups) {
            return Err(OpError::invalid(format!(
                "weight {w:?} does not fit input {x:?} with {} group(s)",
                self.groups
            )));
        }
        let fits = |list: &Option<Vec<usize>>| list.as_ref().is_none_or(|l| l.len() == rank);
        if !fits(&self.extra) || !fits(&self.shape) {
            return Err(OpError::invalid(format!(
                "output_padding or output_shape does not have {rank} entries"
            )));
        }
        let extra = self.extra.clone().unwrap_or_else(|| vec![0; rank]);
        let window = self.spatial.transposed(&x[2..], &w[2..], &extra, self.shape.as_deref())?;
        Geometry {
            in_channels: w[1],
            out_channels: w[0] / self.groups,
            groups: self.groups,
            input: three(&window.output, rank, 1),
            output: three(&x[2..], rank, 1),
            kernel: three(&w[2..], rank, 1),
            stride: three(&window.stride, rank, 1),
            dilation: three(&window.dilation, rank, 1),
            pad: three(&window.begin, rank, 0),
        }
        .checked()
    }
}

impl<T: Element> Op<T> for ConvTranspose {
    fn infer(&self, inputs: &[Option<Fact>]) -> Result<Vec<Fact>, OpError> {
        let (x, w) = (inputs.need(0)?, inputs.need(1)?);
        let g = self.geometry(&x.shape, &w.shape)?;
        let channels = w.shape[1].saturating_mul(self.groups);
        if let Some(bias) = inputs.given(2)
            && bias.shape != [channels]
        {
            return Err(OpError::invalid(format!("bias has shape {:?}, expected [{channels}]", bias.shape)));
        }
        let spatial = &g.input[3 - (x.shape.len() - 2)..];
        Ok(vec![x.reshaped([&[x.shape[0], channels], spatial].concat(), x.batched && !w.batched)])
    }

    fn forward(&self, cx: &mut Forward<'_, T>) -> Result<(), OpError> {
        let (x, w, bias) = (cx.inputs.float(0)?, cx.inputs.float(1)?, cx.inputs.opt_float(2)?);
        let g = self.geometry(x.shape(), w.shape())?;
        let (y, scratch) = cx.output_and_scratch(0)?;
        conv::backward_input(&g, w.data(), x.data(), y.data_mut(), scratch);
        if let Some(bias) = bias {
            let planes = y.data_mut().chunks_exact_mut(g.input.iter().product());
            for (plane, &b) in planes.zip(bias.data().iter().cycle()) {
                plane.iter_mut().for_each(|y| *y += b);
            }
        }
        Ok(())
    }

    fn backward(&self, cx: &mut Backward<'_, T>) -> Result<(), OpError> {
        let (x, w, dy) = (cx.inputs.float(0)?, cx.inputs.float(1)?, cx.grad_output()?);
        let g = self.geometry(x.shape(), w.shape())?;
        if let Some((dx, scratch)) = cx.input_and_scratch(0) {
            conv::forward(&g, dy.data(), w.data(), None, dx, scratch);
        }
        let (per_x, per_y) = (x.row_len(), dy.row_len());
        let gradients = |images: &Range<usize>| &dy.data()[images.start * per_y..images.end * per_y];
        cx.shared_or_fresh(1, |images, fresh, dw, scratch| {
            let x = &x.data()[images.start * per_x..images.end * per_x];
            conv::backward_weight(&g, gradients(&images), x, (dw, Start::fresh(fresh)), scratch);
        });
        cx.shared(2, |images, dbias, _| {
            let channels = dbias.len().max(1);
            for (i, plane) in gradients(&images).chunks_exact(g.input.iter().product()).enumerate() {
                dbias[i % channels] += plane.iter().copied().sum();
            }
        });
        Ok(())
    }

    fn enclose(&self, cx: &mut Enclose<'_>) -> Result<(), OpError> {
        let channels = (self.groups == 1).then_some([0, 1]);
        let bounds = enclose_linear(cx, Linear { channels, ..Linear::PLAIN }, |cx, [_, w]| {
            // Every input channel through every place of the kernel, at most.
            let places = cx.append("Flatten", vec![attribute::int("axis", 2)], &[w]);
            let (channels, places) = (cx.dimension(w, 0), cx.dimension(&places, 1));
            cx.append("Mul", vec![], &[&channels, &places])
        })?;
        cx.output(0, bounds);
        Ok(())
    }
}
