//! Activation functions: `Relu`, `LeakyRelu`, `Elu`, `Sigmoid`, `HardSigmoid`, `HardSwish`, `Tanh`, `Softplus`.

use std::sync::Arc;

use super::clip::clamp;
use super::unary::{Course, Deviation, Function, Unary, line};
use super::{Entry, Sample, SampleInput};
use crate::onnx::attribute;
use crate::onnx::proto::AttributeProto;
use crate::tensor::Element;

fn with(name: &'static str, attributes: Vec<AttributeProto>) -> Sample {
    Sample::new(name, attributes, vec![SampleInput::data_in(&[3, 4, 2], -4.0, 4.0)])
}

pub(super) static RELU: Entry = line("Relu", |_| Ok(Arc::new(Unary(Relu))));

pub(super) static LEAKY_RELU: Entry = Entry {
    attributes: &["alpha"],
    samples: || {
        let alpha = |a| vec![attribute::float("alpha", a)];
        vec![with("default", vec![]), with("alpha", alpha(0.2)), with("falling", alpha(-0.3))]
    },
    ..line("LeakyRelu", |a| Ok(Arc::new(Unary(LeakyRelu { alpha: a.float("alpha", 0.01)? }))))
};

pub(super) static ELU: Entry = Entry {
    attributes: &["alpha"],
    samples: || {
        let alpha = |a| vec![attribute::float("alpha", a)];
        vec![with("default", vec![]), with("alpha", alpha(0.5)), with("falling", alpha(-0.5))]
    },
    ..line("Elu", |a| Ok(Arc::new(Unary(Elu { alpha: a.float("alpha", 1.0)? }))))
};

pub(super) static SIGMOID: Entry = line("Sigmoid", |_| Ok(Arc::new(Unary(Sigmoid))));

pub(super) static HARD_SIGMOID: Entry = Entry {
    attributes: &["alpha", "beta"],
    samples: || {
        let given = |a, b| vec![attribute::float("alpha", a), attribute::float("beta", b)];
        vec![with("default", vec![]), with("steep", given(0.7, 0.3)), with("falling", given(-0.2, 0.5))]
    },
    ..line("HardSigmoid", |a| {
        Ok(Arc::new(Unary(HardSigmoid { alpha: a.float("alpha", 0.2)?, beta: a.float("beta", 0.5)? })))
    })
};

pub(super) static HARD_SWISH: Entry = line("HardSwish", |_| Ok(Arc::new(Unary(HardSwish))));

pub(super) static TANH: Entry = line("Tanh", |_| Ok(Arc::new(Unary(Tanh))));

pub(super) static SOFTPLUS: Entry = line("Softplus", |_| Ok(Arc::new(Unary(Softplus))));

/// The logistic function.
fn logistic<T: Element>(x: T) -> T {
    T::one() / (T::one() + (-x).exp())
}

/// `max(x, 0)`.
#[derive(Debug)]
struct Relu;

impl Function for Relu {
    fn value<T: Element>(&self, x: T) -> T {
        // What is not a number stays visible.
        if x < T::zero() { T::zero() } else { x }
    }
    fn slope<T: Element>(&self, _: T, y: T) -> T {
        if y > T::zero() { T::one() } else { T::zero() }
    }
    fn course(&self) -> Course {
        Course::Ramp
    }
    fn error(&self) -> Deviation {
        Deviation::NONE
    }
}

/// `x` where positive, else `alpha x`.
#[derive(Debug)]
struct LeakyRelu {
    alpha: f64,
}

impl Function for LeakyRelu {
    fn value<T: Element>(&self, x: T) -> T {
        if x < T::zero() { T::of(self.alpha) * x } else { x }
    }
    fn slope<T: Element>(&self, x: T, _: T) -> T {
        if x > T::zero() { T::one() } else { T::of(self.alpha) }
    }
    fn course(&self) -> Course {
        if self.alpha < 0.0 { Course::ValleyFromZero(0.0) } else { Course::Rising }
    }
    fn error(&self) -> Deviation {
        // Of the product, and of the slope in single precision.
        Deviation { result: 2.0, ..Deviation::NONE }
    }
}

