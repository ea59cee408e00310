//! Pools: the largest or the sum of the elements under a sliding window, plane by plane.

use std::ops::Range;

use super::conv::Geometry;
use crate::op::Scratch;
use crate::tensor::Element;

/// The larger of two; NaN wins.
pub fn larger<T: Element>(a: T, b: T) -> T {
    if b > a || b.is_nan() { b } else { a }
}

impl Geometry {
    /// The geometry of a pool over one plane.
    pub fn plane(input: [usize; 3], output: [usize; 3], kernel: [usize; 3]) -> Self {
        let ones = [1; 3];
        let pad = [0; 3];
        Self {
            in_channels: 1,
            out_channels: 1,
            groups: 1,
            input,
            output,
            kernel,
            stride: ones,
            dilation: ones,
            pad,
        }
    }

    /// The number of kernel elements that the window at output `o` has within `range` of the padded input.
    pub fn taps(&self, axis: usize, o: usize, range: Range<usize>) -> usize {
        let until = |end: usize| end.saturating_sub(o * self.stride[axis]).div_ceil(self.dilation[axis]);
        until(range.end).min(self.kernel[axis]).saturating_sub(until(range.start))
    }

    /// Calls `visit(first output, first input, run)` for every kernel element and every run of output pixels that read
    /// inside the plane through it, the inputs `stride[2]` apart.
    fn runs(&self, mut visit: impl FnMut(usize, usize, usize)) {
        let [depth, height, width] = [0, 1, 2].map(|axis| self.reading(axis));
        let lines = |d: usize| height.clone().map(move |h| (d, h));
        let points = |(d, h): (usize, usize)| width.clone().map(move |w| [d, h, w]);
        for offset in depth.flat_map(lines).flat_map(points) {
            let (first, last) = self.valid(2, offset[2]);
            if first >= last {
                continue;
            }
            for d in 0..self.output[0] {
                let Some(z) = self.source(0, d, offset[0]) else { continue };
                for h in 0..self.output[1] {
                    let Some(y) = self.source(1, h, offset[1]) else { continue };
                    let x = first * self.stride[2] + offset[2] * self.dilation[2] - self.pad[2];
                    let from = (z * self.input[1] + y) * self.input[2] + x;
                    visit((d * self.output[1] + h) * self.output[2] + first, from, last - first);
                }
            }
        }
    }

    /// The kernel offsets at which some window reads the plane: a kernel may be far larger than that.
    fn reading(&self, axis: usize) -> Range<usize> {
        let (pad, dilation) = (self.pad[axis], self.dilation[axis]);
        let last = self.output[axis].saturating_sub(1) * self.stride[axis];
        let end = (self.input[axis] + pad).div_ceil(dilation).min(self.kernel[axis]);
        pad.saturating_sub(last).div_ceil(dilation)..end
    }

    /// The input coordinate that output coordinate `o` reads through kernel offset `k`.
    fn source(&self, axis: usize, o: usize, k: usize) -> Option<usize> {
        (o * self.stride[axis] + k * self.dilation[axis])
            .checked_sub(self.pad[axis])
            .filter(|&i| i < self.input[axis])
    }

    /// The range of output coordinates that read inside the image through kernel offset `k`.
    fn valid(&self, axis: usize, k: usize) -> (usize, usize) {
        let (shift, pad, stride) = (k * self.dilation[axis], self.pad[axis], self.stride[axis]);
        let first = pad.saturating_sub(shift).div_ceil(stride);
        let last = (self.input[axis] + pad).saturating_sub(shift).div_ceil(stride);
        (first, last.min(self.output[axis]))
    }

    /// Whether there is one window and it covers the plane.
    fn covers(&self) -> bool {
        self.output == [1; 3] && self.kernel == self.input && self.dilation == [1; 3] && self.pad == [0; 3]
    }

    /// Whether windows of 2 x 2 elements tile the plane.
    fn halves(&self) -> bool {
        let fits = (1..3).all(|a| self.output[a] * 2 <= self.input[a]);
        let [kernel, stride] = [self.kernel, self.stride];
        fits && kernel == [1, 2, 2] && stride == [1, 2, 2] && self.dilation == [1; 3] && self.pad == [0; 3]
    }
}

/// Maxima of each plane.
pub fn max_forward<T: Element>(g: &Geometry, x: &[T], y: &mut [T]) {
    let (halves, covers) = (g.halves(), g.covers());
    for (x, y) in x.chunks_exact(g.input_len()).zip(y.chunks_exact_mut(g.pixels())) {
        if halves {
            max_of_four(g, x, y);
            continue;
        }
        if covers {
            y.fill(x.iter().copied().fold(T::neg_infinity(), larger));
            continue;
        }
        y.fill(T::neg_infinity());
        g.runs(|out, from, n| {
            let y = y[out..out + n].iter_mut();
            match g.stride[2] {
                1 => y.zip(&x[from..]).for_each(|(y, &x)| *y = larger(*y, x)),
                step => y.zip(x[from..].iter().step_by(step)).for_each(|(y, &x)| *y = larger(*y, x)),
            }
        });
    }
}

