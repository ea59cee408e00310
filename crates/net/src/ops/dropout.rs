//! `Dropout` (Srivastava et al. 2014; the inverted form of ONNX): the identity, or in training mode a random mask.

use std::ops::Range;
use std::sync::Arc;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::{Entry, Interval, Sample, SampleInput};
use crate::error::OpError;
use crate::interval::rounding::Error;
use crate::interval::{Bounds, Enclose};
use crate::kernels::widest;
use crate::onnx::{Attributes, attribute};
use crate::op::{Backward, Fact, Facts, Forward, Inputs, Noise, Op, Operator};
use crate::tensor::{DType, Element, Tensor, Value};

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

/// Each element is kept with probability `1 - ratio`, rounded to a multiple of `2^-16`, and then divided by it.
pub(crate) struct Mask {
    noise: Noise,
    /// An element is kept where 16 random bits lie below.
    threshold: u32,
    scale: f64,
}

/// Elements that are decided upon at a time.
const BLOCK: usize = 512;

impl Mask {
    /// The mask of a node in training mode.
    pub(crate) fn of<T: Element>(inputs: Inputs<'_, T>, noise: Noise) -> Result<Option<Self>, OpError> {
        let training = match inputs.get(2) {
            Some(_) => inputs.bools(2)?.data().first() == Some(&true),
            None => false,
        };
        let ratio = inputs.opt_float(1)?.and_then(|t| t.data().first()).map_or(0.5, |r| r.f64());
        if !training || ratio == 0.0 {
            return Ok(None);
        }
        if !(0.0..1.0).contains(&ratio) {
            return Err(OpError::invalid(format!("ratio {ratio} is not in [0, 1)")));
        }
        let threshold = ((1.0 - ratio) * 65536.0).round();
        Ok(Some(Self { noise, threshold: threshold as u32, scale: 1.0 / (1.0 - ratio) }))
    }

    /// What elements that are kept are multiplied by.
    pub(crate) fn scale(&self) -> f64 {
        self.scale
    }

    /// Calls `f(elements, draws)` for blocks of the elements of some rows, counted from the first of them: [`Self::keeps`] tells what becomes of an
    /// element. Each image has a stream of its own.
    pub(crate) fn each(
        &self,
        rows: Range<usize>,
        row_len: usize,
        mut f: impl FnMut(Range<usize>, &[u16]),
    ) {
        let mut draws = [0; BLOCK];
        for (at, row) in rows.enumerate() {
            let mut key = [0; 32];
            let image = self.noise.first_image + row as u64;
            for (bytes, word) in key.chunks_exact_mut(8).zip([self.noise.seed, self.noise.node, image]) {
                bytes.copy_from_slice(&word.to_le_bytes());
            }
            let mut stream = ChaCha8Rng::from_seed(key);
            for start in (0..row_len).step_by(BLOCK) {
                let draws = &mut draws[..BLOCK.min(row_len - start)];
                stream.fill_bytes(bytemuck::cast_slice_mut(draws));
                f(at * row_len + start..at * row_len + start + draws.len(), draws);
            }
        }
    }

    /// Whether an element with this draw is kept.
    #[inline]
    pub(crate) fn keeps(&self, draw: u16) -> bool {
        u32::from(u16::from_le(draw)) < self.threshold
    }

    fn apply<T: Element>(&self, x: &Tensor<T>, y: &mut [T]) {
        let scale = T::of(self.scale);
        self.each(0..x.rows(), x.row_len(), |elements, draws| {
            let x = &x.data()[elements.clone()];
            let y = &mut y[elements];
            widest(|| {
                for ((y, &x), &draw) in y.iter_mut().zip(x).zip(draws) {
                    *y = if self.keeps(draw) { x * scale } else { T::zero() };
                }
            });
        });
    }
}

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
            Some(mask) => mask.apply(x, y.data_mut()),
            None => y.data_mut().copy_from_slice(x.data()),
        }
        if let Some(Value::Bool(kept)) = cx.outputs.get_mut(1) {
            let kept = kept.data_mut();
            match &mask {
                Some(mask) => mask.each(0..x.rows(), x.row_len(), |elements, draws| {
                    kept[elements].iter_mut().zip(draws).for_each(|(kept, &draw)| *kept = mask.keeps(draw));
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
                Some(mask) => mask.apply(dy, dx),
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
}
