//! The gradient reading of one chunk: reverse mode over the tape.

use std::collections::BTreeMap;
use std::ops::Range;

use rayon::prelude::*;

use crate::error::NetError;
use crate::graph::{Graph, ValueId};
use crate::kernels::Side;
use crate::loss::Loss;
use crate::op::{Backward, Inputs, Noise, Scratch, Target};
use crate::scratch::Pool;
use crate::tensor::{Element, Tensor, Value};

use super::chain::{self, Chain};
use super::forward::{Shared, Tape};
use super::plan::Plan;

/// Receives the gradient of one parameter for every image of a chunk.
pub trait Sink<T>: Send {
    /// `rows` holds the gradient of `parameter` for each of `images` (indices in the whole batch), one after the
    /// other. All images of a chunk come in order before the next parameter does. A parameter that the loss does not depend on is not reported: its gradient is zero.
    fn parameter(&mut self, parameter: usize, images: Range<usize>, rows: &[T]);

    /// Images that it wants at a time where the runtime can choose. The fewer, the less memory, and the more of the
    /// gradients is still in cache when they are handed over; all of a chunk where nothing else is said.
    fn images_at_once(&self) -> usize {
        usize::MAX
    }
}

/// Where the gradients of single images go, with the images of the chunk counted from 0.
pub(super) struct Outlet<'a, T> {
    pub(super) images_at_once: usize,
    /// Takes rows of a value if that is a parameter.
    pub(super) hand: &'a mut dyn FnMut(ValueId, Range<usize>, &[T]),
    pub(super) parameters: &'a BTreeMap<ValueId, usize>,
}

/// Gradients of values that all images share, one row for all images or one for each.
pub(super) struct Accumulators<T> {
    pub(super) rows: Vec<Option<Vec<T>>>,
    pub(super) per_image: bool,
}

impl<T: Element> Accumulators<T> {
    pub(super) fn new(values: usize, per_image: bool) -> Self {
        Self { rows: (0..values).map(|_| None).collect(), per_image }
    }

    fn add(&mut self, value: ValueId, rows: Vec<T>) {
        match self.rows[value.0].as_mut() {
            Some(total) => total.iter_mut().zip(rows).for_each(|(t, g)| *t += g),
            None => self.rows[value.0] = Some(rows),
        }
    }

    /// One of some rows; the last one, after which nobody reads the value, without a copy where it is the only one.
    fn take_row(&mut self, value: ValueId, (row, rows): (usize, usize)) -> Option<Vec<T>> {
        if rows == 1 {
            return self.rows[value.0].take();
        }
        self.rows[value.0].as_ref().map(|data| {
            let len = data.len() / rows;
            data[row * len..][..len].to_vec()
        })
    }

    /// Adds to one of some rows.
    fn add_row(
        &mut self,
        value: ValueId,
        (row, rows): (usize, usize),
        gradient: Vec<T>,
        scratch: &mut Scratch<T>,
    ) {
        if rows == 1 && self.rows[value.0].is_none() {
            self.rows[value.0] = Some(gradient);
            return;
        }
        let len = gradient.len();
        let total = self.rows[value.0].get_or_insert_with(|| vec![T::zero(); rows * len]);
        total[row * len..][..len].iter_mut().zip(&gradient).for_each(|(t, &g)| *t += g);
        scratch.give(gradient);
    }

    /// Adds another accumulator, element by element; what it held goes to `pool`.
    pub(super) fn merge(&mut self, other: Self, pool: &Pool<T>) {
        for (mine, theirs) in self.rows.iter_mut().zip(other.rows) {
            match (mine.as_mut(), theirs) {
                (Some(a), Some(b)) => {
                    let parts = a.par_chunks_mut(MERGED).zip(b.par_chunks(MERGED));
                    parts.for_each(|(a, b)| a.iter_mut().zip(b).for_each(|(a, &b)| *a += b));
                    pool.give(b);
                }
                (None, theirs) => *mine = theirs,
                (Some(_), None) => {}
            }
        }
    }
}

