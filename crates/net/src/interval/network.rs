//! Interval networks of trained networks (Oala et al. 2021, METHODS 2.2): the weights of a part of the network become boxes
//! around the trained ones, and training moves the ends of the boxes only.

use std::collections::{BTreeMap, BTreeSet};

use super::Rounding;
use super::fold;
use super::rewrite::{Outputs, Spec, rewrite};
use crate::error::NetError;
use crate::graph::{Graph, Parameters};
use crate::onnx::Model;
use crate::tensor::Tensor;

/// Which parameters become boxes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// Those of the last nodes that have any, as many nodes as this.
    Last(usize),
    /// Those of the nodes of these names, and the parameters of these names.
    Named(Vec<String>),
    /// All.
    All,
}

/// An interval network under training.
///
/// [`Self::model`] is the graph that is trained: its parameters are `<p>/lo` and `<p>/hi` for every parameter `p` of the part, in
/// this order and at first both `p`; all else is constant. For `n` outputs of the trained network it has
/// - outputs `3 i`, `3 i + 1`, `3 i + 2`: output `i` as the trained network computes it, and bounds `<y>/lo` and `<y>/hi`
///   around it;
/// - outputs `3 n + 2 i`, `3 n + 2 i + 1`: these bounds as interval arithmetic gives them ([`Self::raw`]).
///
/// Rounding may put the value a little outside the latter; the former are extended to hold it, bit for bit. Losses read
/// the latter: where a bound was extended it is the value of the trained network, and no gradient reaches the boxes.
#[derive(Clone, Debug)]
pub struct IntervalNetwork {
    base: Model,
    model: Model,
    /// The parameters that are boxes.
    names: Vec<String>,
    /// Their trained values.
    centres: Vec<Tensor<f32>>,
}

impl IntervalNetwork {
    /// An interval network whose boxes are still points.
    ///
    /// # Errors
    /// A part without parameters, unknown names; a node without an interval reading, by its name.
    pub fn new(base: &Model, part: &Part) -> Result<Self, NetError> {
        let chosen = part.parameters(base.graph())?;
        let graph = base.graph().parameters().iter().zip(base.parameters().iter());
        let (names, centres): (Vec<String>, Vec<Tensor<f32>>) =
            graph.filter(|(p, _)| chosen.contains(&p.name)).map(|(p, t)| (p.name.clone(), t.clone())).unzip();
        let boxes = names.iter().cloned().zip(centres.iter().map(|t| [t.clone(), t.clone()])).collect();
        let proto =
            rewrite(base, &Spec { outputs: Outputs::AroundAndRaw, ..spec(boxes, Rounding::Nearest) })?;
        let ends: BTreeSet<String> =
            names.iter().flat_map(|p| [format!("{p}/lo"), format!("{p}/hi")]).collect();
        let model = Model::with_trainable(proto, &ends)?;
        let found: BTreeSet<&String> = model.graph().parameters().iter().map(|p| &p.name).collect();
        if let Some(name) = ends.iter().find(|name| !found.contains(name)) {
            return Err(NetError::input(format!("`{name}`: no output depends on it")));
        }
        Ok(Self { base: base.clone(), model, names, centres })
    }

    /// The graph to train, with the boxes at their beginning.
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// Names of the parameters of the trained network that are boxes, in the order of the pairs of parameters of
    /// [`Self::model`].
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Indices among the outputs of [`Self::model`] of the bounds that a loss reads, for output `i` of the trained network:
    /// lower and upper.
    pub fn raw(&self, i: usize) -> [usize; 2] {
        let first = 3 * self.base.graph().outputs().len() + 2 * i;
        [first, first + 1]
    }

    /// Moves the ends so that each box holds the trained weight again, after a step of an optimiser. What is not a number
    /// becomes the trained weight.
    pub fn project(&self, parameters: &mut Parameters<f32>) {
        let mut ends = parameters.iter_mut();
        for centre in &self.centres {
            for (end, side) in [(ends.next(), f32::min as fn(f32, f32) -> f32), (ends.next(), f32::max)] {
                let Some(end) = end else { return };
                end.data_mut().iter_mut().zip(centre.data()).for_each(|(e, &w)| *e = side(*e, w));
            }
        }
    }

    /// The interval network as a model of its own, with outputs `<y>`, `<y>/lo`, `<y>/hi` for every output `y` and all that depends
    /// on weights alone computed. Where bounds need not answer for rounding, what stands before the part is computed once, and from
    /// there on each box is carried as upper end and width: the bounds of [`Self::model`], up to rounding, and as precise as the
    /// output (the graph that is trained carries both ends, and in deep networks rounding shows in its bounds).
    ///
    /// # Errors
    /// Parameters of another number or shape, and boxes that do not hold the trained weight.
    pub fn export(&self, parameters: &Parameters<f32>, rounding: Rounding) -> Result<Model, NetError> {
        // Number and shapes.
        self.model.with_parameters(parameters.clone())?;
        let tensors: Vec<&Tensor<f32>> = parameters.iter().collect();
        let mut boxes = BTreeMap::new();
        for ((name, centre), ends) in self.names.iter().zip(&self.centres).zip(tensors.chunks_exact(2)) {
            let [lo, hi] = ends else { continue };
            let holds = |((lo, w), hi): ((&f32, &f32), &f32)| lo <= w && w <= hi;
            if let Some(at) = lo.data().iter().zip(centre.data()).zip(hi.data()).position(|e| !holds(e)) {
                return Err(NetError::input(format!(
                    "box of `{name}`: element {at} does not hold the trained weight; project after each step"
                )));
            }
            boxes.insert(name.clone(), [(*lo).clone(), (*hi).clone()]);
        }
        let by_width = rounding == Rounding::Nearest;
        let proto = rewrite(&self.base, &Spec { by_width, ..spec(boxes, rounding) })?;
        Model::from_proto(fold::fold(&Model::from_proto(proto)?)?)
    }
}

fn spec(boxes: BTreeMap<String, [Tensor<f32>; 2]>, rounding: Rounding) -> Spec {
    Spec { boxed_inputs: false, boxes, rounding, outputs: Outputs::Around, by_width: false }
}

impl Part {
    /// Names of the parameters that belong to the part.
    fn parameters(&self, graph: &Graph) -> Result<BTreeSet<String>, NetError> {
        let layers = graph.layers();
        let of = |layer: &crate::graph::Layer| -> Vec<String> {
            layer
                .parameters
                .iter()
                .filter_map(|&p| graph.parameters().get(p))
                .map(|p| p.name.clone())
                .collect()
        };
        let chosen: BTreeSet<String> = match self {
            Self::All => graph.parameters().iter().map(|p| p.name.clone()).collect(),
            Self::Last(count) => layers.iter().rev().take(*count).flat_map(of).collect(),
            Self::Named(names) => {
                let mut chosen = BTreeSet::new();
                for name in names {
                    let node = layers.iter().find(|l| l.name == *name).map(of);
                    let own =
                        graph.parameters().iter().find(|p| p.name == *name).map(|p| vec![p.name.clone()]);
                    let found = node.or(own).ok_or_else(|| {
                        NetError::input(format!("`{name}` is neither a parameter nor a node that has some"))
                    })?;
                    chosen.extend(found);
                }
                chosen
            }
        };
        if chosen.is_empty() {
            return Err(NetError::input("the part that is to become boxes has no parameters"));
        }
        Ok(chosen)
    }
}
