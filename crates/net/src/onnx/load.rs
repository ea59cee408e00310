//! From a message to a validated graph.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;
use std::sync::Arc;

use super::attributes::Attributes;
use super::proto::{DimensionValue, GraphProto, ModelProto, NodeProto, TypeProto, ValueInfoProto, data_type};
use super::tensors;
use crate::error::{NetError, OpError};
use crate::exec::Plan;
use crate::graph::{Dim, Graph, GraphInput, Node, Parameter, Parameters, ValueId};
use crate::ops::{self, Entry, Interval};
use crate::tensor::{DType, Value};

/// Versions of the default operator set that this build reads.
pub const OPSETS: RangeInclusive<i64> = 9..=21;

/// What this build can do with one node.
#[derive(Clone, Debug)]
pub struct NodeReport {
    /// Name of the node, or of its first output.
    pub name: String,
    /// ONNX operator type.
    pub op_type: String,
    /// Why it cannot be computed, if so.
    pub problem: Option<String>,
    /// Whether gradients flow through it.
    pub gradient: bool,
    /// Its interval reading.
    pub interval: Interval,
}

/// The version of the default operator set.
pub(super) fn default_opset(proto: &ModelProto) -> Option<i64> {
    let default = |d: Option<&str>| matches!(d, None | Some("" | "ai.onnx"));
    proto.opset_import.iter().find(|o| default(o.domain.as_deref())).and_then(|o| o.version)
}

fn graph_of(proto: &ModelProto) -> Result<(&GraphProto, i64), NetError> {
    let graph = proto.graph.as_ref().ok_or_else(|| NetError::model("no graph in the model"))?;
    let opset = default_opset(proto)
        .ok_or_else(|| NetError::model("the model names no version of the default operator set"))?;
    if !OPSETS.contains(&opset) {
        return Err(NetError::model(format!(
            "opset {opset} is unsupported (this build reads {} to {}); export the model again for one of these",
            OPSETS.start(),
            OPSETS.end()
        )));
    }
    Ok((graph, opset))
}

/// The report of every node, in the file's order.
pub(super) fn inspect(proto: &ModelProto) -> Result<Vec<NodeReport>, NetError> {
    let (graph, opset) = graph_of(proto)?;
    let report = |node: &NodeProto| {
        let parsed = parse(node, opset);
        NodeReport {
            name: node_name(node),
            op_type: op_type(node).to_owned(),
            gradient: parsed.as_ref().is_ok_and(|(_, e)| e.gradient),
            interval: parsed.as_ref().map_or(Interval::None, |(_, e)| e.interval),
            problem: parsed.err().map(|e| e.to_string()),
        }
    };
    Ok(graph.node.iter().map(report).collect())
}

fn op_type(node: &NodeProto) -> &str {
    node.op_type.as_deref().unwrap_or("")
}

fn node_name(node: &NodeProto) -> String {
    let named = node.name.as_deref().filter(|n| !n.is_empty());
    named.or(node.output.first().map(String::as_str)).unwrap_or("unnamed").to_owned()
}

fn parse(node: &NodeProto, opset: i64) -> Result<(Arc<dyn crate::op::Operator>, &'static Entry), OpError> {
    let domain = node.domain.as_deref().unwrap_or("");
    let entry = ops::find(op_type(node)).filter(|_| matches!(domain, "" | "ai.onnx"));
    let entry = entry.ok_or_else(|| OpError::unsupported(format!("operator {domain}{}", op_type(node))))?;
    let attributes = Attributes::new(node, opset);
    attributes.only(entry.attributes)?;
    Ok(((entry.parse)(&attributes)?, entry))
}

/// The operator of a node.
pub(crate) fn operator(node: &NodeProto, opset: i64) -> Result<Arc<dyn crate::op::Operator>, OpError> {
    parse(node, opset).map(|(operator, _)| operator)
}

