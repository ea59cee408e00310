//! Elementary functions of one input: `Neg`, `Abs`, `Sqrt`, `Exp`, `Log`, `Erf`.

use std::sync::Arc;

use super::unary::{Course, Deviation, Function, Unary, line};
use super::{Entry, Sample, SampleInput};
use crate::tensor::Element;

pub(super) static NEG: Entry = line("Neg", |_| Ok(Arc::new(Unary(Neg))));

pub(super) static ABS: Entry = line("Abs", |_| Ok(Arc::new(Unary(Abs))));

pub(super) static SQRT: Entry = Entry { samples: positive, ..line("Sqrt", |_| Ok(Arc::new(Unary(Sqrt)))) };

pub(super) static EXP: Entry = line("Exp", |_| Ok(Arc::new(Unary(Exp))));

pub(super) static LOG: Entry = Entry { samples: positive, ..line("Log", |_| Ok(Arc::new(Unary(Log)))) };

pub(super) static ERF: Entry = line("Erf", |_| Ok(Arc::new(Unary(Erf))));

fn positive() -> Vec<Sample> {
    vec![Sample::new("positive", vec![], vec![SampleInput::data_in(&[3, 4], 0.3, 4.0)])]
}

#[derive(Debug)]
struct Neg;

impl Function for Neg {
    fn value<T: Element>(&self, x: T) -> T {
        -x
    }
    fn slope<T: Element>(&self, _: T, _: T) -> T {
        -T::one()
    }
    fn course(&self) -> Course {
        Course::Falling
    }
    fn error(&self) -> Deviation {
        Deviation::NONE
    }
    fn integer(&self) -> Option<fn(i64) -> i64> {
        Some(i64::wrapping_neg)
    }
}

#[derive(Debug)]
struct Abs;

impl Function for Abs {
    fn value<T: Element>(&self, x: T) -> T {
        x.abs()
    }
    fn slope<T: Element>(&self, x: T, _: T) -> T {
        if x > T::zero() {
            T::one()
        } else if x < T::zero() {
            -T::one()
        } else {
            T::zero()
        }
    }
    fn course(&self) -> Course {
        Course::ValleyFromZero(0.0)
    }
    fn error(&self) -> Deviation {
        Deviation::NONE
    }
    fn integer(&self) -> Option<fn(i64) -> i64> {
        Some(i64::wrapping_abs)
    }
}

#[derive(Debug)]
struct Sqrt;

impl Function for Sqrt {
    fn value<T: Element>(&self, x: T) -> T {
        x.sqrt()
    }
    fn slope<T: Element>(&self, _: T, y: T) -> T {
        T::of(0.5) / y
    }
    fn course(&self) -> Course {
        Course::RisingFromZero
    }
    fn error(&self) -> Deviation {
        Deviation { result: 1.0, ..Deviation::NONE }
    }
}

#[derive(Debug)]
struct Exp;

impl Function for Exp {
    fn value<T: Element>(&self, x: T) -> T {
        x.exp()
    }
    fn slope<T: Element>(&self, _: T, y: T) -> T {
        y
    }
    fn course(&self) -> Course {
        Course::RisingFromZero
    }
    fn error(&self) -> Deviation {
        Deviation::ELEMENTARY
    }
}

#[derive(Debug)]
struct Log;

impl Function for Log {
    fn value<T: Element>(&self, x: T) -> T {
        x.ln()
    }
    fn slope<T: Element>(&self, x: T, _: T) -> T {
        T::one() / x
    }
    fn course(&self) -> Course {
        Course::Rising
    }
    fn error(&self) -> Deviation {
        Deviation::ELEMENTARY
    }
}

#[derive(Debug)]
struct Erf;

impl Function for Erf {
    fn value<T: Element>(&self, x: T) -> T {
        x.erf()
    }
    fn slope<T: Element>(&self, x: T, _: T) -> T {
        T::of(std::f64::consts::FRAC_2_SQRT_PI) * (-x * x).exp()
    }
    fn course(&self) -> Course {
        Course::Rising
    }
    fn error(&self) -> Deviation {
        Deviation::ELEMENTARY
    }
}
