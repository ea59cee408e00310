//! `Conv` in 1, 2 and 3 dimensions.

use std::sync::Arc;

use super::linear::{Linear, enclose_linear};
use super::spatial::{Spatial, three};
use super::{Entry, Interval, Sample, SampleInput};
use crate::error::OpError;
use crate::exec::chain;
use crate::interval::Enclose;
use crate::kernels::conv::{self, Geometry};
use crate::kernels::{Prepared, Start, Taps};
use crate::onnx::{Attributes, attribute};
use crate::op::{Backward, Fact, Facts, Forward, Op, Operator, Prepare};
use crate::tensor::Element;

pub(super) static ENTRY: Entry = Entry {
    name: "Conv",
    parse,
    attributes: &["kernel_shape", "strides", "pads", "dilations", "auto_pad", "group"],
    trainable: &[1, 2],
    gradient: true,
    interval: Interval::Sound,
    samples,
};

fn samples() -> Vec<Sample> {
    use SampleInput as In;
    let ints = attribute::ints;
    vec![
        Sample::new(
            "3x3 with padding",
            vec![ints("pads", &[1, 1, 1, 1])],
            vec![In::data(&[3, 6, 5]), In::weight(&[4, 3, 3, 3]), In::weight(&[4])],
        ),
        Sample::new(
            "3x3 by minimal filtering",
            vec![ints("pads", &[1, 0, 1, 1])],
            vec![In::data(&[16, 7, 8]), In::weight(&[17, 16, 3, 3]), In::weight(&[17])],
        ),
        Sample::new(
            "stride, dilation, groups, uneven padding",
            vec![
                ints("strides", &[2, 1]),
                ints("dilations", &[1, 2]),
                attribute::int("group", 2),
                ints("pads", &[0, 1, 2, 1]),
            ],
            vec![In::data(&[4, 7, 6]), In::weight(&[6, 2, 3, 2])],
        ),
        Sample::new(
            "depthwise",
            vec![attribute::int("group", 3)],
            vec![In::data(&[3, 5, 5]), In::weight(&[3, 1, 3, 3]), In::weight(&[3])],
        ),
        Sample::new("1x1", vec![], vec![In::data(&[5, 4, 3]), In::weight(&[2, 5, 1, 1]), In::weight(&[2])]),
        Sample::new(
            "1-D",
            vec![ints("pads", &[2, 2])],
            vec![In::data(&[2, 9]), In::weight(&[3, 2, 5]), In::weight(&[3])],
        ),
        Sample::new(
            "1-D by minimal filtering",
            vec![ints("pads", &[2, 1])],
            vec![In::data(&[16, 34]), In::weight(&[17, 16, 5]), In::weight(&[17])],
        ),
        Sample::new(
            "1-D, many channels",
            vec![ints("pads", &[1, 2]), ints("dilations", &[2])],
            vec![In::data(&[9, 21]), In::weight(&[10, 9, 3]), In::weight(&[10])],
        ),
        Sample::new(
            "3-D",
            vec![ints("strides", &[1, 2, 1])],
            vec![In::data(&[2, 4, 5, 4]), In::weight(&[3, 2, 2, 3, 2])],
        ),
        Sample::new(
            "auto_pad SAME_UPPER",
            vec![attribute::string("auto_pad", "SAME_UPPER"), ints("strides", &[2, 2])],
            vec![In::data(&[2, 5, 6]), In::weight(&[3, 2, 3, 3])],
        ),
        Sample::new(
            "auto_pad SAME_LOWER",
            vec![attribute::string("auto_pad", "SAME_LOWER")],
            vec![In::data(&[2, 5, 6]), In::weight(&[3, 2, 2, 2])],
        )
        .opset(9),
    ]
}

fn parse(attributes: &Attributes<'_>) -> Result<Arc<dyn Operator>, OpError> {
    let groups = attributes.int("group", 1)?;
    let groups = usize::try_from(groups).ok().filter(|&g| g > 0);
    let groups = groups.ok_or_else(|| OpError::invalid("attribute `group` must be at least 1"))?;
    Ok(Arc::new(Conv { spatial: Spatial::parse(attributes)?, groups }))
}

/// Cross-correlation, ONNX inputs `x (N, C, ...)`, `w (M, C / groups, ...)`, `bias (M)`.
#[derive(Debug)]
struct Conv {
    spatial: Spatial,
    groups: usize,
}

