//! What is known before a run: shapes, folded constants, what is computed once and what for every chunk.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::blocks::Blocks;
use super::chain::Chains;
use super::rooms::{Life, rooms};
use crate::error::NetError;
use crate::graph::{Graph, Node, ValueId};
use crate::op::{Fact, Forward, Inputs, Noise, Op, Scratch};
use crate::tensor::{DType, Element, Value, checked_len};

/// A graph prepared for inputs of given shapes.
#[derive(Debug)]
pub struct Plan<T> {
    /// The fact of each value; `None` for an output slot that is left out.
    pub(crate) facts: Vec<Option<Fact>>,
    /// Values that depend on neither inputs nor parameters.
    pub(crate) folded: BTreeMap<ValueId, Value<T>>,
    /// Nodes that depend on parameters only: computed once for all chunks.
    pub(crate) shared: Vec<usize>,
    /// Nodes that depend on the data: computed for every chunk.
    pub(crate) steps: Vec<usize>,
    /// Whether a value depends on the data.
    pub(crate) data: Vec<bool>,
    /// Values that nobody reads after the step of that index.
    pub(crate) release: Vec<Vec<ValueId>>,
    /// Elements that the buffer of a value has room for, where values are released; 0 where nothing is said.
    pub(super) rooms: Vec<usize>,
    /// Whether every row of every output depends on the same row of the inputs alone, so that a batch may be cut.
    pub(crate) separable: bool,
    /// Which steps read a value.
    pub(crate) readers: Vec<Readers>,
    /// Elements of all values that depend on the data.
    pub(super) values: usize,
    /// Steps that are computed together.
    pub(super) chains: Chains,
    /// Steps that are computed together where values are released.
    pub(super) blocks: Blocks,
}

/// The steps that read a value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Readers {
    /// Node of the first one.
    pub(crate) first: Option<usize>,
    /// How often the value is an input of some node.
    pub(crate) count: usize,
}

/// No more than this many elements in one value: beyond it the shapes are wrong or hostile.
const MAX_ELEMENTS: usize = 1 << 31;
/// No more than this many in a value computed at load: a few bytes of a file must not take gigabytes.
const MAX_FOLDED: usize = 1 << 24;

impl<T: Element> Plan<T> {
    /// Infers all shapes for graph inputs of these shapes and folds shape arithmetic.
    ///
    /// # Errors
    /// Names the node whose shapes or constants do not fit.
    pub fn new(graph: &Graph, shapes: &[Vec<usize>]) -> Result<Self, NetError> {
        let mut planner = Planner::new(graph, shapes)?;
        for (index, node) in graph.nodes().iter().enumerate() {
            planner.node(index, node).map_err(|source| node.error(source))?;
        }
        Ok(planner.finish())
    }

    /// What is known of a value.
    pub fn fact(&self, value: ValueId) -> Option<&Fact> {
        self.facts.get(value.0)?.as_ref()
    }

    /// Whether every row of every output depends on the same row of the inputs alone, so that a batch may be cut.
    pub fn separable(&self) -> bool {
        self.separable
    }

    /// The shape of a value.
    pub fn shape(&self, value: ValueId) -> Option<&[usize]> {
        self.facts.get(value.0)?.as_ref().map(|f| f.shape.as_slice())
    }
}

struct Planner<'a> {
    graph: &'a Graph,
    facts: Vec<Option<Fact>>,
    data: Vec<bool>,
    folded: BTreeMap<ValueId, Arc<Value<f64>>>,
    shared: Vec<usize>,
    steps: Vec<usize>,
}

impl<'a> Planner<'a> {
    fn new(graph: &'a Graph, shapes: &[Vec<usize>]) -> Result<Self, NetError> {
        let count = graph.value_count();
        let mut planner = Self {
            graph,
            facts: vec![None; count],
            data: vec![false; count],
            folded: BTreeMap::new(),
            shared: Vec::new(),
            steps: Vec::new(),
        };
        for (input, shape) in graph.inputs().iter().zip(shapes) {
            if checked_len(shape).is_none_or(|n| n > MAX_ELEMENTS) {
                return Err(NetError::input(format!("input `{}`: shape {shape:?} is too large", input.name)));
            }
            let batched = input.dtype == DType::Float && !shape.is_empty();
            planner.facts[input.value.0] =
                Some(Fact { dtype: input.dtype, shape: shape.clone(), batched, value: None });
            planner.data[input.value.0] = true;
        }
        for parameter in graph.parameters() {
            planner.facts[parameter.value.0] = Some(Fact::float(parameter.shape.clone(), false));
        }
        for (&value, constant) in &graph.constants {
            let fact = Fact::float(constant.shape(), false);
            planner.facts[value.0] =
                Some(Fact { dtype: constant.dtype(), value: Some(constant.clone()), ..fact });
        }
        if shapes.len() != graph.inputs().len() {
            return Err(NetError::input(format!(
                "{} inputs given, the model takes {}",
                shapes.len(),
                graph.inputs().len()
            )));
        }
        Ok(planner)
    }