/// Elements that one thread adds at a time.
const MERGED: usize = 1 << 16;

/// Everything the reverse pass over one chunk reads.
pub(super) struct Reverse<'a, T> {
    pub(super) graph: &'a Graph,
    pub(super) plan: &'a Plan<T>,
    pub(super) shared: &'a Shared<'a, T>,
    /// Values whose gradient is asked for (see [`wanted`]).
    pub(super) wants: &'a [bool],
    pub(super) seed: u64,
}

/// What one node of the reverse pass is given besides values.
struct Pass<'a, 'o, T> {
    images: usize,
    noise: Noise,
    scratch: &'a mut Scratch<T>,
    outlet: Option<&'a mut Outlet<'o, T>>,
}

/// What gradients are asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wants<'a> {
    /// Those of the graph inputs.
    pub(super) inputs: bool,
    /// Those of which parameters; of all, where nothing is said.
    pub(super) parameters: Option<&'a [bool]>,
}

/// Values on a path from a parameter or a graph input whose gradient is asked for to an output.
pub(super) fn wanted<T>(graph: &Graph, plan: &Plan<T>, asked: Wants<'_>) -> Vec<bool> {
    let mut wants = vec![false; graph.value_count()];
    for (index, parameter) in graph.parameters().iter().enumerate() {
        wants[parameter.value.0] = asked.parameters.is_none_or(|p| p.get(index).copied().unwrap_or(false));
    }
    if asked.inputs {
        graph.inputs().iter().for_each(|i| wants[i.value.0] = true);
    }
    for node in graph.nodes() {
        let flows = node.entry.gradient && node.inputs.iter().flatten().any(|v| wants[v.0]);
        for value in node.outputs.iter().flatten() {
            let known = plan.folded.contains_key(value);
            let float = plan.facts[value.0].as_ref().is_some_and(|f| f.dtype == crate::tensor::DType::Float);
            wants[value.0] |= flows && float && !known;
        }
    }
    wants
}

/// One term of the loss and its gradient with respect to the output it reads; adds the term of each image of a chunk
/// to `losses`. Where the graph mixes the images and the output has no row for each, the whole of it counts as the
/// row of the first.
pub(super) fn evaluate<T: Element>(
    term: &dyn Loss<T>,
    images: Range<usize>,
    output: &Tensor<T>,
    losses: &mut [T],
    scratch: &mut Scratch<T>,
) -> Option<Tensor<T>> {
    let mut gradient = scratch.take(output.len());
    let row = if output.rows() == images.len() { output.row_len() } else { output.len() }.max(1);
    let rows = output.data().chunks_exact(row).zip(gradient.chunks_exact_mut(row));
    for ((image, (y, dy)), total) in images.zip(rows).zip(losses) {
        *total += term.evaluate(image, y, dy);
    }
    Tensor::new(output.shape(), gradient)
}

