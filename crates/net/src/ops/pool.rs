//! `MaxPool`, `AveragePool`, and both over whole planes.

use std::sync::Arc;

use super::given::size;
use super::spatial::{Spatial, Window, three};
use super::{Entry, Interval, Sample, SampleInput};
use crate::error::OpError;
use crate::interval::Enclose;
use crate::kernels::conv::Geometry;
use crate::kernels::pool;
use crate::onnx::{Attributes, attribute};
use crate::op::{Backward, Fact, Facts, Forward, Op, Operator};
use crate::tensor::{DType, Element};

const fn entry(
    name: &'static str,
    parse: fn(&Attributes<'_>) -> Result<Arc<dyn Operator>, OpError>,
    attributes: &'static [&'static str],
    samples: fn() -> Vec<Sample>,
) -> Entry {
    Entry { name, parse, attributes, trainable: &[], gradient: true, interval: Interval::Exact, samples }
}

pub(super) static MAX: Entry = entry(
    "MaxPool",
    |a| window(a, Kind::Max),
    &["kernel_shape", "strides", "pads", "dilations", "auto_pad", "ceil_mode", "storage_order"],
    || samples(&[]),
);

pub(super) static AVERAGE: Entry = entry(
    "AveragePool",
    |a| window(a, Kind::Average { padding_counts: a.flag("count_include_pad", false)? }),
    &["kernel_shape", "strides", "pads", "dilations", "auto_pad", "ceil_mode", "count_include_pad"],
    || samples(&["count_include_pad"]),
);

pub(super) static GLOBAL_MAX: Entry =
    entry("GlobalMaxPool", |_| Ok(Arc::new(Pool { kind: Kind::Max, spatial: None })), &[], global_samples);

pub(super) static GLOBAL_AVERAGE: Entry = entry(
    "GlobalAveragePool",
    |_| Ok(Arc::new(Pool { kind: Kind::Average { padding_counts: false }, spatial: None })),
    &[],
    global_samples,
);

fn global_samples() -> Vec<Sample> {
    vec![
        Sample::new("2-D", vec![], vec![SampleInput::data(&[3, 4, 5])]),
        Sample::new("1-D", vec![], vec![SampleInput::data(&[2, 7])]),
        Sample::new("4-D", vec![], vec![SampleInput::data(&[2, 2, 1, 3, 2])]),
    ]
}

/// Samples of both pools; each of `flags` is set where the input is padded.
fn samples(flags: &[&str]) -> Vec<Sample> {
    let ints = attribute::ints;
    let flags = || flags.iter().map(|f| attribute::int(f, 1)).collect::<Vec<_>>();
    let data = |shape: &[usize]| vec![SampleInput::data(shape)];
    let kernel = |k: &[i64], s: &[i64]| vec![ints("kernel_shape", k), ints("strides", s)];
    let with = |base: Vec<_>, more: &[_]| [base, more.to_vec()].concat();
    let padded = with(kernel(&[3, 3], &[2, 1]), &[ints("pads", &[1, 0, 1, 2])]);
    let ceil = with(kernel(&[3, 2], &[2, 2]), &[attribute::int("ceil_mode", 1), ints("pads", &[1, 0, 1, 0])]);
    vec![
        Sample::new("halves", kernel(&[2, 2], &[2, 2]), data(&[2, 5, 6])),
        Sample::new("overlapping, padded", padded.clone(), data(&[2, 5, 4])),
        Sample::new("flags", with(padded, &flags()), data(&[2, 5, 4])),
        Sample::new("rounded up", ceil.clone(), data(&[2, 6, 5])),
        Sample::new("rounded up, flags", with(ceil, &flags()), data(&[2, 6, 5])),
        Sample::new(
            "dilated",
            with(kernel(&[2, 3], &[1, 2]), &[ints("dilations", &[3, 2]), ints("pads", &[1, 1, 1, 2])]),
            data(&[2, 5, 6]),
        )
        .opset(19),
        Sample::new("1-D", kernel(&[3], &[2]), data(&[2, 7])),
        Sample::new("3-D", kernel(&[2, 3, 2], &[1, 2, 2]), data(&[2, 3, 4, 4])),
        Sample::new(
            "auto_pad",
            with(kernel(&[3, 2], &[2, 1]), &[attribute::string("auto_pad", "SAME_UPPER")]),
            data(&[2, 4, 3]),
        ),
    ]
}

/// What becomes of the elements under a window.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Max,
    Average { padding_counts: bool },
}

fn window(attributes: &Attributes<'_>, kind: Kind) -> Result<Arc<dyn Operator>, OpError> {
    if attributes.has_output(1) {
        return Err(OpError::unsupported("the indices of the maxima (output 1)"));
    }
    let spatial = Spatial::parse(attributes)?;
    match spatial.kernel {
        Some(_) => Ok(Arc::new(Pool { kind, spatial: Some(spatial) })),
        None => Err(OpError::invalid("attribute `kernel_shape` is missing")),
    }
}

/// Largest or mean element under a sliding window, or, without one, of each plane.
#[derive(Debug)]
struct Pool {
    kind: Kind,
    spatial: Option<Spatial>,
}

