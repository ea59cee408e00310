//! Convolutions whose groups read a single channel (depthwise): matrix products of one row each, which leave vectors empty.
//!
//! A plane is put into a frame with its padding. Every tap is a shift of the frame then, and all positions of the frame are computed in long
//! vectors, whatever the width of a plane; those that are no outputs, behind rows and between strides, are left out. Outputs and gradients of inputs are one
//! chain of fused multiply-adds in the order of the taps, as everywhere; the gradient of a weight is as many chains as a block has positions.

use super::conv::{Geometry, for_each};
use super::frame::strides;
use super::reading::{Forward, Reading, Side, Weights};
use super::simd::widest;
use crate::kernels::Start;
use crate::op::Scratch;
use crate::tensor::Element;

/// With more output channels for each input channel, matrix products have rows enough.
const OUTPUTS: usize = 4;
/// Strides that skip more than so many positions for each one that they take waste too much.
const SKIPPED: usize = 4;
/// Positions that are computed at a time, and chains of a sum over positions.
const BLOCK: usize = 64;
/// Positions whose factors stay in the first-level cache.
const STRETCH: usize = 16 * BLOCK;

/// Whether tap by tap is faster than a matrix product: by the shapes of the layer alone.
pub(super) fn suits<T>(reading: &Reading<'_, '_, T>) -> bool {
    let g = match reading {
        Reading::Forward(forward) => forward.geometry,
        Reading::Weights(weights) => weights.geometry,
    };
    g.in_channels == 1 && g.out_channels < OUTPUTS && g.stride.iter().product::<usize>() <= SKIPPED
}

/// Computes a reading that [`suits`].
pub(super) fn run<T: Element>(reading: Reading<'_, '_, T>) {
    match reading {
        Reading::Forward(work) if work.side == Side::Output => output(work),
        Reading::Forward(work) => input_gradient(work),
        Reading::Weights(work) => weight_gradient(work),
    }
}

fn output<T: Element>(work: Forward<'_, '_, T>) {
    let Forward { geometry: g, from: x, taps, bias, to: y, finish, scratch, .. } = work;
    let shifts = Shifts::of_inputs(g);
    let (mut frame, mut sums) = (shifts.frame(scratch), shifts.sums(scratch));
    let inputs = x.chunks_exact(g.input_len());
    for ((at, x), y) in inputs.enumerate().zip(y.chunks_exact_mut(g.output_len())) {
        shifts.inputs.write(x, &mut frame);
        let first = at % g.groups * g.out_channels;
        for (channel, y) in (first..).zip(y.chunks_exact_mut(g.pixels())) {
            sums.fill(bias.and_then(|bias| bias.get(channel)).copied().unwrap_or_else(T::zero));
            let weights = &taps.weights[channel * g.reduction()..][..g.reduction()];
            shifts.add(&frame, weights, &mut sums);
            shifts.outputs.read(&sums, y);
        }
    }
    [frame, sums].into_iter().for_each(|buffer| scratch.give(buffer));
    finish(0, y);
}

fn input_gradient<T: Element>(work: Forward<'_, '_, T>) {
    let Forward { geometry: g, from: dy, taps, to: dx, finish, scratch, .. } = work;
    let shifts = Shifts::of_gradients(g);
    let (mut frame, mut sums) = (shifts.frame(scratch), shifts.sums(scratch));
    let gradients = dy.chunks_exact(g.output_len());
    for ((at, dy), dx) in gradients.enumerate().zip(dx.chunks_exact_mut(g.input_len())) {
        sums.fill(T::zero());
        let first = at % g.groups * g.out_channels;
        for (channel, dy) in (first..).zip(dy.chunks_exact(g.pixels())) {
            shifts.inputs.write(dy, &mut frame);
            let weights = &taps.weights[channel * g.reduction()..][..g.reduction()];
            shifts.add(&frame, weights, &mut sums);
        }
        shifts.outputs.read(&sums, dx);
    }
    [frame, sums].into_iter().for_each(|buffer| scratch.give(buffer));
    finish(0, dx);
}

