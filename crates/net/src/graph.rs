//! The graph: immutable data that every reading shares.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::error::{NetError, OpError};
use crate::op::Operator;
use crate::ops::Entry;
use crate::tensor::{DType, Element, Tensor, Value};

/// Index of a value (an edge) of the graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ValueId(pub(crate) usize);

/// A dimension of a graph input or output as the file declares it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Dim {
    /// A number.
    Fixed(usize),
    /// A name (`batch`, `N`, `height`) or nothing at all: known only when data come.
    Free(String),
}

impl fmt::Display for Dim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Dim::Fixed(n) => write!(f, "{n}"),
            Dim::Free(name) if name.is_empty() => write!(f, "?"),
            Dim::Free(name) => write!(f, "{name}"),
        }
    }
}

/// An input of the whole graph.
#[derive(Clone, Debug)]
pub struct GraphInput {
    /// Name in the file.
    pub name: String,
    /// The value it feeds.
    pub value: ValueId,
    /// Kind of element.
    pub dtype: DType,
    /// Declared dimensions; axis 0 counts images.
    pub dims: Vec<Dim>,
}

impl GraphInput {
    /// The batch size that the file insists on, or `None` where it is free.
    pub fn fixed_batch(&self) -> Option<usize> {
        match self.dims.first() {
            Some(Dim::Fixed(n)) => Some(*n),
            _ => None,
        }
    }

    /// Dimensions after the batch axis, where all are declared.
    pub fn image_shape(&self) -> Option<Vec<usize>> {
        self.dims
            .iter()
            .skip(1)
            .map(|d| match d {
                Dim::Fixed(n) => Some(*n),
                Dim::Free(_) => None,
            })
            .collect()
    }
}

/// A trainable tensor: a floating-point initialiser of rank at least 1 that feeds a parametric input of an operator.
#[derive(Clone, Debug)]
pub struct Parameter {
    /// Name of the initialiser.
    pub name: String,
    /// The value it feeds.
    pub value: ValueId,
    /// Dimensions.
    pub shape: Vec<usize>,
}

/// A node.
#[derive(Clone, Debug)]
pub struct Node {
    /// Name in the file, or of the first output where the file gives none.
    pub name: String,
    /// ONNX operator type.
    pub op_type: String,
    /// Values read; `None` for an optional input that is left out.
    pub inputs: Vec<Option<ValueId>>,
    /// Values written; `None` for an optional output that is left out.
    pub outputs: Vec<Option<ValueId>>,
    /// The operator with its attributes.
    pub operator: Arc<dyn Operator>,
    /// Its line in the operator table.
    pub entry: &'static Entry,
}

impl Node {
    /// The operator's objection with the node's name.
    pub fn error(&self, source: OpError) -> NetError {
        NetError::Node { node: self.name.clone(), op_type: self.op_type.clone(), source }
    }
}

/// A validated graph: nodes in an order in which each reads only what stands before it.
#[derive(Clone, Debug)]
pub struct Graph {
    /// Name of each value.
    pub(crate) names: Vec<String>,
    /// Nodes in execution order.
    pub(crate) nodes: Vec<Node>,
    /// Inputs that a caller feeds.
    pub(crate) inputs: Vec<GraphInput>,
    /// Outputs with their names.
    pub(crate) outputs: Vec<ValueId>,
    /// Trainable tensors in the order of the file's initialisers.
    pub(crate) parameters: Vec<Parameter>,
    /// Initialisers that are not trainable (statistics, shapes, scalars).
    pub(crate) constants: BTreeMap<ValueId, Arc<Value<f64>>>,
}

impl Graph {
    /// Nodes in execution order.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// Inputs that a caller feeds.
    pub fn inputs(&self) -> &[GraphInput] {
        &self.inputs
    }

    /// Values that the graph returns.
    pub fn outputs(&self) -> &[ValueId] {
        &self.outputs
    }

    /// Names of the outputs.
    pub fn output_names(&self) -> Vec<&str> {
        self.outputs.iter().map(|&v| self.name(v)).collect()
    }

    /// Trainable tensors in the order of the file's initialisers.
    pub fn parameters(&self) -> &[Parameter] {
        &self.parameters
    }

    /// Number of values (node outputs, inputs, parameters and constants).
    pub fn value_count(&self) -> usize {
        self.names.len()
    }

    /// The name of a value.
    pub fn name(&self, value: ValueId) -> &str {
        &self.names[value.0]
    }

    /// The value of that name.
    pub fn value(&self, name: &str) -> Option<ValueId> {
        self.names.iter().position(|n| n == name).map(ValueId)
    }