/// Builds graph and weights. The parameters are the initialisers of these names, or by default those that the operators'
/// table entries call weights.
///
/// Parameters leave the message where it has them in single precision, one by one: two copies of all weights are never held.
pub(super) fn load(
    proto: &mut ModelProto,
    named: Option<&BTreeSet<String>>,
) -> Result<(Graph, Parameters<f32>), NetError> {
    let (graph, opset) = graph_of(proto)?;
    let mut loader = Loader::default();
    loader.initializers(graph)?;
    loader.inputs(graph)?;
    loader.nodes(graph, opset)?;
    match proto.graph.as_mut() {
        Some(graph) => loader.finish(graph, named),
        None => Err(NetError::model("no graph in the model")),
    }
}

/// What is held of an initialiser while the graph is built.
enum Content {
    /// Its values.
    Held(Value<f64>),
    /// A tensor of floating-point values, perhaps a parameter: they are in the message.
    Weights,
}

#[derive(Default)]
struct Loader {
    names: Vec<String>,
    ids: BTreeMap<String, ValueId>,
    tensors: BTreeMap<ValueId, Content>,
    /// The values of initialisers in their order.
    order: Vec<ValueId>,
    inputs: Vec<GraphInput>,
    nodes: Vec<Node>,
}

impl Loader {
    fn define(&mut self, name: &str) -> Result<ValueId, NetError> {
        let id = ValueId(self.names.len());
        if self.ids.insert(name.to_owned(), id).is_some() {
            return Err(NetError::model(format!("value `{name}` is defined twice")));
        }
        self.names.push(name.to_owned());
        Ok(id)
    }

    fn initializers(&mut self, graph: &GraphProto) -> Result<(), NetError> {
        if !graph.sparse_initializer.is_empty() {
            return Err(NetError::model(
                "sparse initialisers are not supported; export the model with dense weights",
            ));
        }
        for tensor in &graph.initializer {
            let name = tensor.name.as_deref().unwrap_or("");
            let value = tensors::read::<f32>(tensor, "initialiser")?;
            if let Value::Float(t) = &value
                && let Some(at) = t.data().iter().position(|v| v.is_nan())
            {
                return Err(NetError::model(format!("initialiser `{name}` contains NaN (element {at})")));
            }
            let id = self.define(name)?;
            let content = match value {
                Value::Float(t) if !t.shape().is_empty() => Content::Weights,
                _ => Content::Held(tensors::read(tensor, "initialiser")?),
            };
            self.tensors.insert(id, content);
            self.order.push(id);
        }
        Ok(())
    }

    fn inputs(&mut self, graph: &GraphProto) -> Result<(), NetError> {
        for info in &graph.input {
            let name = info.name.as_deref().unwrap_or("");
            // Before IR version 4 every initialiser stands among the inputs as well.
            if self.ids.get(name).is_some_and(|id| self.tensors.contains_key(id)) {
                continue;
            }
            let (dtype, dims) = declared(info)?;
            let value = self.define(name)?;
            self.inputs.push(GraphInput { name: name.to_owned(), value, dtype, dims });
        }
        Ok(())
    }

    fn nodes(&mut self, graph: &GraphProto, opset: i64) -> Result<(), NetError> {
        let order = execution_order(graph, &self.ids)?;
        let mut problems = Vec::new();
        for &index in &order {
            let proto = &graph.node[index];
            match parse(proto, opset) {
                Ok((operator, entry)) => self.node(proto, operator, entry)?,
                Err(source) => {
                    problems.push(format!("node `{}` ({}): {source}", node_name(proto), op_type(proto)));
                    for output in proto.output.iter().filter(|o| !o.is_empty()) {
                        self.define(output)?;
                    }
                }
            }
        }
        match problems.as_slice() {
            [] => Ok(()),
            [one] => Err(NetError::model(one.clone())),
            [first, rest @ ..] => {
                Err(NetError::model(format!("{first} and {} more: see `modelmend inspect`", rest.len())))
            }
        }
    }