fn weight_gradient<T: Element>(work: Weights<'_, '_, T>) {
    let Weights { geometry: g, x, dy, dw, start, scratch } = work;
    let shifts = Shifts::of_inputs(g);
    let (mut frame, mut spread) = (shifts.frame(scratch), shifts.sums(scratch));
    let mut chains = scratch.take(shifts.taps.len() * BLOCK);
    // Positions that are no outputs have no gradient; they stay as they are.
    spread.fill(T::zero());
    for (channel, dw) in dw.chunks_exact_mut(g.reduction()).enumerate() {
        chains.fill(T::zero());
        let inputs = x.chunks_exact(g.input_len()).skip(channel / g.out_channels).step_by(g.groups);
        let gradients = dy.chunks_exact(g.pixels()).skip(channel).step_by(g.groups * g.out_channels);
        for (x, dy) in inputs.zip(gradients) {
            shifts.inputs.write(x, &mut frame);
            shifts.outputs.write(dy, &mut spread);
            shifts.multiply(&frame, &spread, &mut chains);
        }
        for (dw, chains) in dw.iter_mut().zip(chains.chunks_exact(BLOCK)) {
            let before = if matches!(start, Start::Result) { *dw } else { T::zero() };
            *dw = before + chains.iter().copied().sum();
        }
    }
    [frame, spread, chains].into_iter().for_each(|buffer| scratch.give(buffer));
}

/// A plane within a frame: every element of it has a place there.
#[derive(Debug)]
struct Place {
    /// Depth, height and width of the plane.
    size: [usize; 3],
    /// Place of its first element.
    start: usize,
    /// Distances of neighbours along each axis.
    steps: [usize; 3],
}

impl Place {
    /// Calls `row(first element of a row, its place)`.
    #[inline(always)]
    fn rows(&self, mut row: impl FnMut(usize, usize)) {
        let [depth, height, width] = self.size;
        for z in 0..depth {
            for y in 0..height {
                row((z * height + y) * width, self.start + z * self.steps[0] + y * self.steps[1]);
            }
        }
    }

    fn write<T: Copy>(&self, plane: &[T], frame: &mut [T]) {
        let (width, step) = (self.size[2], self.steps[2]);
        self.rows(|from, to| {
            let places = frame[to..].iter_mut().step_by(step);
            places.zip(&plane[from..from + width]).for_each(|(t, &s)| *t = s);
        });
    }

    fn read<T: Copy>(&self, frame: &[T], plane: &mut [T]) {
        let (width, step) = (self.size[2], self.steps[2]);
        self.rows(|to, from| {
            let places = frame[from..].iter().step_by(step);
            plane[to..to + width].iter_mut().zip(places).for_each(|(t, &s)| *t = s);
        });
    }
}

/// A convolution as sums of shifted frames.
#[derive(Debug)]
struct Shifts {
    /// Elements of a frame.
    volume: usize,
    /// The plane that is read, in the frame.
    inputs: Place,
    /// The plane that is computed, among the sums.
    outputs: Place,
    /// The shift of each tap.
    taps: Vec<usize>,
    /// Sums that are computed, a whole number of blocks.
    count: usize,
}

impl Shifts {
    /// The output from the input.
    fn of_inputs(g: &Geometry) -> Self {
        let reach = g.reach();
        let size: [usize; 3] = std::array::from_fn(|a| reach[a].max(g.pad[a] + g.input[a]));
        let (steps, mut taps) = (strides(size), Vec::new());
        for_each(g.kernel, |tap| taps.push(dot(std::array::from_fn(|a| tap[a] * g.dilation[a]), steps)));
        let inputs = Place { size: g.input, start: dot(g.pad, steps), steps };
        let steps = std::array::from_fn(|a| g.stride[a] * steps[a]);
        Self::new(size, inputs, Place { size: g.output, start: 0, steps }, taps)
    }