impl Conv {
    fn geometry(&self, x: &[usize], w: &[usize]) -> Result<Geometry, OpError> {
        let rank = self.spatial.rank(x, w)?;
        let (channels, expected) = (x[1], w[1].saturating_mul(self.groups));
        if channels != expected {
            return Err(OpError::invalid(format!(
                "the weight takes {expected} channels, the input has {channels} (shapes {w:?} and {x:?}, {} group(s))",
                self.groups
            )));
        }
        if w.contains(&0) {
            return Err(OpError::invalid(format!("zero-size weight {w:?}")));
        }
        if !w[0].is_multiple_of(self.groups) {
            return Err(OpError::invalid(format!(
                "{} output channels do not split into {} groups",
                w[0], self.groups
            )));
        }
        let window = self.spatial.window(&x[2..], &w[2..])?;
        Geometry {
            in_channels: w[1],
            out_channels: w[0] / self.groups,
            groups: self.groups,
            input: three(&x[2..], rank, 1),
            output: three(&window.output, rank, 1),
            kernel: three(&w[2..], rank, 1),
            stride: three(&window.stride, rank, 1),
            dilation: three(&window.dilation, rank, 1),
            pad: three(&window.begin, rank, 0),
        }
        .checked()
    }
}

impl<T: Element> Op<T> for Conv {
    fn infer(&self, inputs: &[Option<Fact>]) -> Result<Vec<Fact>, OpError> {
        let (x, w) = (inputs.need(0)?, inputs.need(1)?);
        let g = self.geometry(&x.shape, &w.shape)?;
        if let Some(bias) = inputs.given(2)
            && bias.shape != [w.shape[0]]
        {
            return Err(OpError::invalid(format!(
                "bias has shape {:?}, expected [{}]",
                bias.shape, w.shape[0]
            )));
        }
        let spatial = &g.output[3 - (x.shape.len() - 2)..];
        Ok(vec![x.reshaped([&[x.shape[0], w.shape[0]], spatial].concat(), x.batched && !w.batched)])
    }

    fn forward(&self, cx: &mut Forward<'_, T>) -> Result<(), OpError> {
        let (x, w, bias) = (cx.inputs.float(0)?, cx.inputs.float(1)?, cx.inputs.opt_float(2)?);
        let g = self.geometry(x.shape(), w.shape())?;
        let prepared = cx.prepared;
        let (y, finish, scratch) = cx.output_to_finish()?;
        let taps = Taps { weights: w.data(), prepared };
        conv::forward_and(&g, x.data(), (taps, bias.map(|b| b.data())), (y.data_mut(), finish), scratch);
        Ok(())
    }

    fn backward(&self, cx: &mut Backward<'_, T>) -> Result<(), OpError> {
        let (x, w, dy) = (cx.inputs.float(0)?, cx.inputs.float(1)?, cx.grad_output()?);
        let g = self.geometry(x.shape(), w.shape())?;
        let (gate, taps) = (cx.gate, Taps { weights: w.data(), prepared: cx.prepared });
        if let Some((dx, scratch)) = cx.input_and_scratch(0) {
            let finish = |start: usize, dx: &mut [T]| {
                if let Some(scale) = gate {
                    chain::gate(dx, &x.data()[start..], scale);
                }
            };
            conv::backward_input_and(&g, taps, dy.data(), (dx, &finish), scratch);
        }
        let (per_x, per_y) = (x.row_len(), dy.row_len());
        cx.shared_or_fresh(1, |images, fresh, dw, scratch| {
            let x = &x.data()[images.start * per_x..images.end * per_x];
            let dy = &dy.data()[images.start * per_y..images.end * per_y];
            conv::backward_weight(&g, x, dy, (dw, Start::fresh(fresh)), scratch);
        });
        cx.shared(2, |images, dbias, _| {
            conv::backward_bias(&g, &dy.data()[images.start * per_y..images.end * per_y], dbias);
        });
        Ok(())
    }

    fn enclose(&self, cx: &mut Enclose<'_>) -> Result<(), OpError> {
        let channels = (self.groups == 1).then_some([1, 0]);
        let bounds = enclose_linear(cx, Linear { channels, ..Linear::PLAIN }, |cx, [_, w]| {
            let rows = cx.append("Flatten", vec![], &[w]);
            cx.dimension(&rows, 1)
        })?;
        cx.output(0, bounds);
        Ok(())
    }

    fn prepare(&self, cx: Prepare<'_, T>) -> Result<Option<Prepared<T>>, OpError> {
        let (x, Some(w)) = (cx.facts.need(0)?, cx.inputs.opt_float(1)?) else { return Ok(None) };
        let g = self.geometry(&x.shape, w.shape())?;
        let images = x.shape.first().copied().unwrap_or(0);
        Ok(conv::prepare((&g, cx.side), w.data(), images, cx.scratch))
    }
}