    fn node(
        &mut self,
        proto: &NodeProto,
        operator: Arc<dyn crate::op::Operator>,
        entry: &'static Entry,
    ) -> Result<(), NetError> {
        let read = |name: &String| (!name.is_empty()).then(|| self.ids.get(name).copied()).flatten();
        let inputs = proto.input.iter().map(read).collect();
        let write = |name: &String| if name.is_empty() { Ok(None) } else { self.define(name).map(Some) };
        let outputs = proto.output.iter().map(write).collect::<Result<_, _>>()?;
        let op_type = op_type(proto).to_owned();
        self.nodes.push(Node { name: node_name(proto), op_type, inputs, outputs, operator, entry });
        Ok(())
    }

    fn finish(
        self,
        graph: &mut GraphProto,
        named: Option<&BTreeSet<String>>,
    ) -> Result<(Graph, Parameters<f32>), NetError> {
        let output = |info: &ValueInfoProto| {
            let name = info.name.as_deref().unwrap_or("");
            let undefined = || NetError::model(format!("graph output `{name}` is produced by no node"));
            self.ids.get(name).copied().ok_or_else(undefined)
        };
        let outputs: Vec<ValueId> = graph.output.iter().map(output).collect::<Result<_, _>>()?;
        if outputs.is_empty() {
            return Err(NetError::model("the graph has no outputs"));
        }
        let trainable = match named {
            Some(names) => names.iter().filter_map(|n| self.ids.get(n).copied()).collect(),
            None => trainable(&self.nodes, &self.tensors),
        };
        let mut parameters = Vec::new();
        let mut weights = Vec::new();
        let mut constants = BTreeMap::new();
        let mut contents = self.tensors;
        for (id, tensor) in self.order.iter().zip(&mut graph.initializer) {
            match contents.remove(id) {
                Some(Content::Weights) if trainable.contains(id) => {
                    let name = self.names[id.0].clone();
                    let t = tensors::take_weights(tensor)?;
                    if t.is_empty() {
                        return Err(NetError::model(format!(
                            "parameter `{name}` is zero-size (shape {:?})",
                            t.shape()
                        )));
                    }
                    parameters.push(Parameter { name, value: *id, shape: t.shape().to_vec() });
                    weights.push(t);
                }
                Some(Content::Weights) => {
                    constants.insert(*id, Arc::new(tensors::read(tensor, "initialiser")?));
                }
                Some(Content::Held(value)) => {
                    constants.insert(*id, Arc::new(value));
                }
                None => {}
            }
        }
        let graph = Graph {
            names: self.names,
            nodes: self.nodes,
            inputs: self.inputs,
            outputs,
            parameters,
            constants,
        };
        check_shapes(&graph)?;
        Ok((graph, Parameters::new(weights)))
    }
}

/// Initialisers that feed a parametric input of some operator, directly or through nodes that read initialisers alone
/// (a transposed weight, the positive part of an interval weight).
fn trainable(nodes: &[Node], tensors: &BTreeMap<ValueId, Content>) -> BTreeSet<ValueId> {
    let is_tensor = |content: &Content| matches!(content, Content::Weights);
    // What each value that depends on initialisers alone is made of.
    let mut sources: BTreeMap<ValueId, BTreeSet<ValueId>> =
        tensors.iter().map(|(&id, v)| (id, is_tensor(v).then_some(id).into_iter().collect())).collect();
    let mut found = BTreeSet::new();
    for node in nodes {
        let behind = |v: &ValueId| sources.get(v).into_iter().flatten().copied();
        if node.inputs.iter().flatten().all(|v| sources.contains_key(v)) {
            // `Add(2, 3)` of two constants is arithmetic, not a layer.
            let flows = |_: &&ValueId| node.entry.gradient;
            let all: BTreeSet<ValueId> =
                node.inputs.iter().flatten().filter(flows).flat_map(behind).collect();
            sources.extend(node.outputs.iter().flatten().map(|&v| (v, all.clone())));
        } else {
            let read = node.entry.trainable.iter().filter_map(|&i| node.inputs.get(i)?.as_ref());
            found.extend(read.flat_map(behind));
        }
    }
    found
}

