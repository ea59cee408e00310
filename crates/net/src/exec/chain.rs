//! Convolutions with the ReLU and the dropout behind them, each computed as one step.
//!
//! A ReLU and a dropout are little work and much memory traffic. Where nobody else reads what lies between, both are applied to the convolution's result
//! piece by piece while it is in cache, and the values between are never made. The way back needs none of them: with `y` the value at the end of a chain, the
//! gradient before the ReLU is that behind the dropout, scaled where `y > 0` and 0 elsewhere. If a convolution alone reads `y`, it applies that to its input
//! gradient, again piece by piece.

use crate::error::NetError;
use crate::graph::{Graph, Node, ValueId};
use crate::kernels::widest;
use crate::op::{Inputs, Noise};
use crate::ops::dropout::Mask;
use crate::tensor::{Element, Value};

use super::plan::Readers;

/// The operator that chains begin with, and that applies the gate of the one before it.
const HEAD: &str = "Conv";

/// A convolution and what follows it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Chain {
    relu: usize,
    dropout: Option<usize>,
    /// The value at its end.
    pub(crate) last: ValueId,
    /// Values that are not made.
    between: [Option<ValueId>; 2],
    /// Whether the gradient of `last` comes from one convolution, which applies the gate.
    pub(crate) gated: bool,
}

/// The chains of a plan.
#[derive(Debug, Default)]
pub(crate) struct Chains {
    /// By the node of the convolution.
    heads: Vec<Option<Chain>>,
    /// The convolution of the other nodes of a chain.
    inside: Vec<Option<usize>>,
    /// By the node of a convolution: that of the chain that it gates.
    gates: Vec<Option<usize>>,
}

impl Chains {
    /// Finds the chains among `steps`, which depend on the data.
    pub(super) fn find(graph: &Graph, steps: &[usize], readers: &[Readers]) -> Self {
        let nodes = graph.nodes().len();
        let mut chains =
            Self { heads: vec![None; nodes], inside: vec![None; nodes], gates: vec![None; nodes] };
        let finder = Finder { graph, readers };
        for &index in steps {
            let Some((chain, gate)) = finder.chain(index) else { continue };
            chains.inside[chain.relu] = Some(index);
            if let Some(dropout) = chain.dropout {
                chains.inside[dropout] = Some(index);
            }
            if let Some(gate) = gate {
                chains.gates[gate] = Some(index);
            }
            chains.heads[index] = Some(chain);
        }
        chains
    }

    /// The chain that a node begins, unless one of these values lies within it.
    pub(super) fn begun_by(&self, node: usize, watch: &[ValueId]) -> Option<&Chain> {
        let chain = self.heads.get(node)?.as_ref()?;
        let seen = chain.between.iter().flatten().any(|value| watch.contains(value));
        (!seen).then_some(chain)
    }

    /// Whether a node is computed with the convolution before it.
    pub(super) fn within(&self, node: usize, watch: &[ValueId]) -> bool {
        let head = self.inside.get(node).copied().flatten();
        head.is_some_and(|head| self.begun_by(head, watch).is_some())
    }

    /// The chain whose gate a convolution applies to its input gradient.
    pub(super) fn gated_by(&self, node: usize) -> Option<&Chain> {
        self.begun_by(self.gates.get(node).copied().flatten()?, &[])
    }
}

struct Finder<'a> {
    graph: &'a Graph,
    readers: &'a [Readers],
}

impl Finder<'_> {
    /// The chain that begins with a node, and the convolution that gates it.
    fn chain(&self, head: usize) -> Option<(Chain, Option<usize>)> {
        let conv = self.graph.nodes().get(head).filter(|node| node.op_type == HEAD)?;
        let first = only_output(conv)?;
        let relu = self.reader(first, "Relu")?;
        let second = only_output(&self.graph.nodes()[relu])?;
        let dropout = self.reader(second, "Dropout");
        let third = dropout.and_then(|node| only_output(&self.graph.nodes()[node]));
        let (dropout, last, between) = match third {
            Some(third) => (dropout, third, [Some(first), Some(second)]),
            None => (None, second, [Some(first), None]),
        };
        let gate = self.reader(last, HEAD);
        Some((Chain { relu, dropout, last, between, gated: gate.is_some() }, gate))
    }

    /// The node that alone reads a value, as its first input, if it is of this kind.
    fn reader(&self, value: ValueId, op_type: &str) -> Option<usize> {
        let Readers { first, count } = self.readers.get(value.0).copied()?;
        let node = first.filter(|_| count == 1 && !self.graph.outputs().contains(&value))?;
        let reader = &self.graph.nodes()[node];
        (reader.op_type == op_type && reader.inputs.first() == Some(&Some(value))).then_some(node)
    }
}

/// The first output of a node that has no others.
fn only_output(node: &Node) -> Option<ValueId> {
    let mut outputs = node.outputs.iter().flatten();
    outputs.next().copied().filter(|_| outputs.next().is_none())
}

impl Chain {
    /// The mask of the dropout in training mode.
    pub(super) fn mask<'v, T: Element + 'v>(
        &self,
        graph: &Graph,
        get: &dyn Fn(ValueId) -> Option<&'v Value<T>>,
        noise: Noise,
    ) -> Result<Option<Mask>, NetError> {
        let Some(index) = self.dropout else { return Ok(None) };
        let node = &graph.nodes()[index];
        let inputs: Vec<Option<&Value<T>>> = node.inputs.iter().map(|v| v.and_then(get)).collect();
        let noise = Noise { node: index as u64, ..noise };
        Mask::of(Inputs(&inputs), noise).map_err(|e| node.error(e))
    }
}

/// Applies ReLU and dropout to elements of a value from `start` on, `row` of them for each image.
pub(super) fn apply<T: Element>(mask: Option<&Mask>, row: usize, start: usize, values: &mut [T]) {
    let relu = |y: T| if y < T::zero() { T::zero() } else { y };
    match mask {
        None => widest(|| values.iter_mut().for_each(|y| *y = relu(*y))),
        Some(mask) => mask.apply((start, row), values, relu),
    }
}

/// The gradient before a chain's ReLU from that of its end, in place: `y` is the value at the end.
pub(crate) fn gate<T: Element>(gradient: &mut [T], y: &[T], scale: T) {
    widest(|| {
        for (g, &y) in gradient.iter_mut().zip(y) {
            *g = if y > T::zero() { *g * scale } else { T::zero() };
        }
    });
}
