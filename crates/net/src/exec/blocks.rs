//! Elementwise steps behind each other, computed block by block.
//!
//! A sum, a difference, a ReLU are little work and much memory traffic. Where elementwise operators on values of one shape stand behind each other, as between the
//! convolutions of an interval network, all of them run on one block of elements before the next, so that a prediction reads what comes from outside and writes
//! what others read, once each; what lies between stays in cache. Every element is computed as before.

use std::collections::BTreeMap;

use crate::error::NetError;
use crate::graph::{Graph, Node, ValueId};
use crate::op::{Fact, Forward, Inputs, Noise, Scratch};
use crate::tensor::{DType, Element, Tensor, Value};

use super::chain::Chains;
use super::plan::{Plan, Readers};

/// Elements of a block: some values of it fit into the second-level cache, and calling the operators costs little beside computing them.
const BLOCK: usize = 1 << 13;

/// Elementwise steps behind each other.
#[derive(Clone, Debug, Default)]
pub(super) struct Block {
    /// Nodes.
    nodes: Vec<usize>,
    /// Values that the nodes read from elsewhere, those that others read, and those that nobody else does.
    reads: Vec<ValueId>,
    writes: Vec<ValueId>,
    between: Vec<ValueId>,
}

/// The blocks of a plan.
#[derive(Debug, Default)]
pub(super) struct Blocks {
    all: Vec<Block>,
    /// By node: the block that it belongs to.
    of: BTreeMap<usize, usize>,
}

impl Blocks {
    /// Finds the blocks among `steps`, which depend on the data.
    pub(super) fn find(
        (graph, steps): (&Graph, &[usize]),
        facts: &[Option<Fact>],
        readers: &[Readers],
        chains: &Chains,
    ) -> Self {
        let mut blocks = Self::default();
        let shape = |&index: &usize| {
            let chained = chains.within(index, &[]) || chains.begun_by(index, &[]).is_some();
            if chained { None } else { elementwise(&graph.nodes()[index], facts) }
        };
        for run in
            steps.chunk_by(|a, b| shape(a).is_some() && shape(a) == shape(b)).filter(|run| run.len() > 1)
        {
            let block = Block::new(graph, run, readers);
            blocks.of.extend(run.iter().map(|&index| (index, blocks.all.len())));
            blocks.all.push(block);
        }
        blocks
    }

    /// The block of a node, unless one of these values is only made within.
    pub(super) fn of(&self, node: usize, watch: &[ValueId]) -> Option<&Block> {
        let block = self.all.get(*self.of.get(&node)?)?;
        let seen = block.between.iter().any(|value| watch.contains(value));
        (!seen).then_some(block)
    }
}

/// The shape of all inputs and of the only output of an elementwise node.
fn elementwise<'a>(node: &Node, facts: &'a [Option<Fact>]) -> Option<&'a [usize]> {
    let [Some(output)] = node.outputs[..] else { return None };
    let shape = |value: ValueId| {
        let fact = facts[value.0].as_ref().filter(|fact| fact.dtype == DType::Float)?;
        Some(fact.shape.as_slice())
    };
    let output = shape(output)?;
    let same = node.inputs.iter().all(|value| value.and_then(shape) == Some(output));
    (same && !node.inputs.is_empty() && f64::readings(&*node.operator).pointwise()).then_some(output)
}

impl Block {
    fn new(graph: &Graph, nodes: &[usize], readers: &[Readers]) -> Self {
        let mut block = Self { nodes: nodes.to_vec(), ..Self::default() };
        let mut made: BTreeMap<ValueId, usize> = BTreeMap::new();
        for &index in nodes {
            let node = &graph.nodes()[index];
            for &value in node.inputs.iter().flatten() {
                match made.get_mut(&value) {
                    Some(reads) => *reads += 1,
                    None if block.reads.contains(&value) => {}
                    None => block.reads.push(value),
                }
            }
            made.extend(node.outputs.iter().flatten().map(|&value| (value, 0)));
        }
        for (value, reads) in made {
            let inside = readers[value.0].count == reads && !graph.outputs().contains(&value);
            if inside { &mut block.between } else { &mut block.writes }.push(value);
        }
        block
    }