    /// Parameters that belong to one node, by node in execution order: the layers of the model. A parameter that
    /// several nodes read belongs to the first.
    pub fn layers(&self) -> Vec<Layer> {
        let mut owner = vec![None; self.parameters.len()];
        let mut layers = Vec::new();
        for (index, node) in self.nodes.iter().enumerate() {
            let mut parameters = Vec::new();
            for value in node.inputs.iter().flatten() {
                if let Some(p) = self.parameters.iter().position(|p| p.value == *value)
                    && owner[p].is_none()
                {
                    owner[p] = Some(index);
                    parameters.push(p);
                }
            }
            if !parameters.is_empty() {
                layers.push(Layer { node: index, name: node.name.clone(), parameters });
            }
        }
        layers
    }
}

/// A node with parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layer {
    /// Index of the node.
    pub node: usize,
    /// Name of the node.
    pub name: String,
    /// Indices of its parameters.
    pub parameters: Vec<usize>,
}

/// Values of the trainable tensors, in the order of [`Graph::parameters`].
#[derive(Debug)]
pub struct Parameters<T> {
    values: Vec<Value<T>>,
    /// Tells the content from any other; 0 before somebody asks. Clones share it until one of them changes.
    stamp: AtomicU64,
}

impl<T: Clone> Clone for Parameters<T> {
    fn clone(&self) -> Self {
        let stamp = AtomicU64::new(self.stamp.load(Ordering::Relaxed));
        Self { values: self.values.clone(), stamp }
    }
}

impl<T: PartialEq> PartialEq for Parameters<T> {
    fn eq(&self, other: &Self) -> bool {
        self.values == other.values
    }
}

impl<T: Element> From<Vec<Value<T>>> for Parameters<T> {
    fn from(values: Vec<Value<T>>) -> Self {
        Self { values, stamp: AtomicU64::new(0) }
    }
}

impl<T: Element> Parameters<T> {
    /// Wraps tensors in the order of [`Graph::parameters`]; the caller keeps their shapes.
    pub fn new(tensors: Vec<Tensor<T>>) -> Self {
        tensors.into_iter().map(Value::Float).collect::<Vec<_>>().into()
    }

    /// The values, all floating-point tensors.
    pub(crate) fn values(&self) -> &[Value<T>] {
        &self.values
    }

    /// The tensors.
    pub(crate) fn into_tensors(self) -> impl Iterator<Item = Tensor<T>> {
        self.values.into_iter().filter_map(|v| if let Value::Float(t) = v { Some(t) } else { None })
    }

    /// A number that no other content has in this process: what was made of parameters with the same number can be used again.
    pub(crate) fn stamp(&self) -> u64 {
        static LAST: AtomicU64 = AtomicU64::new(0);
        let given = |known: u64| (known == 0).then(|| LAST.fetch_add(1, Ordering::Relaxed) + 1);
        match self.stamp.fetch_update(Ordering::Relaxed, Ordering::Relaxed, given) {
            Ok(_) => self.stamp.load(Ordering::Relaxed),
            Err(known) => known,
        }
    }

    /// Number of tensors.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Number of scalars in all.
    pub fn scalars(&self) -> usize {
        self.iter().map(Tensor::len).sum()
    }

    /// The tensors.
    pub fn iter(&self) -> impl Iterator<Item = &Tensor<T>> {
        self.values.iter().filter_map(Value::as_float)
    }

    /// The tensors.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut Tensor<T>> {
        *self.stamp.get_mut() = 0;
        self.values.iter_mut().filter_map(|v| if let Value::Float(t) = v { Some(t) } else { None })
    }

    /// The same values in another floating-point type.
    pub fn cast<U: Element>(&self) -> Parameters<U> {
        self.values.iter().map(Value::cast).collect::<Vec<_>>().into()
    }

    /// All scalars, tensor after tensor.
    pub fn flatten(&self) -> Vec<T> {
        self.iter().flat_map(|t| t.data().iter().copied()).collect()
    }

    /// Tensors in the same shapes with other scalars, as [`Self::flatten`] gives them; `None` if their number differs.
    pub fn with_scalars(&self, scalars: &[T]) -> Option<Self> {
        let mut rest = scalars;
        let mut tensors = Vec::with_capacity(self.len());
        for tensor in self.iter() {
            let (own, more) = rest.split_at_checked(tensor.len())?;
            tensors.push(Tensor::new(tensor.shape(), own.to_vec())?);
            rest = more;
        }
        rest.is_empty().then(|| Self::new(tensors))
    }

    /// Zeros in the same shapes.
    pub fn zeros_like(&self) -> Self {
        Self::new(self.iter().map(|t| Tensor::full(t.shape(), T::zero())).collect())
    }
}
