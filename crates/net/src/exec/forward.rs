//! The point reading: one chunk of the batch on one thread.

use std::sync::Arc;

use crate::error::NetError;
use crate::graph::{Graph, Node, Parameters, ValueId};
use crate::kernels::{Prepared, Side};
use crate::op::{Forward, Inputs, Noise, Scratch};
use crate::scratch::Pool;
use crate::tensor::{DType, Element, Tensor, Value};

use super::chain::{self, Chain};
use super::plan::Plan;
use super::prepared::PreparedWeights;

/// Values that all chunks of a run read: parameters, constants, folded shapes, and what is computed from
/// parameters alone.
pub(super) struct Shared<'a, T> {
    known: Vec<Option<&'a Value<T>>>,
    computed: Vec<Option<Value<T>>>,
    /// Weights in the form that kernels multiply by.
    pub(super) prepared: Arc<PreparedWeights<T>>,
}

impl<'a, T: Element> Shared<'a, T> {
    pub(super) fn new(
        (graph, plan): (&Graph, &'a Plan<T>),
        constants: &'a [Option<Value<T>>],
        (parameters, prepared): (&'a Parameters<T>, Arc<PreparedWeights<T>>),
        scratch: &mut Scratch<T>,
    ) -> Result<Self, NetError> {
        let mut known = given(graph, constants, parameters);
        for (value, content) in &plan.folded {
            known[value.0] = Some(content);
        }
        let computed = (0..graph.value_count()).map(|_| None).collect();
        let mut shared = Self { known, computed, prepared };
        for &index in &plan.shared {
            let step = Step { index, chain: None, prepared: None, rooms: &[] };
            let outputs = run_node(graph, plan, step, &|v| shared.get(v), scratch, Noise::default())?;
            store(graph, index, outputs, &mut shared.computed);
        }
        Ok(shared)
    }

    pub(super) fn get(&self, value: ValueId) -> Option<&Value<T>> {
        self.known[value.0].or(self.computed[value.0].as_ref())
    }

    /// Gives the memory of what was computed to all threads.
    pub(super) fn recycle(self, pool: &Pool<T>) {
        for value in self.computed.into_iter().flatten() {
            if let Value::Float(t) = value {
                pool.give(t.into_data());
            }
        }
    }
}

/// Constants and parameters, by value.
pub(super) fn given<'a, T: Element>(
    graph: &Graph,
    constants: &'a [Option<Value<T>>],
    parameters: &'a Parameters<T>,
) -> Vec<Option<&'a Value<T>>> {
    let mut given: Vec<Option<&Value<T>>> = constants.iter().map(Option::as_ref).collect();
    for (parameter, value) in graph.parameters().iter().zip(parameters.values()) {
        given[parameter.value.0] = Some(value);
    }
    given
}

/// The values of one chunk that depend on the data.
pub(super) struct Tape<T> {
    pub(super) values: Vec<Option<Value<T>>>,
}

impl<T: Element> Tape<T> {
    /// Runs the steps of a plan. With `keep`, all values stay for the gradient reading; without, only outputs and
    /// the values of `watch`.
    pub(super) fn run(
        graph: &Graph,
        plan: &Plan<T>,
        shared: &Shared<'_, T>,
        inputs: Vec<Tensor<T>>,
        scratch: &mut Scratch<T>,
        options: TapeOptions<'_>,
    ) -> Result<Self, NetError> {
        let mut tape = Self { values: (0..graph.value_count()).map(|_| None).collect() };
        for (input, tensor) in graph.inputs().iter().zip(inputs) {
            tape.values[input.value.0] = Some(match input.dtype {
                DType::Float => Value::Float(tensor),
                DType::Int => Value::Int(tensor.map(|v| v.f64() as i64)),
                DType::Bool => Value::Bool(tensor.map(|v| *v != T::zero())),
            });
        }
        for (step, &index) in plan.steps.iter().enumerate() {
            if options.only.is_some_and(|only| !only[index]) {
                continue;
            }
            let block = match options.keep || options.only.is_some() {
                true => None,
                false => plan.blocks.of(index, options.watch),
            };
            if let Some(block) = block {
                if block.begins_with(index) {
                    let get = |v: ValueId| tape.values[v.0].as_ref().or(shared.get(v));
                    for (value, content) in block.run((graph, plan), &get, scratch)? {
                        tape.values[value.0] = Some(content);
                    }
                }
            } else if let Some(passed) =
                tape.passed(&graph.nodes()[index], &plan.release[step], shared, options)
            {
                store(graph, index, vec![passed], &mut tape.values);
            } else if !plan.chains.within(index, options.watch) {
                let noise =
                    Noise { seed: options.seed, node: index as u64, first_image: options.first_image as u64 };
                let chain = plan.chains.begun_by(index, options.watch);
                let get = |v: ValueId| tape.values[v.0].as_ref().or(shared.get(v));
                // What is kept takes no more than it needs.
                let rooms = if options.keep { &[][..] } else { &plan.rooms };
                let step = Step { index, chain, prepared: shared.prepared.get(index, Side::Output), rooms };
                let outputs = run_node(graph, plan, step, &get, scratch, noise)?;
                match chain {
                    Some(chain) => tape.values[chain.last.0] = outputs.into_iter().next(),
                    None => store(graph, index, outputs, &mut tape.values),
                }
            }
            if !options.keep {
                for value in plan.release[step].iter().filter(|v| !options.watch.contains(v)) {
                    recycle(tape.values[value.0].take(), scratch);
                }
            }
        }
        Ok(tape)
    }