    /// The gradient of the input from that of the output, with zeros between strides.
    fn of_gradients(g: &Geometry) -> Self {
        let before: [usize; 3] =
            std::array::from_fn(|a| ((g.kernel[a] - 1) * g.dilation[a]).saturating_sub(g.pad[a]));
        let size =
            |a: usize| before[a] + ((g.output[a] - 1) * g.stride[a]).max(g.input[a] - 1 + g.pad[a]) + 1;
        let size: [usize; 3] = std::array::from_fn(size);
        let (steps, mut taps) = (strides(size), Vec::new());
        for_each(g.kernel, |tap| {
            taps.push(dot(std::array::from_fn(|a| before[a] + g.pad[a] - tap[a] * g.dilation[a]), steps));
        });
        let outputs = Place { size: g.input, start: 0, steps };
        let start = dot(before, steps);
        let steps = std::array::from_fn(|a| g.stride[a] * steps[a]);
        Self::new(size, Place { size: g.output, start, steps }, outputs, taps)
    }

    fn new(size: [usize; 3], inputs: Place, outputs: Place, taps: Vec<usize>) -> Self {
        let last = dot(outputs.size.map(|n| n - 1), outputs.steps);
        Self {
            volume: size.iter().product(),
            inputs,
            outputs,
            taps,
            count: (last + 1).next_multiple_of(BLOCK),
        }
    }

    /// A frame of zeros, with a block behind it.
    fn frame<T: Element>(&self, scratch: &mut Scratch<T>) -> Vec<T> {
        scratch.zeros(self.volume + BLOCK)
    }

    /// Room for all sums, of arbitrary content.
    fn sums<T: Element>(&self, scratch: &mut Scratch<T>) -> Vec<T> {
        scratch.take(self.count)
    }

    /// Adds the products of every tap, in their order.
    fn add<T: Element>(&self, frame: &[T], weights: &[T], sums: &mut [T]) {
        widest(
            #[inline(always)]
            || self.add_taps(frame, weights, sums),
        );
    }

    #[inline(always)]
    fn add_taps<T: Element>(&self, frame: &[T], weights: &[T], sums: &mut [T]) {
        for (at, sums) in sums.chunks_exact_mut(BLOCK).enumerate() {
            let mut block = [T::zero(); BLOCK];
            block.copy_from_slice(sums);
            for (&shift, &weight) in self.taps.iter().zip(weights) {
                let from = &frame[at * BLOCK + shift..][..BLOCK];
                for l in 0..BLOCK {
                    block[l] = from[l].mul_add(weight, block[l]);
                }
            }
            sums.copy_from_slice(&block);
        }
    }

    /// Adds the products with each shifted frame, position by position, to a block of chains for each tap.
    fn multiply<T: Element>(&self, frame: &[T], factors: &[T], chains: &mut [T]) {
        widest(
            #[inline(always)]
            || self.multiply_stretches(frame, factors, chains),
        );
    }

    #[inline(always)]
    fn multiply_stretches<T: Element>(&self, frame: &[T], factors: &[T], chains: &mut [T]) {
        // All taps of a stretch before the next one: both factors stay in the first-level cache.
        for (at, factors) in factors.chunks(STRETCH).enumerate() {
            let frame = &frame[at * STRETCH..];
            for (&shift, chains) in self.taps.iter().zip(chains.chunks_exact_mut(BLOCK)) {
                let mut block = [T::zero(); BLOCK];
                block.copy_from_slice(chains);
                for (at, b) in factors.chunks_exact(BLOCK).enumerate() {
                    let a = &frame[at * BLOCK + shift..][..BLOCK];
                    for l in 0..BLOCK {
                        block[l] = a[l].mul_add(b[l], block[l]);
                    }
                }
                chains.copy_from_slice(&block);
            }
        }
    }
}

fn dot(a: [usize; 3], b: [usize; 3]) -> usize {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}
