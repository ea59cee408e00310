//! Linear interpolation along one axis.

use crate::tensor::Element;

/// One output element: `(1 - weight) x[before] + weight x[after]`.
#[derive(Clone, Copy, Debug)]
pub struct Blend {
    /// Coordinate of the first input element.
    pub before: usize,
    /// Coordinate of the second input element.
    pub after: usize,
    /// Weight of the second, in 0..=1.
    pub weight: f64,
}

/// Interpolation along one axis of a value of shape `(outer, input, inner)`.
#[derive(Clone, Debug)]
pub struct Step {
    /// Size of the axes before.
    pub outer: usize,
    /// Size of the axis before the step.
    pub input: usize,
    /// Size of the axes behind.
    pub inner: usize,
    /// The elements of the axis after the step; coordinates are below `input`.
    pub blends: Vec<Blend>,
}

impl Step {
    /// Number of elements before the step.
    pub fn input_len(&self) -> usize {
        self.outer * self.input * self.inner
    }

    /// Number of elements after the step.
    pub fn output_len(&self) -> usize {
        self.outer * self.blends.len() * self.inner
    }

    /// Interpolates.
    pub fn forward<T: Element>(&self, x: &[T], y: &mut [T]) {
        let n = self.inner.max(1);
        let parts = y.chunks_exact_mut((self.blends.len() * n).max(1)).zip(x.chunks_exact(self.input * n));
        for (y, x) in parts {
            for (y, blend) in y.chunks_exact_mut(n).zip(&self.blends) {
                let (a, b) = (T::of(1.0 - blend.weight), T::of(blend.weight));
                let (before, after) = (&x[blend.before * n..][..n], &x[blend.after * n..][..n]);
                y.iter_mut().zip(before).zip(after).for_each(|((y, &p), &q)| *y = a * p + b * q);
            }
        }
    }

    /// The gradient before the step from that after it; overwrites `dx`.
    pub fn backward<T: Element>(&self, dy: &[T], dx: &mut [T]) {
        dx.fill(T::zero());
        let n = self.inner.max(1);
        let parts = dx.chunks_exact_mut(self.input * n).zip(dy.chunks_exact((self.blends.len() * n).max(1)));
        for (dx, dy) in parts {
            for (dy, blend) in dy.chunks_exact(n).zip(&self.blends) {
                let (a, b) = (T::of(1.0 - blend.weight), T::of(blend.weight));
                dx[blend.before * n..][..n].iter_mut().zip(dy).for_each(|(dx, &dy)| *dx += a * dy);
                dx[blend.after * n..][..n].iter_mut().zip(dy).for_each(|(dx, &dy)| *dx += b * dy);
            }
        }
    }
}