    /// The input of a node that hands it on and is the last to read it.
    fn passed(
        &mut self,
        node: &Node,
        released: &[ValueId],
        shared: &Shared<'_, T>,
        options: TapeOptions<'_>,
    ) -> Option<Value<T>> {
        let (Some(&Some(input)), [Some(_)]) = (node.inputs.first(), &node.outputs[..]) else { return None };
        if options.keep || !released.contains(&input) || options.watch.contains(&input) {
            return None;
        }
        let get = |v: ValueId| self.values[v.0].as_ref().or(shared.get(v));
        let inputs: Vec<Option<&Value<T>>> = node.inputs.iter().map(|v| v.and_then(get)).collect();
        let passes = T::readings(&*node.operator).passes(Inputs(&inputs));
        passes.then(|| self.values[input.0].take()).flatten()
    }

    /// Gives all buffers back.
    pub(super) fn recycle(self, scratch: &mut Scratch<T>) {
        self.values.into_iter().for_each(|v| recycle(v, scratch));
    }
}

/// How a tape is recorded.
#[derive(Clone, Copy)]
pub(super) struct TapeOptions<'a> {
    pub(super) keep: bool,
    /// Nodes that are run; all, where nothing is said.
    pub(super) only: Option<&'a [bool]>,
    pub(super) watch: &'a [ValueId],
    pub(super) seed: u64,
    pub(super) first_image: usize,
}

/// Which nodes some values depend on.
pub(super) fn leading_to(graph: &Graph, values: &[ValueId]) -> Vec<bool> {
    let mut wanted = vec![false; graph.value_count()];
    values.iter().for_each(|value| wanted[value.0] = true);
    let mut nodes = vec![false; graph.nodes().len()];
    for (index, node) in graph.nodes().iter().enumerate().rev() {
        nodes[index] = node.outputs.iter().flatten().any(|value| wanted[value.0]);
        if nodes[index] {
            node.inputs.iter().flatten().for_each(|value| wanted[value.0] = true);
        }
    }
    nodes
}

fn recycle<T: Element>(value: Option<Value<T>>, scratch: &mut Scratch<T>) {
    if let Some(Value::Float(t)) = value {
        scratch.give(t.into_data());
    }
}

fn store<T>(graph: &Graph, index: usize, outputs: Vec<Value<T>>, values: &mut [Option<Value<T>>]) {
    for (value, output) in graph.nodes()[index].outputs.iter().zip(outputs) {
        if let Some(value) = value {
            values[value.0] = Some(output);
        }
    }
}

/// A node that is run.
struct Step<'a, T> {
    index: usize,
    /// What it begins.
    chain: Option<&'a Chain>,
    prepared: Option<&'a Prepared<T>>,
    /// Elements that buffers have room for, by value, where that is planned.
    rooms: &'a [usize],
}

fn run_node<'v, T: Element + 'v>(
    graph: &Graph,
    plan: &Plan<T>,
    Step { index, chain, prepared, rooms }: Step<'_, T>,
    get: &dyn Fn(ValueId) -> Option<&'v Value<T>>,
    scratch: &mut Scratch<T>,
    noise: Noise,
) -> Result<Vec<Value<T>>, NetError> {
    let node = &graph.nodes()[index];
    let inputs: Vec<Option<&Value<T>>> = node.inputs.iter().map(|v| v.and_then(get)).collect();
    let blank = |value: &Option<ValueId>| match value.and_then(|v| plan.facts[v.0].as_ref()) {
        Some(fact) if fact.dtype == DType::Float => {
            let made = chain.map(|chain| chain.last).or(*value);
            let room = made.and_then(|v| rooms.get(v.0)).copied().unwrap_or(0);
            let data = scratch.take_with_room(fact.shape.iter().product(), room);
            Tensor::new(fact.shape.clone(), data)
                .map_or_else(|| Value::blank(DType::Float, &[0]), Value::Float)
        }
        Some(fact) => Value::blank(fact.dtype, &fact.shape),
        None => Value::blank(DType::Float, &[0]),
    };
    let mut outputs: Vec<Value<T>> = node.outputs.iter().map(blank).collect();
    let mask = chain.map(|chain| chain.mask(graph, get, noise)).transpose()?.flatten();
    let row = outputs.first().and_then(Value::as_float).map_or(0, Tensor::row_len);
    let finish = |start: usize, values: &mut [T]| {
        if chain.is_some() {
            chain::apply(mask.as_ref(), row, start, values);
        }
    };
    let inputs = Inputs(&inputs);
    let mut cx = Forward { inputs, outputs: &mut outputs, scratch, noise, finish: &finish, prepared };
    T::readings(&*node.operator).forward(&mut cx).map_err(|e| node.error(e))?;
    Ok(outputs)
}
