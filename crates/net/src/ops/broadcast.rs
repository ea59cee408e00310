//! Numpy broadcasting: one loop for all operators that combine values element by element.
//!
//! [`Loops`] merges the axes of the output as far as the operands allow, so that inner loops run over long stretches
//! ([`Run`]) in which an operand either advances with the output or stands still. Reductions are the same loops read
//! backward.

use std::ops::Range;

use super::sums;
use crate::error::OpError;
use crate::kernels::widest;
use crate::op::{Backward, Fact};
use crate::tensor::{Element, Tensor};

/// The shape to which all `shapes` broadcast.
pub(super) fn shape(shapes: &[&[usize]]) -> Result<Vec<usize>, OpError> {
    let rank = shapes.iter().map(|s| s.len()).max().unwrap_or(0);
    let mut output = vec![1; rank];
    for shape in shapes {
        for (o, &d) in output[rank - shape.len()..].iter_mut().zip(*shape) {
            match (*o, d) {
                (o, d) if o == d || d == 1 => {}
                (1, d) => *o = d,
                _ => return Err(OpError::invalid(format!("shapes {shapes:?} do not broadcast"))),
            }
        }
    }
    Ok(output)
}

/// The fact of an elementwise result, with the kind of the first operand.
pub(super) fn fact(operands: &[&Fact]) -> Result<Fact, OpError> {
    let shapes: Vec<&[usize]> = operands.iter().map(|f| f.shape.as_slice()).collect();
    let output = shape(&shapes)?;
    let first = operands.first().ok_or_else(|| OpError::invalid("no inputs"))?;
    let batched = batched(operands, &output);
    Ok(first.reshaped(output, batched))
}

/// Whether row `i` of a result of shape `output` depends on image `i` alone: some operand counts images along
/// axis 0 of the result, and no other varies along it.
pub(super) fn batched(operands: &[&Fact], output: &[usize]) -> bool {
    let fits = |f: &&Fact| {
        let first = if f.shape.len() == output.len() { f.shape.first() } else { None };
        if f.batched { first.is_some() && first == output.first() } else { first.is_none_or(|&d| d == 1) }
    };
    operands.iter().any(|f| f.batched) && operands.iter().all(fits)
}

/// Where an operand stands at the start of a run, and whether it advances (1) or stands still (0).
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) at: usize,
    pub(super) step: usize,
}

/// The values of an operand along a run.
#[derive(Clone, Copy, Debug)]
pub(super) enum Run<'a, E> {
    /// One for each element.
    Each(&'a [E]),
    /// The same for all elements.
    One(E),
}

impl<'a, E: Copy> Run<'a, E> {
    /// The run of `len` elements of `data` at `place`.
    pub(super) fn new(data: &'a [E], place: Place, len: usize) -> Self {
        match place.step {
            0 => Run::One(data[place.at]),
            _ => Run::Each(&data[place.at..place.at + len]),
        }
    }
}

/// Applies `f(output, a)` to every element of a run.
pub(super) fn update1<O, A: Copy>(output: &mut [O], a: Run<'_, A>, f: impl Fn(&mut O, A)) {
    match a {
        Run::Each(a) => widest(|| output.iter_mut().zip(a).for_each(|(o, &a)| f(o, a))),
        Run::One(a) => widest(|| output.iter_mut().for_each(|o| f(o, a))),
    }
}

/// Applies `f(output, a, b)` to every element of a run.
pub(super) fn update2<O, A: Copy, B: Copy>(
    output: &mut [O],
    a: Run<'_, A>,
    b: Run<'_, B>,
    f: impl Fn(&mut O, A, B),
) {
    match (a, b) {
        (Run::Each(a), Run::Each(b)) => {
            widest(|| output.iter_mut().zip(a).zip(b).for_each(|((o, &a), &b)| f(o, a, b)));
        }
        (a, Run::One(b)) => update1(output, a, |o, a| f(o, a, b)),
        (Run::One(a), b) => update1(output, b, |o, b| f(o, a, b)),
    }
}

/// The loops of `N` operands that broadcast to one output.
#[derive(Debug)]
pub(super) struct Loops<const N: usize> {
    /// Sizes of the outer axes with the distance of each operand, outermost first.
    axes: Vec<(usize, [usize; N])>,
    /// Length of a run.
    run: usize,
    step: [usize; N],
    /// Where output and operands start.
    output: usize,
    operands: [usize; N],
}

