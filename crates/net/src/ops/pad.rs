//! `Pad`: constant, reflected or repeated borders.

use std::sync::Arc;

use super::axes::ordered;
use super::given::{Given, size, strides};
use super::rearrange::{Rearrange, Rearranged, Source};
use super::{Entry, Interval, Sample, SampleInput};
use crate::error::OpError;
use crate::kernels::select::{Axis, OUTSIDE};
use crate::onnx::{Attributes, attribute};
use crate::op::Operator;

pub(super) static ENTRY: Entry = Entry {
    name: "Pad",
    parse,
    attributes: &["mode", "pads", "value"],
    trainable: &[],
    gradient: true,
    interval: Interval::Exact,
    samples,
};

fn samples() -> Vec<Sample> {
    let ints = SampleInput::ints;
    let image = || SampleInput::data(&[2, 4, 3]);
    let mode = |m| vec![attribute::string("mode", m)];
    let borders = [0, 0, 2, 1, 0, 0, 1, 2];
    let old = vec![attribute::ints("pads", &borders), attribute::float("value", 0.5)];
    vec![
        Sample::new("zeros, and channels", vec![], vec![image(), ints(&[0, 1, 2, 1, 0, 0, 1, 2])]),
        Sample::new("constant", mode("constant"), vec![image(), ints(&borders), SampleInput::scalar(-1.5)]),
        Sample::new("cropped", vec![], vec![image(), ints(&[0, 0, -1, 1, 0, 0, 0, -1])]),
        Sample::new("reflected", mode("reflect"), vec![image(), ints(&borders)]),
        Sample::new("repeated", mode("edge"), vec![image(), ints(&borders)]),
        Sample::new(
            "some axes",
            mode("edge"),
            vec![image(), ints(&[1, 2, 0, 1]), SampleInput::Absent, ints(&[-1, 2])],
        )
        .opset(18),
        Sample::new("attributes", old, vec![image()]).opset(10),
    ]
}

fn parse(attributes: &Attributes<'_>) -> Result<Arc<dyn Operator>, OpError> {
    let border = match attributes.string("mode", "constant")? {
        "constant" => Border::Constant,
        "reflect" => Border::Reflect,
        "edge" => Border::Edge,
        "wrap" => return Err(OpError::unsupported("mode `wrap`")),
        other => return Err(OpError::invalid(format!("mode `{other}` is unknown"))),
    };
    let old = attributes.opset() < 11;
    let pads = if old { attributes.ints("pads")? } else { None };
    if old && pads.is_none() {
        return Err(OpError::invalid("attribute `pads` is missing"));
    }
    let value = if old { attributes.float("value", 0.0)? } else { 0.0 };
    Ok(Arc::new(Rearranged(Pad { border, pads: pads.map(<[i64]>::to_vec), value })))
}

/// What stands outside the input.
#[derive(Clone, Copy, Debug)]
enum Border {
    Constant,
    /// The input mirrored at its outermost elements.
    Reflect,
    /// The outermost elements.
    Edge,
}

/// Elements added (or, where negative, taken away) before and after each axis.
#[derive(Debug)]
struct Pad {
    border: Border,
    /// From the attribute (before opset 11); `None`: from input 1.
    pads: Option<Vec<i64>>,
    value: f64,
}

impl Rearrange for Pad {
    const FILL: Option<usize> = Some(2);

    fn source<G: Given + ?Sized>(&self, given: &G) -> Result<Source, OpError> {
        let shape = given.shape(0)?;
        let pads = match &self.pads {
            Some(pads) => pads,
            None => given.ints(1, "pads")?,
        };
        let list = match given.optional_ints(3, "axes")? {
            Some(list) => ordered(list, shape.len())?,
            None => (0..shape.len()).collect(),
        };
        if pads.len() != 2 * list.len() {
            return Err(OpError::invalid(format!("{} pads given for {} axes", pads.len(), list.len())));
        }
        let strides = strides(shape);
        let mut walk: Vec<Axis> = shape.iter().zip(&strides).map(|(&n, &s)| Axis::whole(n, s)).collect();
        for (i, &a) in list.iter().enumerate() {
            let (begin, end) = (pads[i], pads[i + list.len()]);
            if (begin, end) != (0, 0) {
                walk[a] = self.border.axis(shape[a], strides[a], begin, end)?;
            }
        }
        Ok(Source::of(walk))
    }

    fn fill(&self) -> f64 {
        self.value
    }
}

impl Border {
    fn axis(self, n: usize, stride: usize, begin: i64, end: i64) -> Result<Axis, OpError> {
        let total = begin.checked_add(end).and_then(|pads| pads.checked_add(n as i64));
        let len = size(total.unwrap_or(-1))?;
        let most = n as i64 - 1;
        let possible = match self {
            Self::Constant => true,
            Self::Edge => n > 0 && begin >= 0 && end >= 0,
            Self::Reflect => (0..=most).contains(&begin) && (0..=most).contains(&end),
        };
        if !possible {
            return Err(OpError::unsupported(format!(
                "pads {begin} and {end} in mode {self:?} on an axis of size {n}"
            )));
        }
        let at = |i: usize| {
            let place = i as i64 - begin;
            let place = match self {
                Self::Constant if place < 0 || place > most => return OUTSIDE,
                Self::Constant => place,
                Self::Edge => place.clamp(0, most),
                Self::Reflect if place > most => 2 * most - place,
                Self::Reflect => place.abs(),
            };
            place as usize * stride
        };
        Ok(Axis::Table((0..len).map(at).collect()))
    }
}
