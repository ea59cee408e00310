//! `Gelu`, exact and with the tanh approximation (Hendrycks and Gimpel 2016, section 2).

use std::f64::consts::{FRAC_1_SQRT_2, FRAC_2_SQRT_PI};
use std::sync::Arc;

use super::unary::{Course, Deviation, Function, Unary, line, signs};
use super::{Entry, Interval};
use crate::error::OpError;
use crate::interval::rounding::ELEMENTARY;
use crate::onnx::{Attributes, attribute};
use crate::op::Operator;
use crate::tensor::Element;

pub(super) static GELU: Entry = Entry {
    attributes: &["approximate"],
    // The bottom of the valley is known to rounding error only.
    interval: Interval::Sound,
    samples: || {
        let mut samples = signs();
        samples.extend(signs());
        samples[0].name = "exact";
        samples[1].name = "tanh";
        samples[1].attributes = vec![attribute::string("approximate", "tanh")];
        samples.into_iter().map(|s| s.opset(20)).collect()
    },
    ..line("Gelu", parse)
};

fn parse(attributes: &Attributes<'_>) -> Result<Arc<dyn Operator>, OpError> {
    match attributes.string("approximate", "none")? {
        "none" => Ok(Arc::new(Unary(Exact))),
        "tanh" => Ok(Arc::new(Unary(Approximate))),
        other => Err(OpError::invalid(format!("approximate `{other}` is unknown"))),
    }
}

/// `x Phi(x)` with the normal distribution function `Phi`.
#[derive(Debug)]
struct Exact;

fn normal<T: Element>(x: T) -> T {
    T::of(0.5) * (T::one() + (x * T::of(FRAC_1_SQRT_2)).erf())
}

impl Function for Exact {
    fn value<T: Element>(&self, x: T) -> T {
        x * normal(x)
    }
    fn slope<T: Element>(&self, x: T, _: T) -> T {
        let density = T::of(0.5 * FRAC_2_SQRT_PI * FRAC_1_SQRT_2) * (-T::of(0.5) * x * x).exp();
        normal(x) + x * density
    }
    fn course(&self) -> Course {
        // Where Phi(x) + x phi(x) = 0.
        Course::Valley(-0.751_791_524_693_563_5)
    }
    fn error(&self) -> Deviation {
        // One plus a number near -1 is known to units of 1, not of itself.
        Deviation { argument: ELEMENTARY, ..Deviation::NONE }
    }
}

/// `x / 2 (1 + tanh u)` with `u = sqrt(2 / pi) (x + 0.044715 x^3)`.
#[derive(Debug)]
struct Approximate;

const CUBE: f64 = 0.044715;

fn root<T: Element>() -> T {
    T::of(FRAC_2_SQRT_PI * FRAC_1_SQRT_2)
}

fn tanh<T: Element>(x: T) -> T {
    (root::<T>() * (x + T::of(CUBE) * x * x * x)).tanh()
}

impl Function for Approximate {
    fn value<T: Element>(&self, x: T) -> T {
        T::of(0.5) * x * (T::one() + tanh(x))
    }
    fn slope<T: Element>(&self, x: T, _: T) -> T {
        let (half, t) = (T::of(0.5), tanh(x));
        let inner = root::<T>() * (T::one() + T::of(3.0 * CUBE) * x * x);
        half * (T::one() + t) + half * x * (T::one() - t * t) * inner
    }
    fn course(&self) -> Course {
        // The zero of the slope, found by bisection in double precision.
        Course::Valley(-0.752_461_422_071_016_3)
    }
    fn error(&self) -> Deviation {
        Deviation { argument: ELEMENTARY, ..Deviation::NONE }
    }
}