    fn node(&mut self, index: usize, node: &Node) -> Result<(), crate::error::OpError> {
        let inputs: Vec<Option<Fact>> =
            node.inputs.iter().map(|v| v.and_then(|v| self.facts[v.0].clone())).collect();
        let operator: &dyn Op<f64> = f64::readings(&*node.operator);
        let mut facts = operator.infer(&inputs)?;
        let constant = inputs.iter().flatten().all(|f| f.value.is_some());
        let limit = if constant { MAX_FOLDED } else { MAX_ELEMENTS };
        for fact in &facts {
            if checked_len(&fact.shape).is_none_or(|n| n > limit) {
                return Err(crate::error::OpError::invalid(format!(
                    "the output would have shape {:?}",
                    fact.shape
                )));
            }
        }
        if constant {
            fold(operator, &inputs, &mut facts)?;
        }
        let known = facts.iter().all(|f| f.value.is_some());
        let data = !known && node.inputs.iter().flatten().any(|v| self.data[v.0]);
        if !known {
            if data { &mut self.steps } else { &mut self.shared }.push(index);
        }
        for (value, fact) in node.outputs.iter().zip(facts) {
            let Some(value) = value else { continue };
            if let Some(content) = &fact.value {
                self.folded.insert(*value, content.clone());
            }
            self.data[value.0] = data;
            self.facts[value.0] = Some(fact);
        }
        Ok(())
    }

    fn finish<T: Element>(self) -> Plan<T> {
        let graph = self.graph;
        let mut last = BTreeMap::new();
        for (step, &index) in self.steps.iter().enumerate() {
            let node = &graph.nodes()[index];
            for value in node.inputs.iter().chain(&node.outputs).flatten() {
                last.insert(*value, step);
            }
        }
        let mut release = vec![Vec::new(); self.steps.len()];
        for (value, step) in last {
            if self.data[value.0] && !graph.outputs().contains(&value) {
                release[step].push(value);
            }
        }
        let mut readers = vec![Readers::default(); graph.value_count()];
        for &index in self.shared.iter().chain(&self.steps) {
            for value in graph.nodes()[index].inputs.iter().flatten() {
                let readers = &mut readers[value.0];
                readers.count += 1;
                if self.steps.binary_search(&index).is_ok() {
                    readers.first.get_or_insert(index);
                }
            }
        }
        let batched = |v: &ValueId| !self.data[v.0] || self.facts[v.0].as_ref().is_none_or(|f| f.batched);
        let touched = |&index: &usize| graph.nodes()[index].outputs.iter().flatten().all(batched);
        let separable =
            self.steps.iter().all(touched) && graph.outputs().iter().all(|v| self.data[v.0] && batched(v));
        let elements = |v: usize| self.facts[v].as_ref().map_or(0, |fact| fact.shape.iter().product());
        let values = (0..self.data.len()).filter(|&v| self.data[v]).map(elements).sum();
        let chains = Chains::find(graph, &self.steps, &readers);
        let blocks = Blocks::find((graph, &self.steps), &self.facts, &readers, &chains);
        let lives = self.lives((&chains, &blocks), &release);
        Plan {
            values,
            rooms: rooms(graph.value_count(), lives),
            blocks,
            chains,
            folded: self.folded.iter().map(|(v, c)| (*v, c.cast())).collect(),
            facts: self.facts,
            shared: self.shared,
            steps: self.steps,
            data: self.data,
            release,
            separable,
            readers,
        }
    }
}

impl Planner<'_> {
    /// The floating-point values that are made and released.
    fn lives(
        &self,
        (chains, blocks): (&Chains, &Blocks),
        release: &[Vec<ValueId>],
    ) -> impl Iterator<Item = Life> {
        let mut made = vec![None; self.facts.len()];
        for (step, &index) in self.steps.iter().enumerate() {
            let values = match (blocks.of(index, &[]), chains.begun_by(index, &[])) {
                (Some(block), _) if block.begins_with(index) => block.writes().to_vec(),
                (Some(_), _) => vec![],
                (None, Some(chain)) => vec![chain.last],
                (None, None) if chains.within(index, &[]) => vec![],
                (None, None) => self.graph.nodes()[index].outputs.iter().flatten().copied().collect(),
            };
            values.into_iter().for_each(|value| made[value.0] = Some(step));
        }
        let life = move |(last, value): (usize, ValueId)| {
            let fact = self.facts[value.0].as_ref().filter(|fact| fact.dtype == DType::Float)?;
            Some(Life { value, len: fact.shape.iter().product(), first: made[value.0]?, last })
        };
        release
            .iter()
            .enumerate()
            .flat_map(|(step, all)| all.iter().map(move |&v| (step, v)))
            .filter_map(life)
    }
}

/// The outputs of a node whose inputs are all known, with their content.
pub(crate) fn constant_outputs(
    operator: &dyn Op<f64>,
    inputs: &[Option<Fact>],
) -> Result<Vec<Fact>, crate::error::OpError> {
    let mut facts = operator.infer(inputs)?;
    fold(operator, inputs, &mut facts)?;
    Ok(facts)
}

/// Computes the outputs of a node whose inputs are all known.
fn fold(
    operator: &dyn Op<f64>,
    inputs: &[Option<Fact>],
    facts: &mut [Fact],
) -> Result<(), crate::error::OpError> {
    let values: Vec<Option<&Value<f64>>> = inputs.iter().map(|f| f.as_ref()?.value.as_deref()).collect();
    let mut outputs: Vec<Value<f64>> = facts.iter().map(|f| Value::blank(f.dtype, &f.shape)).collect();
    let mut scratch = Scratch::default();
    let noise = Noise::default();
    operator.forward(&mut Forward {
        inputs: Inputs(&values),
        outputs: &mut outputs,
        scratch: &mut scratch,
        noise,
        finish: &|_, _| {},
        prepared: None,
    })?;
    for (fact, output) in facts.iter_mut().zip(outputs) {
        fact.value.get_or_insert(Arc::new(output));
    }
    Ok(())
}