impl<const N: usize> Loops<N> {
    /// The loops over a whole output; `shapes` broadcast to it.
    pub(super) fn new(shapes: [&[usize]; N], output: &[usize]) -> Self {
        Self::rows(shapes, output, 0..output.first().copied().unwrap_or(1))
    }

    /// The loops over some rows (entries of axis 0) of the output.
    pub(super) fn rows(shapes: [&[usize]; N], output: &[usize], rows: Range<usize>) -> Self {
        let rank = output.len();
        let row_len = |shape: &[usize]| shape.iter().skip(1).product::<usize>();
        let cut = shapes.map(|s| s.len() == rank && s.first().is_some_and(|&d| d != 1));
        let mut strides = [1; N];
        let mut axes: Vec<(usize, [usize; N])> = Vec::with_capacity(rank);
        for axis in (0..rank).rev() {
            let size = if axis == 0 { rows.len() } else { output[axis] };
            let mut here = [0; N];
            for k in 0..N {
                let dim = (axis + shapes[k].len()).checked_sub(rank).map_or(1, |a| shapes[k][a]);
                here[k] = if dim == 1 { 0 } else { strides[k] };
                strides[k] *= dim;
            }
            match axes.last_mut() {
                _ if size == 1 => {}
                // The axis to the right continues where this one steps: one longer axis.
                Some((inner, distance)) if (0..N).all(|k| here[k] == distance[k] * *inner) => *inner *= size,
                _ => axes.push((size, here)),
            }
        }
        axes.reverse();
        let (run, step) = axes.pop().unwrap_or((1, [0; N]));
        let operands = std::array::from_fn(|k| if cut[k] { rows.start * row_len(shapes[k]) } else { 0 });
        Self { axes, run, step, output: rows.start * row_len(output), operands }
    }

    /// Calls `f(range of the output, place of each operand)` for every run, in order.
    pub(super) fn each(&self, mut f: impl FnMut(Range<usize>, [Place; N])) {
        let count = if self.run == 0 { 0 } else { self.axes.iter().map(|(size, _)| size).product() };
        let mut index = vec![0; self.axes.len()];
        let mut at = self.operands;
        let mut output = self.output;
        for _ in 0..count {
            f(output..output + self.run, std::array::from_fn(|k| Place { at: at[k], step: self.step[k] }));
            output += self.run;
            for (i, (size, distance)) in index.iter_mut().zip(&self.axes).rev() {
                *i += 1;
                at.iter_mut().zip(distance).for_each(|(a, d)| *a += d);
                if *i < *size {
                    break;
                }
                *i = 0;
                at.iter_mut().zip(distance).for_each(|(a, d)| *a -= d * size);
            }
        }
    }
}

/// Adds a run to what an operand at `place` has gathered: element by element where it advances, as a sum where it
/// stands still.
pub(super) fn gather<T: Element>(target: &mut [T], place: Place, run: &[T]) {
    match place.step {
        0 => target[place.at] += sums::sum(run),
        _ => target[place.at..place.at + run.len()].iter_mut().zip(run).for_each(|(t, &r)| *t += r),
    }
}

/// Writes the gradient of node input `input`, which is operand `operand` among `shapes`, from that of the output:
/// `slope(run, range, places)` turns a run of the output's gradient into what reaches the operand, and what falls on
/// one element of it is summed.
pub(super) fn gradient<T: Element, const N: usize>(
    cx: &mut Backward<'_, T>,
    (input, operand): (usize, usize),
    shapes: [&[usize]; N],
    dy: &Tensor<T>,
    slope: impl Fn(&mut [T], Range<usize>, [Place; N]),
) {
    let sum = |loops: Loops<N>, target: &mut [T], run: &mut [T]| {
        loops.each(|range, places| {
            let run = &mut run[..range.len()];
            run.copy_from_slice(&dy.data()[range.clone()]);
            slope(run, range, places);
            gather(target, places[operand], run);
        });
    };
    if cx.is_shared(input) {
        cx.shared(input, |images, target, scratch| {
            let loops = Loops::rows(shapes, dy.shape(), images);
            let mut run = scratch.take(loops.run);
            sum(loops, target, &mut run);
            scratch.give(run);
        });
    } else if let Some((target, scratch)) = cx.input_and_scratch(input) {
        let loops = Loops::new(shapes, dy.shape());
        if target.len() == dy.len() {
            target.copy_from_slice(dy.data());
            return loops.each(|range, places| slope(&mut target[range.clone()], range, places));
        }
        target.fill(T::zero());
        let mut run = scratch.take(loops.run);
        sum(loops, target, &mut run);
        scratch.give(run);
    }
}
