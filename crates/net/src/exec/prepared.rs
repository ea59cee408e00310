//! Weights in the form that kernels multiply by: made once for all chunks of a run, and kept for the next runs as long as the weights
//! stay as they are.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::error::NetError;
use crate::graph::{Graph, Parameters};
use crate::kernels::{Prepared, Side};
use crate::op::{Inputs, Prepare, Scratch};
use crate::scratch::{How, Pool};
use crate::tensor::{Element, Value};

use super::forward::given;
use super::plan::Plan;
use super::{Runtime, lock};

/// Networks of more weights prepare none: beyond the caches, reading forms of three to four times the size takes as long as making them.
const MOST: usize = 3 << 19;

/// What prepared weights are for.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Purpose {
    /// Which parameters.
    pub(super) stamp: u64,
    /// How kernels work.
    pub(super) how: How,
    /// What they compute.
    pub(super) sides: &'static [Side],
    /// Images of a chunk: the fewer, the more weights are worth it.
    pub(super) images: usize,
}

impl Purpose {
    /// Whether what is made for this purpose serves another.
    fn serves(&self, other: &Self) -> bool {
        let [own, others] = [self, other].map(|p| (p.stamp, p.how.precision, p.how.small_planes));
        own == others && other.sides.iter().all(|s| self.sides.contains(s)) && self.images <= other.images
    }
}

/// The prepared weights of a graph.
#[derive(Debug)]
pub(super) struct PreparedWeights<T> {
    purpose: Purpose,
    /// By node; outputs and gradients of inputs.
    made: [BTreeMap<usize, Prepared<T>>; 2],
}

impl<T> Default for PreparedWeights<T> {
    fn default() -> Self {
        Self { purpose: Purpose::default(), made: Default::default() }
    }
}

impl<T: Element> PreparedWeights<T> {
    /// Prepares what pays in networks of up to [`MOST`] weights.
    pub(super) fn new(
        (graph, plan): (&Graph, &Plan<T>),
        constants: &[Option<Value<T>>],
        parameters: &Parameters<T>,
        purpose: Purpose,
        scratch: &mut Scratch<T>,
    ) -> Result<Self, NetError> {
        let known = given(graph, constants, parameters);
        let mut prepared = Self { purpose, ..Self::default() };
        if parameters.scalars() > MOST {
            return Ok(prepared);
        }
        for &side in purpose.sides {
            let made = &mut prepared.made[usize::from(side == Side::Input)];
            for &index in &plan.steps {
                let node = &graph.nodes()[index];
                let inputs: Vec<_> = node.inputs.iter().map(|v| v.and_then(|v| known[v.0])).collect();
                if inputs.iter().all(Option::is_none) {
                    continue;
                }
                let facts: Vec<_> =
                    node.inputs.iter().map(|v| v.and_then(|v| plan.facts[v.0].clone())).collect();
                let cx = Prepare { facts: &facts, inputs: Inputs(&inputs), side, scratch };
                if let Some(weights) = T::readings(&*node.operator).prepare(cx).map_err(|e| node.error(e))? {
                    made.insert(index, weights);
                }
            }
        }
        Ok(prepared)
    }

    /// Whether these serve a purpose.
    pub(super) fn serve(&self, purpose: &Purpose) -> bool {
        self.purpose.serves(purpose)
    }

    /// The weights of a node.
    pub(super) fn get(&self, node: usize, side: Side) -> Option<&Prepared<T>> {
        self.made[usize::from(side == Side::Input)].get(&node)
    }

    /// Gives the memory to all threads.
    pub(super) fn recycle(self, pool: &Pool<T>) {
        let made = self.made.into_iter().flat_map(BTreeMap::into_values);
        made.for_each(|weights| pool.give(weights.into_buffer()));
    }
}

impl<T: Element> Runtime<T> {
    /// Weights prepared for a purpose: those of the last run, if they serve it.
    pub(super) fn prepared(
        &self,
        plan: &Plan<T>,
        parameters: &Parameters<T>,
        purpose: Purpose,
    ) -> Result<Arc<PreparedWeights<T>>, NetError> {
        let last = {
            let mut kept = lock(&self.prepared);
            if kept.serve(&purpose) {
                return Ok(Arc::clone(&kept));
            }
            std::mem::take(&mut *kept)
        };
        if let Some(last) = Arc::into_inner(last) {
            last.recycle(&self.pool);
        }
        let graph = (&*self.graph, plan);
        let made = self.with_scratch(purpose.how, |scratch| {
            PreparedWeights::new(graph, &self.constants, parameters, purpose, scratch)
        })?;
        let made = Arc::new(made);
        *lock(&self.prepared) = Arc::clone(&made);
        Ok(made)
    }
}