fn max_of_four<T: Element>(g: &Geometry, x: &[T], y: &mut [T]) {
    let (height, width) = (g.output[1], g.output[2]);
    for (row, y) in y.chunks_exact_mut(width).enumerate() {
        let (d, h) = (row / height, row % height);
        let above = &x[(d * g.input[1] + 2 * h) * g.input[2]..];
        let below = &above[g.input[2]..];
        let pairs = above.as_chunks::<2>().0.iter().zip(below.as_chunks::<2>().0);
        y.iter_mut().zip(pairs).for_each(|(y, (a, b))| {
            *y = larger(larger(a[0], a[1]), larger(b[0], b[1]));
        });
    }
}

/// The gradient of the maxima goes to the first element that equals each; overwrites `dx`.
pub fn max_backward<T: Element>(
    g: &Geometry,
    (x, y): (&[T], &[T]),
    dy: &[T],
    dx: &mut [T],
    scratch: &mut Scratch<T>,
) {
    dx.fill(T::zero());
    let (inputs, outputs) = (g.input_len(), g.pixels());
    if g.halves() {
        let planes = x.chunks_exact(inputs).zip(dx.chunks_exact_mut(inputs));
        let results = y.chunks_exact(outputs).zip(dy.chunks_exact(outputs));
        planes.zip(results).for_each(|((x, dx), (y, dy))| first_of_four(g, (x, y), dy, dx));
        return;
    }
    let mut rest = scratch.take(dy.len());
    rest.copy_from_slice(dy);
    let planes = x.chunks_exact(inputs).zip(dx.chunks_exact_mut(inputs));
    let results = y.chunks_exact(outputs).zip(rest.chunks_exact_mut(outputs));
    let covers = g.covers();
    for ((x, dx), (y, rest)) in planes.zip(results) {
        if covers {
            let first = x.iter().position(|x| *x == y[0]);
            first.into_iter().for_each(|at| dx[at] = rest[0]);
            continue;
        }
        g.runs(|out, from, n| {
            let step = g.stride[2];
            let reach = from..from + (n - 1) * step + 1;
            let (x, dx) = (&x[reach.clone()], &mut dx[reach]);
            for (i, (&y, rest)) in y[out..out + n].iter().zip(&mut rest[out..]).enumerate() {
                let given = if x[i * step] == y { *rest } else { T::zero() };
                dx[i * step] += given;
                *rest = if x[i * step] == y { T::zero() } else { *rest };
            }
        });
    }
    scratch.give(rest);
}

fn first_of_four<T: Element>(g: &Geometry, (x, y): (&[T], &[T]), dy: &[T], dx: &mut [T]) {
    let (height, width, line) = (g.output[1], g.output[2], g.input[2]);
    for (row, (y, dy)) in y.chunks_exact(width).zip(dy.chunks_exact(width)).enumerate() {
        let (d, h) = (row / height, row % height);
        let start = (d * g.input[1] + 2 * h) * line;
        let (x_above, x_below) = x[start..start + line + 2 * width].split_at(line);
        let (dx_above, dx_below) = dx[start..start + line + 2 * width].split_at_mut(line);
        let x = x_above.as_chunks::<2>().0.iter().zip(x_below.as_chunks::<2>().0);
        let dx = dx_above.as_chunks_mut::<2>().0.iter_mut().zip(dx_below.as_chunks_mut::<2>().0);
        for (((a, b), (da, db)), (&y, &dy)) in x.zip(dx).zip(y.iter().zip(dy)) {
            let hits = [a[0] == y, a[1] == y, b[0] == y, b[1] == y];
            let [first, second, third, fourth] = hits;
            let give = |hit: bool| if hit { dy } else { T::zero() };
            *da = [give(first), give(second && !first)];
            *db = [give(third && !(first || second)), give(fourth && !(first || second || third))];
        }
    }
}

/// Weighted sums of each plane: `weights` has a factor for each output pixel.
pub fn sum_forward<T: Element>(g: &Geometry, weights: &[T], x: &[T], y: &mut [T]) {
    let covers = g.covers();
    for (x, y) in x.chunks_exact(g.input_len()).zip(y.chunks_exact_mut(g.pixels())) {
        if covers {
            y.fill(x.iter().copied().sum::<T>() * weights[0]);
            continue;
        }
        y.fill(T::zero());
        g.runs(|out, from, n| {
            let y = y[out..out + n].iter_mut();
            match g.stride[2] {
                1 => y.zip(&x[from..]).for_each(|(y, &x)| *y += x),
                step => y.zip(x[from..].iter().step_by(step)).for_each(|(y, &x)| *y += x),
            }
        });
        y.iter_mut().zip(weights).for_each(|(y, &w)| *y *= w);
    }
}

/// The gradient of the weighted sums; overwrites `dx`.
pub fn sum_backward<T: Element>(
    g: &Geometry,
    weights: &[T],
    dy: &[T],
    dx: &mut [T],
    scratch: &mut Scratch<T>,
) {
    let covers = g.covers();
    let mut scaled = scratch.take(g.pixels());
    dx.fill(T::zero());
    for (dx, dy) in dx.chunks_exact_mut(g.input_len()).zip(dy.chunks_exact(g.pixels())) {
        if covers {
            dx.fill(dy[0] * weights[0]);
            continue;
        }
        scaled.iter_mut().zip(dy).zip(weights).for_each(|((s, &dy), &w)| *s = dy * w);
        g.runs(|out, from, n| {
            let targets = dx[from..].iter_mut().step_by(g.stride[2]);
            targets.zip(&scaled[out..out + n]).for_each(|(dx, &s)| *dx += s);
        });
    }
    scratch.give(scaled);
}
