//! `Dropout` (Srivastava et al. 2014; the inverted form of ONNX): the identity, or in training mode a random mask.

mod mask;
mod stream;

use std::sync::Arc;

use super::{Entry, Interval, Sample, SampleInput};
use crate::error::OpError;
use crate::interval::rounding::Error;
use crate::interval::{Bounds, Enclose};
use crate::onnx::{Attributes, attribute};
use crate::op::{Backward, Fact, Facts, Forward, Inputs, Noise, Op, Operator};
use crate::tensor::{DType, Element, Tensor, Value};
pub(crate) use mask::Mask;

pub(super) static ENTRY: Entry = Entry {
    name: "Dropout",
    parse,
    // The stream of random numbers is ours in any case: `seed` would not make it that of another runtime.
    attributes: &["ratio", "seed"],
    trainable: &[],
    gradient: true,
    // In training mode the bounds hold for every mask, not only for the one that is drawn.
    interval: Interval::Sound,
    samples,
};

fn samples() -> Vec<Sample> {
    use SampleInput as In;
    let mode = |on| In::Constant(Value::Bool(Tensor::scalar(on)));
    let data = || In::data(&[6, 5]);
    vec![
        Sample::new("inference", vec![], vec![data(), In::scalar(0.3)]),
        Sample::new("older operator set", vec![attribute::float("ratio", 0.3)], vec![data()]).opset(11),
        Sample::new("with mask", vec![], vec![data()]).outputs(2),
        Sample::new("not training", vec![], vec![data(), In::scalar(0.3), mode(false)]),
        Sample::new("training", vec![], vec![data(), In::scalar(0.3), mode(true)]),
        Sample::new("training, default ratio", vec![], vec![data(), In::Absent, mode(true)]).outputs(2),
    ]
}

fn parse(attributes: &Attributes<'_>) -> Result<Arc<dyn Operator>, OpError> {
    if attributes.opset() < 10 && attributes.has_output(1) {
        return Err(OpError::unsupported("a floating-point mask (operator set below 10)"));
    }
    Ok(Arc::new(Dropout))
}

#[derive(Debug)]
struct Dropout;

impl<T: Element> Op<T> for Dropout {
    fn infer(&self, inputs: &[Option<Fact>]) -> Result<Vec<Fact>, OpError> {
        let x = inputs.need(0)?;
        for (i, dtype) in [(1, DType::Float), (2, DType::Bool)] {
            let Some(given) = inputs.given(i) else { continue };
            if given.dtype != dtype || given.shape.iter().product::<usize>() != 1 {
                return Err(OpError::invalid(format!("input {i} must be one value of kind {dtype:?}")));
            }
            if given.value.is_none() {
                return Err(OpError::unsupported(format!(
                    "input {i} depends on the data; it must be constant"
                )));
            }
        }
        Ok(vec![x.same(), Fact { dtype: DType::Bool, ..x.same() }])
    }

    fn forward(&self, cx: &mut Forward<'_, T>) -> Result<(), OpError> {
        let (x, mask) = (cx.inputs.float(0)?, Mask::of(cx.inputs, cx.noise)?);
        let y = cx.output(0)?;
        match &mask {
            Some(mask) => mask.copy(x.row_len(), x.data(), y.data_mut()),
            None => y.data_mut().copy_from_slice(x.data()),
        }
        if let Some(Value::Bool(kept)) = cx.outputs.get_mut(1) {
            let kept = kept.data_mut();
            match &mask {
                Some(mask) => mask.each(0..x.len(), x.row_len(), |elements, decisions| {
                    kept[elements].iter_mut().enumerate().for_each(|(i, kept)| *kept = decisions.keeps(i));
                }),
                None => kept.fill(true),
            }
        }
        Ok(())
    }

    fn backward(&self, cx: &mut Backward<'_, T>) -> Result<(), OpError> {
        let (dy, mask) = (cx.grad_output()?, Mask::of(cx.inputs, cx.noise)?);
        if let Some(dx) = cx.input(0) {
            match mask {
                Some(mask) => mask.copy(dy.row_len(), dy.data(), dx),
                None => dx.copy_from_slice(dy.data()),
            }
        }
        Ok(())
    }

    fn enclose(&self, cx: &mut Enclose<'_>) -> Result<(), OpError> {
        let x = cx.input(0)?;
        // The mask of inference keeps everything, whatever the values.
        let all = match cx.outputs() {
            0 | 1 => String::new(),
            _ => cx.copy_all(&[&x.lo]).swap_remove(1),
        };
        let Some(mode) = cx.point(2, "the training mode")? else {
            cx.output(0, x);
            cx.output(1, Bounds::point(all));
            return Ok(());
        };
        if !all.is_empty() {
            let none = cx.constant::<f32>(&Value::Bool(Tensor::scalar(false)));
            let lo = cx.append("Where", vec![], &[&mode, &none, &all]);
            cx.output(1, Bounds::new(lo, all));
        }
        // In training every element may be dropped or kept and scaled.
        let [one, zero, half] = [1.0, 0.0, 0.5].map(|v| cx.number(v));
        let ratio = cx.point(1, "the ratio")?.unwrap_or(half);
        let kept = cx.append("Sub", vec![], &[&one, &ratio]);
        let [lo, hi] = [&x.lo, &x.hi].map(|end| cx.append("Div", vec![], &[end, &kept]));
        let scaled = Bounds { nonnegative: x.nonnegative, ..Bounds::new(lo, hi) };
        let scaled = cx.rounded(scaled, |_| Error::relative(4.0));
        let [lo, hi] =
            [(&x.lo, &scaled.lo, "Min"), (&x.hi, &scaled.hi, "Max")].map(|(end, scaled, extremum)| {
                let reached = cx.append(extremum, vec![], &[scaled, &zero]);
                cx.append("Where", vec![], &[&mode, &reached, end])
            });
        cx.output(0, Bounds { nonnegative: x.nonnegative, ..Bounds::new(lo, hi) });
        Ok(())
    }

    fn passes(&self, inputs: Inputs<'_, T>) -> bool {
        matches!(Mask::of(inputs, Noise::default()), Ok(None))
    }
}
