//! What is left of a graph when everything before the trained parameters is known: fine-tuning of the last layers computes the others once.

use std::sync::Arc;

use crate::error::NetError;
use crate::graph::{Dim, Graph, GraphInput, ValueId};
use crate::tensor::{DType, Element, Tensor};

use super::Runtime;
use super::images::shapes;

/// The part of a network that depends on some parameters.
#[derive(Debug)]
pub struct Rest<T> {
    /// Runs that part: its inputs are the [`known`](Self::known) values, its parameters and outputs those of the whole graph.
    pub runtime: Runtime<T>,
    /// Values of the whole graph that the part reads: to be [observed](Runtime::observe), a row for each image.
    pub known: Vec<ValueId>,
}

impl<T: Element> Runtime<T> {
    /// The part of the network that depends on `trained` parameters (in the order of [`Graph::parameters`]), for inputs of these shapes; `None` where nothing lies before it, or
    /// where it reads something that is not one row of floating-point numbers for each image.
    ///
    /// # Errors
    /// Shapes that do not fit the model.
    pub fn rest(&self, trained: &[bool], inputs: &[Tensor<T>]) -> Result<Option<Rest<T>>, NetError> {
        let whole = self.graph();
        let parameters = whole.parameters().iter().zip(trained).filter(|(_, trained)| **trained);
        let after = reached(whole, parameters.map(|(parameter, _)| parameter.value));
        let behind = reached(whole, whole.inputs().iter().map(|input| input.value));
        let kept = |outputs: &[Option<ValueId>]| {
            outputs.iter().flatten().any(|v| after[v.0]) || !outputs.iter().flatten().any(|v| behind[v.0])
        };
        let nodes: Vec<_> = whole.nodes().iter().filter(|node| kept(&node.outputs)).cloned().collect();
        let read = nodes.iter().flat_map(|node| node.inputs.iter().flatten().copied());
        let mut known: Vec<ValueId> = read.filter(|v| behind[v.0] && !after[v.0]).collect();
        known.sort_unstable();
        known.dedup();
        let given = |value: &ValueId| whole.inputs().iter().any(|input| input.value == *value);
        if nodes.len() == whole.nodes().len() || known.is_empty() || known.iter().all(given) {
            return Ok(None);
        }
        // Two images: the first axis of one can be a row for it by chance.
        let plan = self.plan_for(shapes(inputs, 2))?;
        let mut graph = Graph { nodes, inputs: Vec::new(), ..Graph::clone(whole) };
        for &value in &known {
            let fact = plan.fact(value).filter(|fact| fact.batched && fact.dtype == DType::Float);
            let Some(fact) = fact else { return Ok(None) };
            let batch = Dim::Free("batch".to_owned());
            let image = fact.shape.iter().skip(1).map(|&n| Dim::Fixed(n));
            let dims = std::iter::once(batch).chain(image).collect();
            graph.inputs.push(GraphInput {
                name: whole.name(value).to_owned(),
                value,
                dtype: DType::Float,
                dims,
            });
        }
        Ok(Some(Rest { runtime: Runtime::new(Arc::new(graph)), known }))
    }
}

/// The values that some values lead to, and these.
fn reached(graph: &Graph, from: impl Iterator<Item = ValueId>) -> Vec<bool> {
    let mut reached = vec![false; graph.value_count()];
    from.for_each(|value| reached[value.0] = true);
    for node in graph.nodes() {
        if node.inputs.iter().flatten().any(|v| reached[v.0]) {
            node.outputs.iter().flatten().for_each(|v| reached[v.0] = true);
        }
    }
    reached
}
