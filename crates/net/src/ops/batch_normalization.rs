//! `BatchNormalization` with running statistics: the meaning it has in a trained model.

use std::sync::Arc;

use super::{Entry, Interval, Sample, SampleInput};
use crate::error::OpError;
use crate::interval::{Bounds, Enclose};
use crate::onnx::{Attributes, attribute};
use crate::op::{Backward, Fact, Facts, Forward, Inputs, Op, Operator};
use crate::tensor::Element;

pub(super) static ENTRY: Entry = Entry {
    name: "BatchNormalization",
    parse,
    attributes: &["epsilon", "momentum", "training_mode", "spatial"],
    trainable: &[1, 2],
    gradient: true,
    interval: Interval::Exact,
    samples,
};

fn samples() -> Vec<Sample> {
    let inputs = |image: &[usize]| {
        let c = image[0];
        let positive = SampleInput::floats(&(0..c).map(|i| 0.5 + 0.3 * i as f64).collect::<Vec<_>>());
        let mean = SampleInput::floats(&(0..c).map(|i| 0.4 - 0.3 * i as f64).collect::<Vec<_>>());
        vec![SampleInput::data(image), SampleInput::weight(&[c]), SampleInput::weight(&[c]), mean, positive]
    };
    vec![
        Sample::new("2-D", vec![attribute::float("epsilon", 1e-3)], inputs(&[3, 4, 5])),
        Sample::new("1-D, older operator set", vec![], inputs(&[4, 7])).opset(9),
        Sample::new("features", vec![], inputs(&[5])),
    ]
}

fn parse(attributes: &Attributes<'_>) -> Result<Arc<dyn Operator>, OpError> {
    if attributes.flag("training_mode", false)? {
        return Err(OpError::unsupported(
            "training_mode: batch statistics would make cases depend on each other",
        ));
    }
    if !attributes.flag("spatial", true)? {
        return Err(OpError::unsupported("spatial = 0"));
    }
    Ok(Arc::new(BatchNormalization { epsilon: attributes.float("epsilon", 1e-5)? }))
}

/// `y = (x - mean) / sqrt(var + epsilon) * scale + bias` per channel, ONNX inputs `x, scale, bias, mean, var`.
#[derive(Debug)]
struct BatchNormalization {
    epsilon: f64,
}

/// The per-channel values of a run.
struct Channel<T> {
    /// `1 / sqrt(var + epsilon)`.
    inverse: T,
    mean: T,
    scale: T,
    bias: T,
}

impl BatchNormalization {
    fn channels<T: Element>(&self, inputs: Inputs<'_, T>) -> Result<Vec<Channel<T>>, OpError> {
        let [scale, bias, mean, var] =
            [inputs.float(1)?, inputs.float(2)?, inputs.float(3)?, inputs.float(4)?];
        let rows = scale.data().iter().zip(bias.data()).zip(mean.data().iter().zip(var.data()));
        let channel = |((&scale, &bias), (&mean, &var)): ((&T, &T), (&T, &T))| Channel {
            inverse: T::one() / (var + T::of(self.epsilon)).sqrt(),
            mean,
            scale,
            bias,
        };
        Ok(rows.map(channel).collect())
    }
}

impl<T: Element> Op<T> for BatchNormalization {
    fn infer(&self, inputs: &[Option<Fact>]) -> Result<Vec<Fact>, OpError> {
        let x = inputs.need(0)?;
        let channels = *x.shape.get(1).ok_or_else(|| OpError::invalid("input has no channel axis"))?;
        for i in 1..5 {
            let shape = &inputs.need(i)?.shape;
            if *shape != [channels] {
                return Err(OpError::invalid(format!(
                    "input {i} has shape {shape:?}, expected [{channels}]"
                )));
            }
        }
        let follows = (1..5).filter_map(|i| inputs.given(i)).any(|f| f.batched);
        Ok(vec![x.reshaped(x.shape.clone(), x.batched && !follows)])
    }