/// Where the file declares all dimensions but the batch, shapes are checked at load.
fn check_shapes(graph: &Graph) -> Result<(), NetError> {
    let shapes: Option<Vec<Vec<usize>>> = graph
        .inputs()
        .iter()
        .map(|input| {
            let batch = input.fixed_batch().unwrap_or(1);
            input
                .image_shape()
                .map(|image| if input.dims.is_empty() { vec![] } else { [vec![batch], image].concat() })
        })
        .collect();
    shapes.map_or(Ok(()), |shapes| Plan::<f32>::new(graph, &shapes).map(|_| ()))
}

fn declared(info: &ValueInfoProto) -> Result<(DType, Vec<Dim>), NetError> {
    let name = info.name.as_deref().unwrap_or("");
    let tensor = info.r#type.as_ref().and_then(|t: &TypeProto| t.tensor_type.as_ref());
    let tensor = tensor.ok_or_else(|| NetError::model(format!("input `{name}` is not a tensor")))?;
    let dtype = match tensor.elem_type.unwrap_or(0) {
        data_type::FLOAT | data_type::DOUBLE => DType::Float,
        data_type::INT64 | data_type::INT32 => DType::Int,
        data_type::BOOL => DType::Bool,
        other => {
            return Err(NetError::model(format!("input `{name}`: element type {other} is not supported")));
        }
    };
    let shape =
        tensor.shape.as_ref().ok_or_else(|| NetError::model(format!("input `{name}` declares no shape")))?;
    let dim = |value: &Option<DimensionValue>| match value {
        Some(DimensionValue::DimValue(n)) => usize::try_from(*n)
            .map(Dim::Fixed)
            .map_err(|_| NetError::model(format!("input `{name}`: negative dimension {n}"))),
        Some(DimensionValue::DimParam(p)) => Ok(Dim::Free(p.clone())),
        None => Ok(Dim::Free(String::new())),
    };
    Ok((dtype, shape.dim.iter().map(|d| dim(&d.value)).collect::<Result<_, _>>()?))
}

/// Kahn's algorithm; among nodes that are ready the file's order decides.
fn execution_order(graph: &GraphProto, known: &BTreeMap<String, ValueId>) -> Result<Vec<usize>, NetError> {
    let mut producer = BTreeMap::new();
    for (index, node) in graph.node.iter().enumerate() {
        for output in node.output.iter().filter(|o| !o.is_empty()) {
            producer.insert(output.as_str(), index);
        }
    }
    let mut waiting = vec![0usize; graph.node.len()];
    let mut readers: Vec<Vec<usize>> = vec![Vec::new(); graph.node.len()];
    for (index, node) in graph.node.iter().enumerate() {
        for input in node.input.iter().filter(|i| !i.is_empty() && !known.contains_key(*i)) {
            let Some(&from) = producer.get(input.as_str()) else {
                return Err(NetError::model(format!(
                    "node `{}` ({}) reads `{input}`, which nothing produces",
                    node_name(node),
                    op_type(node)
                )));
            };
            waiting[index] += 1;
            readers[from].push(index);
        }
    }
    let mut ready: BTreeSet<usize> = (0..waiting.len()).filter(|&i| waiting[i] == 0).collect();
    let mut order = Vec::with_capacity(waiting.len());
    while let Some(index) = ready.pop_first() {
        order.push(index);
        for &reader in &readers[index] {
            waiting[reader] -= 1;
            if waiting[reader] == 0 {
                ready.insert(reader);
            }
        }
    }
    if order.len() == waiting.len() {
        return Ok(order);
    }
    let stuck = (0..waiting.len()).filter(|&i| waiting[i] > 0).map(|i| node_name(&graph.node[i]));
    Err(NetError::model(format!(
        "the graph has a cycle through node(s) {}",
        stuck.take(8).collect::<Vec<_>>().join(", ")
    )))
}