impl Pool {
    /// The window over an input of this shape, and its kernel.
    fn window(&self, x: &[usize]) -> Result<(Window, Vec<usize>), OpError> {
        let fail = || OpError::invalid(format!("an input of shape {x:?} and kernel {:?}", self.kernel()));
        let sizes = x.get(2..).filter(|s| !s.contains(&0)).ok_or_else(fail)?;
        let Some(spatial) = &self.spatial else {
            // A plane has no more structure than a line.
            let len = sizes.iter().product();
            let window =
                Window { output: vec![1], stride: vec![1], dilation: vec![1], begin: vec![0], end: vec![0] };
            return Ok((window, vec![len]));
        };
        let kernel = self.kernel().filter(|k| k.len() == sizes.len() && k.len() <= 3).ok_or_else(fail)?;
        Ok((spatial.window(sizes, kernel)?, kernel.to_vec()))
    }

    fn kernel(&self) -> Option<&[usize]> {
        self.spatial.as_ref()?.kernel.as_deref()
    }

    fn geometry(&self, x: &[usize]) -> Result<(Geometry, Window), OpError> {
        let (window, kernel) = self.window(x)?;
        let rank = kernel.len();
        let input = if self.spatial.is_some() { three(&x[2..], rank, 1) } else { three(&kernel, rank, 1) };
        let geometry = Geometry {
            stride: three(&window.stride, rank, 1),
            dilation: three(&window.dilation, rank, 1),
            pad: three(&window.begin, rank, 0),
            ..Geometry::plane(input, three(&window.output, rank, 1), three(&kernel, rank, 1))
        };
        Ok((geometry, window))
    }

    /// The number of elements under each window, axis by axis; no window is empty.
    fn counts(&self, g: &Geometry, window: &Window) -> Result<[Vec<f64>; 3], OpError> {
        let end = three(&window.end, window.end.len(), 0);
        let padding = matches!(self.kind, Kind::Average { padding_counts: true });
        let mut counts = [const { Vec::new() }; 3];
        for (axis, counts) in counts.iter_mut().enumerate() {
            for o in 0..size(g.output[axis] as i64)? {
                let inside = g.taps(axis, o, g.pad[axis]..g.pad[axis] + g.input[axis]);
                if inside == 0 {
                    return Err(OpError::invalid(format!("the window at {o} lies in the padding alone")));
                }
                let all = 0..g.pad[axis] + g.input[axis] + end[axis];
                counts.push(if padding { g.taps(axis, o, all) } else { inside } as f64);
            }
        }
        Ok(counts)
    }

    /// One over the number of elements under each window.
    fn weights<T: Element>(&self, g: &Geometry, window: &Window) -> Result<Vec<T>, OpError> {
        let [depth, height, width] = self.counts(g, window)?;
        let rows = depth.iter().flat_map(|d| height.iter().map(move |h| d * h));
        Ok(rows.flat_map(|row| width.iter().map(move |w| T::of(1.0 / (row * w)))).collect())
    }
}

impl<T: Element> Op<T> for Pool {
    fn infer(&self, inputs: &[Option<Fact>]) -> Result<Vec<Fact>, OpError> {
        let x = inputs.need(0)?;
        if x.dtype != DType::Float {
            return Err(OpError::unsupported("pools of integers"));
        }
        let (geometry, window) = self.geometry(&x.shape)?;
        self.counts(&geometry, &window)?;
        let sizes = if self.spatial.is_some() { window.output } else { vec![1; x.shape.len() - 2] };
        Ok(vec![x.reshaped([&x.shape[..2], &sizes].concat(), x.batched)])
    }

    fn forward(&self, cx: &mut Forward<'_, T>) -> Result<(), OpError> {
        let x = cx.inputs.float(0)?;
        let (g, window) = self.geometry(x.shape())?;
        match self.kind {
            Kind::Max => pool::max_forward(&g, x.data(), cx.output(0)?.data_mut()),
            Kind::Average { .. } => {
                let weights = self.weights(&g, &window)?;
                pool::sum_forward(&g, &weights, x.data(), cx.output(0)?.data_mut());
            }
        }
        Ok(())
    }

    fn backward(&self, cx: &mut Backward<'_, T>) -> Result<(), OpError> {
        let (x, y, dy) = (cx.inputs.float(0)?, cx.outputs.float(0)?, cx.grad_output()?);
        let (g, window) = self.geometry(x.shape())?;
        let Some((dx, scratch)) = cx.input_and_scratch(0) else { return Ok(()) };
        match self.kind {
            Kind::Max => pool::max_backward(&g, (x.data(), y.data()), dy.data(), dx, scratch),
            Kind::Average { .. } => {
                let weights = self.weights(&g, &window)?;
                pool::sum_backward(&g, &weights, dy.data(), dx, scratch);
            }
        }
        Ok(())
    }

    fn enclose(&self, cx: &mut Enclose<'_>) -> Result<(), OpError> {
        let nonnegative = cx.input(0)?.nonnegative;
        if let (Kind::Average { .. }, true) = (self.kind, cx.by_width()) {
            return cx.homogeneous(nonnegative);
        }
        let bounds = cx.monotone_by_channel(nonnegative)?;
        cx.output(0, bounds);
        if let Kind::Average { .. } = self.kind {
            cx.round_output(|cx| {
                let magnitude = cx.copy_of_magnitudes();
                let n = match self.kernel() {
                    Some(kernel) => cx.number(kernel.iter().map(|&k| k as f64).product()),
                    None => cx.elements_per_input(0, &magnitude),
                };
                cx.error_of_sum(magnitude, &n, 1.0, 1.0)
            });
        }
        Ok(())
    }
}
