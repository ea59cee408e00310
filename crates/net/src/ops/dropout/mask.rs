//! Masks of dropout.

use std::ops::Range;

use pulp::{Arch, Simd, WithSimd};

use super::stream::{BLOCK, below};
use crate::error::OpError;
use crate::op::{Inputs, Noise};
use crate::tensor::Element;

/// Each element is kept with probability `1 - ratio`, rounded to a multiple of `2^-16`, and then divided by it.
pub(crate) struct Mask {
    noise: Noise,
    /// An element is kept where 16 random bits lie below.
    threshold: u32,
    scale: f64,
}

/// Elements whose decisions are in one word.
const WORD: usize = 32;

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

    /// Applies `f` and the mask to elements of a value, from element `start` on; its rows, one for each image, have `row` elements.
    pub(crate) fn apply<T: Element>(
        &self,
        (start, row): (usize, usize),
        values: &mut [T],
        f: impl Fn(T) -> T + Copy,
    ) {
        let scale = T::of(self.scale);
        self.each(start..start + values.len(), row, |elements, decisions| {
            let values = &mut values[elements];
            Arch::new().dispatch(Decide { decisions, values, f: |y| f(y) * scale });
        });
    }

    /// [`Self::apply`] from one value to another.
    pub(super) fn copy<T: Element>(&self, row: usize, from: &[T], to: &mut [T]) {
        let rows = from.chunks_exact(row.max(1)).zip(to.chunks_exact_mut(row.max(1)));
        for (i, (from, to)) in rows.enumerate() {
            for (j, (from, to)) in from.chunks(BLOCK).zip(to.chunks_mut(BLOCK)).enumerate() {
                to.copy_from_slice(from);
                self.apply((i * row + j * BLOCK, row), to, |y| y);
            }
        }
    }

    /// Calls `f(elements, decisions)` for some elements at a time, counted from the first of `range`. Each image has a stream of its own.
    pub(super) fn each(&self, range: Range<usize>, row: usize, mut f: impl FnMut(Range<usize>, &Decisions)) {
        let mut at = range.start;
        while at < range.end {
            let (image, place) = (at / row, at % row);
            let bits = below(self.key(image), place / BLOCK, self.threshold);
            let end = range.end.min((image + 1) * row).min(at + BLOCK - place % BLOCK);
            f(at - range.start..end - range.start, &Decisions { bits, first: place % BLOCK });
            at = end;
        }
    }

    /// The key of an image's stream.
    fn key(&self, image: usize) -> [u32; 8] {
        let Noise { seed, node, first_image } = self.noise;
        let [a, b, c] = [seed, node, first_image + image as u64].map(|n| [n as u32, (n >> 32) as u32]);
        [a[0], a[1], b[0], b[1], c[0], c[1], 0, 0]
    }
}

/// Which of some elements are kept.
pub(super) struct Decisions {
    bits: [u32; BLOCK / WORD],
    /// The bit of the first element.
    first: usize,
}

impl Decisions {
    /// Whether an element is kept.
    pub(super) fn keeps(&self, element: usize) -> bool {
        let bit = self.first + element;
        self.bits[bit / WORD] >> (bit % WORD) & 1 == 1
    }
}

/// Elements that are kept become `f` of themselves, others 0.
struct Decide<'a, T, F> {
    decisions: &'a Decisions,
    values: &'a mut [T],
    f: F,
}

impl<T: Element, F: Fn(T) -> T> WithSimd for Decide<'_, T, F> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self { decisions, values, f } = self;
        if !decisions.first.is_multiple_of(WORD) {
            let decide = |(i, y): (usize, &mut T)| *y = if decisions.keeps(i) { f(*y) } else { T::zero() };
            return values.iter_mut().enumerate().for_each(decide);
        }
        let words = &decisions.bits[decisions.first / WORD..];
        for (values, word) in values.chunks_mut(WORD).zip(words) {
            for (i, y) in values.iter_mut().enumerate() {
                *y = if word >> i & 1 == 1 { f(*y) } else { T::zero() };
            }
        }
    }
}