    fn forward(&self, cx: &mut Forward<'_, T>) -> Result<(), OpError> {
        let channels = self.channels(cx.inputs)?;
        let x = cx.inputs.float(0)?;
        let plane = x.shape().iter().skip(2).product::<usize>().max(1);
        let planes = cx.output(0)?.data_mut().chunks_exact_mut(plane).zip(x.data().chunks_exact(plane));
        for ((y, x), c) in planes.zip(channels.iter().cycle()) {
            let slope = c.inverse * c.scale;
            y.iter_mut().zip(x).for_each(|(y, &x)| *y = (x - c.mean) * slope + c.bias);
        }
        Ok(())
    }

    fn backward(&self, cx: &mut Backward<'_, T>) -> Result<(), OpError> {
        let channels = self.channels(cx.inputs)?;
        let (x, dy) = (cx.inputs.float(0)?, cx.grad_output()?);
        let plane = x.shape().iter().skip(2).product::<usize>().max(1);
        let image = plane * channels.len();
        if let Some(dx) = cx.input(0) {
            let planes = dx.chunks_exact_mut(plane).zip(dy.data().chunks_exact(plane));
            for ((dx, dy), c) in planes.zip(channels.iter().cycle()) {
                let slope = c.inverse * c.scale;
                dx.iter_mut().zip(dy).for_each(|(dx, &dy)| *dx = dy * slope);
            }
        }
        let planes = |images: std::ops::Range<usize>| {
            let range = images.start * image..images.end * image;
            let pairs = x.data()[range.clone()].chunks_exact(plane).zip(dy.data()[range].chunks_exact(plane));
            pairs.enumerate().map(|(i, (x, dy))| (i % channels.len(), x, dy))
        };
        cx.shared(1, |images, dscale, _| {
            for (c, x, dy) in planes(images) {
                let sum: T = x.iter().zip(dy).map(|(&x, &dy)| (x - channels[c].mean) * dy).sum();
                dscale[c] += sum * channels[c].inverse;
            }
        });
        cx.shared(2, |images, dbias, _| {
            planes(images).for_each(|(c, _, dy)| dbias[c] += dy.iter().copied().sum())
        });
        Ok(())
    }

    fn enclose(&self, cx: &mut Enclose<'_>) -> Result<(), OpError> {
        let [x, scale, bias, mean, var] =
            [cx.input(0)?, cx.input(1)?, cx.input(2)?, cx.input(3)?, cx.input(4)?];
        let var = match var.is_point() {
            true => var,
            false => Bounds::nonnegative(cx.positive_part(&var.lo), cx.positive_part(&var.hi)),
        };
        // Per channel the map is monotone in each of the difference, the scale and the variance (of which none is below
        // 0): its extremes lie at corners.
        let differences = [(&x.lo, &mean.hi), (&x.hi, &mean.lo)];
        let mut corners = [vec![], vec![]];
        for (x, mean) in differences {
            for scale in scale.ends() {
                for var in var.ends() {
                    for (corners, bias) in corners.iter_mut().zip([&bias.lo, &bias.hi]) {
                        corners.push(cx.copy(&[x, scale, bias, mean, var]));
                    }
                }
            }
        }
        let [lo, hi] = [("Min", &corners[0]), ("Max", &corners[1])].map(|(op, ends)| cx.extremum(op, ends));
        let bounds = cx.rounded(Bounds::new(lo, hi), |cx| {
            let [x, scale, bias, mean] = [&x, &scale, &bias, &mean].map(|b| cx.magnitude(b));
            // Runtimes may compute `x` times a slope plus a constant.
            let mean = cx.append("Neg", vec![], &[&mean]);
            let magnitude = cx.copy(&[&x, &scale, &bias, &mean, &var.lo]);
            cx.units_of(magnitude, 32.0)
        });
        cx.output(0, bounds);
        Ok(())
    }
}