impl<T: Element> Reverse<'_, T> {
    /// Runs the steps backward from the gradients of outputs. Returns the gradients of the graph inputs that were
    /// asked for; those of shared values are added to `accumulators`, or, in a per-sample reading, go to the outlet as soon
    /// as they are complete.
    pub(super) fn run(
        &self,
        tape: &Tape<T>,
        gradients: Vec<(ValueId, Tensor<T>)>,
        images: Range<usize>,
        accumulators: &mut Accumulators<T>,
        scratch: &mut Scratch<T>,
        mut outlet: Option<&mut Outlet<'_, T>>,
    ) -> Result<Vec<Option<Tensor<T>>>, NetError> {
        let mut adjoints: Vec<Option<Tensor<T>>> = (0..self.graph.value_count()).map(|_| None).collect();
        for (output, gradient) in gradients {
            self.collect(output, gradient.into_data(), &mut adjoints, scratch);
        }
        for &index in self.plan.steps.iter().rev().filter(|&&i| !self.plan.chains.within(i, &[])) {
            let get = |v: ValueId| tape.values[v.0].as_ref().or(self.shared.get(v));
            let noise = Noise { seed: self.seed, node: index as u64, first_image: images.start as u64 };
            let pass = Pass { images: images.len(), noise, scratch, outlet: outlet.as_deref_mut() };
            self.node(index, &get, &mut adjoints, accumulators, pass)?;
            let Some(outlet) = outlet.as_deref_mut() else { continue };
            for value in self.graph.nodes()[index].inputs.iter().flatten() {
                if self.plan.readers[value.0].first == Some(index)
                    && outlet.parameters.contains_key(value)
                    && let Some(rows) = accumulators.rows[value.0].take()
                {
                    (outlet.hand)(*value, 0..images.len(), &rows);
                    scratch.give(rows);
                }
            }
        }
        for index in (0..adjoints.len()).filter(|&v| !self.plan.data[v]) {
            if let Some(gradient) = adjoints[index].take() {
                accumulators.add(ValueId(index), gradient.into_data());
            }
        }
        let inputs = self.graph.inputs().iter().map(|i| adjoints[i.value.0].take()).collect();
        adjoints.into_iter().flatten().for_each(|t| scratch.give(t.into_data()));
        Ok(inputs)
    }

    /// Carries the gradients of values computed from parameters alone down to the parameters, row by row.
    pub(super) fn finish(
        &self,
        accumulators: &mut Accumulators<T>,
        rows: usize,
        scratch: &mut Scratch<T>,
    ) -> Result<(), NetError> {
        for &index in self.plan.shared.iter().rev() {
            for row in 0..rows {
                let mut adjoints: Vec<Option<Tensor<T>>> =
                    (0..self.graph.value_count()).map(|_| None).collect();
                for value in self.graph.nodes()[index].outputs.iter().flatten() {
                    let data = accumulators.take_row(*value, (row, rows));
                    adjoints[value.0] = data.and_then(|data| Tensor::new(self.plan.shape(*value)?, data));
                }
                let get = |v: ValueId| self.shared.get(v);
                let mut own = Accumulators::new(0, false);
                let pass = Pass { images: 0, noise: Noise::default(), scratch, outlet: None };
                self.node(index, &get, &mut adjoints, &mut own, pass)?;
                for value in self.graph.nodes()[index].inputs.iter().flatten() {
                    if let Some(gradient) = adjoints[value.0].take() {
                        accumulators.add_row(*value, (row, rows), gradient.into_data(), scratch);
                    }
                }
            }
        }
        Ok(())
    }

    fn node<'v>(
        &self,
        index: usize,
        get: &dyn Fn(ValueId) -> Option<&'v Value<T>>,
        adjoints: &mut [Option<Tensor<T>>],
        accumulators: &mut Accumulators<T>,
        pass: Pass<'_, '_, T>,
    ) -> Result<(), NetError>
    where
        T: 'v,
    {
        let Pass { images, noise, scratch, mut outlet } = pass;
        let node = &self.graph.nodes()[index];
        let chain = self.plan.chains.begun_by(index, &[]);
        let mut grads: Vec<Option<Tensor<T>>> = match chain {
            Some(chain) => vec![adjoints[chain.last.0].take()],
            None => node.outputs.iter().map(|v| v.and_then(|v| adjoints[v.0].take())).collect(),
        };
        if grads.iter().all(Option::is_none) || !node.inputs.iter().flatten().any(|v| self.wants[v.0]) {
            return Ok(());
        }
        let scale = |chain: &Chain| -> Result<T, NetError> {
            let mask = chain.mask(self.graph, get, noise)?;
            Ok(mask.map_or(T::one(), |mask| T::of(mask.scale())))
        };
        if let Some(chain) = chain.filter(|chain| !chain.gated)
            && let (Some(Some(grad)), Some(Value::Float(y))) = (grads.first_mut(), get(chain.last))
        {
            chain::gate(grad.data_mut(), y.data(), scale(chain)?);
        }
        let gate = self.plan.chains.gated_by(index).map(scale).transpose()?;
        let mut targets: Vec<Target<T>> = node
            .inputs
            .iter()
            .map(|v| self.target(*v, index, accumulators, (images, outlet.as_deref()), scratch))
            .collect();
        let inputs: Vec<Option<&Value<T>>> = node.inputs.iter().map(|v| v.and_then(get)).collect();
        let outputs: Vec<Option<&Value<T>>> = node.outputs.iter().map(|v| v.and_then(get)).collect();
        let grad_refs: Vec<Option<&Tensor<T>>> = grads.iter().map(Option::as_ref).collect();
        let mut deliver = |input: usize, images: Range<usize>, rows: &[T]| {
            if let (Some(outlet), Some(Some(value))) = (outlet.as_deref_mut(), node.inputs.get(input)) {
                (outlet.hand)(*value, images, rows);
            }
        };
        let mut cx = Backward {
            inputs: Inputs(&inputs),
            outputs: Inputs(&outputs),
            scratch,
            noise,
            grads: &grad_refs,
            targets: &mut targets,
            images,
            gate,
            prepared: self.shared.prepared.get(index, Side::Input),
            deliver: &mut deliver,
        };
        T::readings(&*node.operator).backward(&mut cx).map_err(|e| node.error(e))?;
        for (value, target) in node.inputs.iter().zip(targets) {
            let Some(value) = *value else { continue };
            match target {
                Target::Unwanted => {}
                Target::Stream { data, .. } => scratch.give(data),
                Target::Data(data) => self.collect(value, data, adjoints, scratch),
                Target::Rows { mut data, fresh, .. } => {
                    if fresh {
                        data.fill(T::zero());
                    }
                    accumulators.add(value, data);
                }
            }
        }
        grads.into_iter().flatten().for_each(|t| scratch.give(t.into_data()));
        Ok(())
    }

    /// Where the gradient of an input goes.
    fn target(
        &self,
        value: Option<ValueId>,
        index: usize,
        accumulators: &mut Accumulators<T>,
        (images, outlet): (usize, Option<&Outlet<'_, T>>),
        scratch: &mut Scratch<T>,
    ) -> Target<T> {
        let Some(value) = value.filter(|v| self.wants[v.0]) else { return Target::Unwanted };
        let len = self.plan.shape(value).map_or(0, |s| s.iter().product());
        // In a graph that mixes rows, and among parameters alone, no axis counts images.
        if self.plan.data[value.0] || !self.plan.separable || self.plan.shared.contains(&index) {
            return Target::Data(scratch.take(len));
        }
        if let Some(outlet) = outlet
            && outlet.parameters.contains_key(&value)
            && self.plan.readers[value.0].count == 1
        {
            return Target::Stream {
                data: scratch.take(images.min(outlet.images_at_once.max(1)) * len),
                len,
            };
        }
        let per_image = accumulators.per_image;
        let rows = if per_image { images } else { 1 };
        let begun = accumulators.rows[value.0].take();
        let fresh = begun.is_none();
        let data = begun.unwrap_or_else(|| scratch.take(rows * len));
        Target::Rows { data, len, per_image, fresh }
    }

    fn collect(
        &self,
        value: ValueId,
        data: Vec<T>,
        adjoints: &mut [Option<Tensor<T>>],
        scratch: &mut Scratch<T>,
    ) {
        match adjoints[value.0].as_mut() {
            Some(total) => {
                total.data_mut().iter_mut().zip(&data).for_each(|(t, &g)| *t += g);
                scratch.give(data);
            }
            None => adjoints[value.0] = self.plan.shape(value).and_then(|s| Tensor::new(s, data)),
        }
    }
}