    /// The values that others read.
    pub(super) fn writes(&self) -> &[ValueId] {
        &self.writes
    }

    /// Whether a node is the first of the block.
    pub(super) fn begins_with(&self, node: usize) -> bool {
        self.nodes.first() == Some(&node)
    }

    /// Computes what others read; `get` gives values from elsewhere.
    pub(super) fn run<'v, T: Element + 'v>(
        &self,
        (graph, plan): (&Graph, &Plan<T>),
        get: &dyn Fn(ValueId) -> Option<&'v Value<T>>,
        scratch: &mut Scratch<T>,
    ) -> Result<Vec<(ValueId, Value<T>)>, NetError> {
        let shape = |value: &ValueId| plan.shape(*value).unwrap_or(&[]);
        let missing =
            |value: ValueId| NetError::input(format!("value `{}` is not computed", graph.name(value)));
        let sources: Vec<(ValueId, &Tensor<T>)> = self
            .reads
            .iter()
            .map(|&v| Ok((v, get(v).and_then(Value::as_float).ok_or_else(|| missing(v))?)))
            .collect::<Result<_, NetError>>()?;
        let len = sources.first().map_or(0, |(_, source)| source.len());
        let mut wholes: Vec<Vec<T>> =
            self.writes.iter().map(|v| scratch.take_with_room(len, plan.rooms[v.0])).collect();
        let values = self.reads.iter().chain(&self.writes).chain(&self.between);
        let mut parts: BTreeMap<ValueId, Value<T>> =
            values.map(|&v| (v, Value::Float(Tensor::vector(scratch.take(BLOCK.min(len)))))).collect();
        for start in (0..len).step_by(BLOCK) {
            let range = start..(start + BLOCK).min(len);
            if range.len() < BLOCK.min(len) {
                let last = |v: &mut Value<T>| *v = Value::Float(Tensor::vector(scratch.take(range.len())));
                parts.values_mut().for_each(last);
            }
            for (value, source) in &sources {
                if let Some(Value::Float(part)) = parts.get_mut(value) {
                    part.data_mut().copy_from_slice(&source.data()[range.clone()]);
                }
            }
            self.nodes.iter().try_for_each(|&index| apply(&graph.nodes()[index], &mut parts, scratch))?;
            for (value, whole) in self.writes.iter().zip(&mut wholes) {
                if let Some(Value::Float(part)) = parts.get(value) {
                    whole[range.clone()].copy_from_slice(part.data());
                }
            }
        }
        for part in parts.into_values() {
            if let Value::Float(part) = part {
                scratch.give(part.into_data());
            }
        }
        let value = |(v, whole): (&ValueId, Vec<T>)| Some((*v, Value::Float(Tensor::new(shape(v), whole)?)));
        Ok(self.writes.iter().zip(wholes).filter_map(value).collect())
    }
}

/// Computes the part of a node's output from those of its inputs.
fn apply<T: Element>(
    node: &Node,
    parts: &mut BTreeMap<ValueId, Value<T>>,
    scratch: &mut Scratch<T>,
) -> Result<(), NetError> {
    let [Some(output)] = node.outputs[..] else { return Ok(()) };
    let Some(part) = parts.remove(&output) else { return Ok(()) };
    let inputs: Vec<Option<&Value<T>>> = node.inputs.iter().map(|v| parts.get(&(*v)?)).collect();
    let mut outputs = [part];
    let mut cx = Forward {
        inputs: Inputs(&inputs),
        outputs: &mut outputs,
        scratch,
        noise: Noise::default(),
        finish: &|_, _| {},
        prepared: None,
    };
    T::readings(&*node.operator).forward(&mut cx).map_err(|e| node.error(e))?;
    let [part] = outputs;
    parts.insert(output, part);
    Ok(())
}