/// `x` where positive, else `alpha (e^x - 1)`.
#[derive(Debug)]
struct Elu {
    alpha: f64,
}

impl Function for Elu {
    fn value<T: Element>(&self, x: T) -> T {
        if x < T::zero() { T::of(self.alpha) * x.exp_m1() } else { x }
    }
    fn slope<T: Element>(&self, x: T, y: T) -> T {
        if x > T::zero() { T::one() } else { y + T::of(self.alpha) }
    }
    fn course(&self) -> Course {
        if self.alpha < 0.0 { Course::ValleyFromZero(0.0) } else { Course::Rising }
    }
    fn error(&self) -> Deviation {
        Deviation::ELEMENTARY
    }
}

/// `1 / (1 + e^-x)`.
#[derive(Debug)]
struct Sigmoid;

impl Function for Sigmoid {
    fn value<T: Element>(&self, x: T) -> T {
        logistic(x)
    }
    fn slope<T: Element>(&self, _: T, y: T) -> T {
        y * (T::one() - y)
    }
    fn course(&self) -> Course {
        Course::RisingFromZero
    }
    fn error(&self) -> Deviation {
        Deviation::ELEMENTARY
    }
}

/// `alpha x + beta` within 0 and 1.
#[derive(Debug)]
struct HardSigmoid {
    alpha: f64,
    beta: f64,
}

impl Function for HardSigmoid {
    fn value<T: Element>(&self, x: T) -> T {
        clamp(T::of(self.alpha) * x + T::of(self.beta), T::zero(), T::one())
    }
    fn slope<T: Element>(&self, _: T, y: T) -> T {
        if y > T::zero() && y < T::one() { T::of(self.alpha) } else { T::zero() }
    }
    fn course(&self) -> Course {
        if self.alpha < 0.0 { Course::Falling } else { Course::RisingFromZero }
    }
    fn error(&self) -> Deviation {
        Deviation { argument: 4.0 * self.alpha.abs(), constant: 4.0 * self.beta.abs(), ..Deviation::NONE }
    }
}

/// `x` times `x / 6 + 1/2` within 0 and 1.
#[derive(Debug)]
struct HardSwish;

impl Function for HardSwish {
    fn value<T: Element>(&self, x: T) -> T {
        x * clamp(x / T::of(6.0) + T::of(0.5), T::zero(), T::one())
    }
    fn slope<T: Element>(&self, x: T, _: T) -> T {
        let three = T::of(3.0);
        if x <= -three {
            T::zero()
        } else if x >= three {
            T::one()
        } else {
            x / three + T::of(0.5)
        }
    }
    fn course(&self) -> Course {
        Course::Valley(-1.5)
    }
    fn error(&self) -> Deviation {
        // The factor is at most 1, and known to a few units of 1.
        Deviation { argument: 6.0, ..Deviation::NONE }
    }
}

#[derive(Debug)]
struct Tanh;

impl Function for Tanh {
    fn value<T: Element>(&self, x: T) -> T {
        x.tanh()
    }
    fn slope<T: Element>(&self, _: T, y: T) -> T {
        T::one() - y * y
    }
    fn course(&self) -> Course {
        Course::Rising
    }
    fn error(&self) -> Deviation {
        Deviation::ELEMENTARY
    }
}

/// `log(1 + e^x)`, without overflow.
#[derive(Debug)]
struct Softplus;

impl Function for Softplus {
    fn value<T: Element>(&self, x: T) -> T {
        x.max(T::zero()) + (-x.abs()).exp().ln_1p()
    }
    fn slope<T: Element>(&self, x: T, _: T) -> T {
        logistic(x)
    }
    fn course(&self) -> Course {
        Course::RisingFromZero
    }
    fn error(&self) -> Deviation {
        Deviation::ELEMENTARY
    }
}
