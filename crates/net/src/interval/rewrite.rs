//! Node by node from a point graph to a graph of bounds.

use std::collections::BTreeMap;

use crate::error::{NetError, OpError};
use crate::graph::{Graph, Node, ValueId};
use crate::onnx::proto::{AttributeProto, NodeProto, TensorProto};
use crate::onnx::{Builder, Model};
use crate::tensor::{DType, Element, Tensor, Value};

/// Names of the two values that bound one value of the original graph.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Lower bound.
    pub lo: String,
    /// Upper bound.
    pub hi: String,
    /// Whether the lower bound is known to be at least 0 (after a ReLU): half the products vanish.
    pub nonnegative: bool,
}

impl Bounds {
    /// A value that is known exactly.
    pub fn point(name: impl Into<String>) -> Self {
        let name = name.into();
        Self { lo: name.clone(), hi: name, nonnegative: false }
    }

    /// A box.
    pub fn new(lo: impl Into<String>, hi: impl Into<String>) -> Self {
        Self { lo: lo.into(), hi: hi.into(), nonnegative: false }
    }

    /// A box whose lower bound is at least 0.
    pub fn nonnegative(lo: impl Into<String>, hi: impl Into<String>) -> Self {
        Self { nonnegative: true, ..Self::new(lo, hi) }
    }

    /// Whether both bounds are the same value.
    pub fn is_point(&self) -> bool {
        self.lo == self.hi
    }
}

/// The interval reading of one node: bounds of the inputs are given, nodes are appended, bounds of the outputs set.
#[derive(Debug)]
pub struct Enclose<'a> {
    node: &'a NodeProto,
    inputs: Vec<Option<Bounds>>,
    outputs: Vec<Option<Bounds>>,
    builder: &'a mut Builder,
}

impl Enclose<'_> {
    /// Bounds of input `i`, which must be given.
    pub fn input(&self, i: usize) -> Result<Bounds, OpError> {
        self.optional(i).ok_or_else(|| OpError::invalid(format!("input {i} is missing")))
    }

    /// Bounds of input `i`, where it is given.
    pub fn optional(&self, i: usize) -> Option<Bounds> {
        self.inputs.get(i).cloned().flatten()
    }

    /// Number of input slots.
    pub fn inputs(&self) -> usize {
        self.inputs.len()
    }

    /// Number of output slots.
    pub fn outputs(&self) -> usize {
        self.outputs.len()
    }

    /// Input `i`, which must be a point here; `what` names it in the objection.
    pub fn point(&self, i: usize, what: &str) -> Result<Option<String>, OpError> {
        match self.optional(i) {
            None => Ok(None),
            Some(bounds) if bounds.is_point() => Ok(Some(bounds.lo)),
            Some(_) => {
                Err(OpError::unsupported(format!("interval reading with a box for {what} (input {i})")))
            }
        }
    }

    /// The same operator with the same attributes on other inputs (empty name: left out); names of its outputs.
    pub fn copy_all(&mut self, inputs: &[&str]) -> Vec<String> {
        let op_type = self.node.op_type.clone().unwrap_or_default();
        let fresh = |name: &String, builder: &mut Builder| {
            if name.is_empty() { String::new() } else { builder.fresh(name) }
        };
        let outputs: Vec<String> = self.node.output.iter().map(|name| fresh(name, self.builder)).collect();
        let refs: Vec<&str> = outputs.iter().map(String::as_str).collect();
        let name = refs.first().copied().unwrap_or("").to_owned();
        self.builder.push(&op_type, &name, self.node.attribute.clone(), inputs, &refs);
        outputs
    }

    /// [`Self::copy_all`] for operators with one output.
    pub fn copy(&mut self, inputs: &[&str]) -> String {
        self.copy_all(inputs).swap_remove(0)
    }

    /// Appends another operator and returns the name of its output.
    pub fn append(&mut self, op_type: &str, attributes: Vec<AttributeProto>, inputs: &[&str]) -> String {
        self.builder.node(op_type, attributes, inputs)
    }

    /// Appends a constant.
    pub fn constant<T: Element>(&mut self, value: &Value<T>) -> String {
        let name = self.builder.fresh("constant");
        self.builder.initializer(&name, value);
        name
    }

    /// `max(x, 0)`.
    pub fn positive_part(&mut self, x: &str) -> String {
        self.append("Relu", vec![], &[x])
    }

    /// `min(x, 0)`.
    pub fn negative_part(&mut self, x: &str) -> String {
        let zero = self.constant(&Value::Float(Tensor::scalar(0f32)));
        self.append("Min", vec![], &[x, &zero])
    }

    /// The point of the box `x` that lies nearest to a number.
    pub fn nearest(&mut self, x: &Bounds, number: f64) -> String {
        let number = self.constant(&Value::Float(Tensor::scalar(number as f32)));
        let above = self.append("Max", vec![], &[&x.lo, &number]);
        self.append("Min", vec![], &[&above, &x.hi])
    }

    /// Sets the bounds of output `i`.
    pub fn output(&mut self, i: usize, bounds: Bounds) {
        if let Some(slot) = self.outputs.get_mut(i) {
            *slot = Some(bounds);
        }
    }

    /// The reading of an operator that grows with its first input and takes points for all others.
    pub fn monotone(&mut self, nonnegative: bool) -> Result<(), OpError> {
        let x = self.input(0)?;
        let rest: Vec<String> = (1..self.inputs())
            .map(|i| self.point(i, "a further input").map(Option::unwrap_or_default))
            .collect::<Result<_, _>>()?;
        let mut ends = [&x.lo, &x.hi].map(|end| {
            let inputs: Vec<&str> =
                std::iter::once(end.as_str()).chain(rest.iter().map(String::as_str)).collect();
            self.copy_all(&inputs)
        });
        for i in 0..self.outputs() {
            let [lo, hi] = [0, 1].map(|e| std::mem::take(&mut ends[e][i]));
            if !lo.is_empty() {
                self.output(i, Bounds { nonnegative, ..Bounds::new(lo, hi) });
            }
        }
        Ok(())
    }
}

/// What becomes a box.
#[derive(Clone, Debug, Default)]
pub struct IntervalOptions {
    /// Graph inputs come as `<input>/lo` and `<input>/hi` instead of a point.
    pub boxed_inputs: bool,
    /// Parameters with deltas: lower and upper distance, each at least 0 and in the parameter's shape.
    pub deltas: BTreeMap<String, (Tensor<f32>, Tensor<f32>)>,
}

/// The model whose outputs are `<output>/lo` and `<output>/hi`.
///
/// # Errors
/// Names the first node without an interval reading; deltas for unknown parameters, of other shapes or below 0.
pub fn enclose(model: &Model, options: &IntervalOptions) -> Result<Model, NetError> {
    check_deltas(model.graph(), options)?;
    let mut rewrite = Rewrite::new(model);
    rewrite.inputs(options);
    rewrite.parameters(model, options);
    for node in model.graph().nodes() {
        rewrite.node(node)?;
    }
    rewrite.finish(model)
}

fn check_deltas(graph: &Graph, options: &IntervalOptions) -> Result<(), NetError> {
    for (name, (lo, hi)) in &options.deltas {
        let parameter = graph.parameters().iter().find(|p| p.name == *name);
        let parameter = parameter.ok_or_else(|| {
            NetError::input(format!("deltas for `{name}`, which is no parameter of the model"))
        })?;
        for (end, delta) in [("lo", lo), ("hi", hi)] {
            if delta.shape() != parameter.shape {
                let (given, expected) = (delta.shape(), &parameter.shape);
                return Err(NetError::input(format!(
                    "deltas `{name}/{end}`: shape {given:?} given, {expected:?} expected"
                )));
            }
            if let Some(at) = delta.data().iter().position(|d| !(d.is_finite() && *d >= 0.0)) {
                return Err(NetError::input(format!(
                    "deltas `{name}/{end}`: element {at} is negative or not finite"
                )));
            }
        }
    }
    Ok(())
}

struct Rewrite<'a> {
    graph: &'a Graph,
    builder: Builder,
    bounds: Vec<Option<Bounds>>,
    /// The file's nodes by the name of their first output.
    protos: BTreeMap<&'a str, &'a NodeProto>,
    /// Initialisers of the file, taken over where a point reading asks for them.
    initializers: BTreeMap<&'a str, &'a TensorProto>,
}

impl<'a> Rewrite<'a> {
    fn new(model: &'a Model) -> Self {
        let message = model.proto().graph.as_ref();
        let nodes = message.map_or(&[][..], |g| &g.node);
        let tensors = message.map_or(&[][..], |g| &g.initializer);
        let first = |n: &'a NodeProto| n.output.iter().find(|o| !o.is_empty()).map(|o| (o.as_str(), n));
        Self {
            graph: model.graph(),
            builder: Builder::new("interval"),
            bounds: vec![None; model.graph().value_count()],
            protos: nodes.iter().filter_map(first).collect(),
            initializers: tensors.iter().filter_map(|t| t.name.as_deref().map(|n| (n, t))).collect(),
        }
    }

    fn inputs(&mut self, options: &IntervalOptions) {
        for input in self.graph.inputs() {
            let bounds = if options.boxed_inputs && input.dtype == DType::Float {
                Bounds::new(format!("{}/lo", input.name), format!("{}/hi", input.name))
            } else {
                Bounds::point(&input.name)
            };
            self.builder.input(&bounds.lo, input.dtype, &input.dims);
            if !bounds.is_point() {
                self.builder.input(&bounds.hi, input.dtype, &input.dims);
            }
            self.bounds[input.value.0] = Some(bounds);
        }
    }

    fn parameters(&mut self, model: &Model, options: &IntervalOptions) {
        for (parameter, tensor) in self.graph.parameters().iter().zip(model.parameters().iter()) {
            if let Some((below, above)) = options.deltas.get(&parameter.name) {
                let bounds = Bounds::new(format!("{}/lo", parameter.name), format!("{}/hi", parameter.name));
                let shifted = |delta: &Tensor<f32>, sign: f32| {
                    let mut t = tensor.clone();
                    t.data_mut().iter_mut().zip(delta.data()).for_each(|(w, d)| *w += sign * d);
                    t
                };
                self.builder.weight(&bounds.lo, &shifted(below, -1.0));
                self.builder.weight(&bounds.hi, &shifted(above, 1.0));
                self.bounds[parameter.value.0] = Some(bounds);
            } else {
                self.builder.weight(&parameter.name, tensor);
                self.bounds[parameter.value.0] = Some(Bounds::point(&parameter.name));
            }
        }
        for (&value, constant) in &self.graph.constants {
            let name = self.graph.name(value);
            if self.initializers.contains_key(name) {
                self.builder.initializer(name, constant.as_ref());
                self.bounds[value.0] = Some(Bounds::point(name));
            }
        }
    }

    fn node(&mut self, node: &Node) -> Result<(), NetError> {
        let first = node.outputs.iter().flatten().next().map(|&v| self.graph.name(v));
        let Some(proto) = first.and_then(|name| self.protos.get(name).copied()) else { return Ok(()) };
        let bounds = |v: &ValueId| {
            let unknown = || NetError::model(format!("value `{}` has no bounds", self.graph.name(*v)));
            self.bounds[v.0].clone().ok_or_else(unknown)
        };
        // A value without bounds must not pass for an optional input that is left out.
        if let Some(&value) = node.inputs.iter().flatten().find(|v| self.bounds[v.0].is_none()) {
            return Err(self.unbounded(value));
        }
        let inputs: Vec<Option<Bounds>> =
            node.inputs.iter().map(|v| v.as_ref().map(bounds).transpose()).collect::<Result<_, _>>()?;
        let points = inputs.iter().flatten().all(Bounds::is_point);
        let mut cx = Enclose {
            node: proto,
            inputs,
            outputs: vec![None; node.outputs.len()],
            builder: &mut self.builder,
        };
        if points {
            let names: Vec<String> =
                cx.inputs.iter().map(|b| b.as_ref().map_or(String::new(), |b| b.lo.clone())).collect();
            let refs: Vec<&str> = names.iter().map(String::as_str).collect();
            for (i, name) in cx.copy_all(&refs).into_iter().enumerate().filter(|(_, n)| !n.is_empty()) {
                cx.output(i, Bounds::point(name));
            }
        } else {
            // Enclosing does not depend on the floating-point type.
            f32::readings(&*node.operator).enclose(&mut cx).map_err(|e| node.error(e))?;
        }
        for (value, bounds) in node.outputs.iter().zip(cx.outputs) {
            if let Some(value) = value {
                self.bounds[value.0] = bounds;
            }
        }
        Ok(())
    }

    fn finish(mut self, model: &Model) -> Result<Model, NetError> {
        let declared = model.proto().graph.iter().flat_map(|g| &g.output);
        for (&output, declared) in self.graph.outputs().iter().zip(declared) {
            let name = self.graph.name(output);
            let bounds = self.bounds[output.0].clone().ok_or_else(|| self.unbounded(output))?;
            for (end, from) in [("lo", &bounds.lo), ("hi", &bounds.hi)] {
                let target = format!("{name}/{end}");
                self.builder.push("Identity", &target, vec![], &[from], &[&target]);
                self.builder.output_like(&target, declared);
            }
        }
        Model::from_proto(self.builder.finish(model.opset()))
    }

    /// The objection against a value whose node computes no bounds for it (a mask, a statistic).
    fn unbounded(&self, value: ValueId) -> NetError {
        let what = format!("interval reading of `{}`", self.graph.name(value));
        let produces = |n: &&Node| n.outputs.contains(&Some(value));
        match self.graph.nodes().iter().find(produces) {
            Some(node) => node.error(OpError::unsupported(what)),
            None => NetError::model(format!("not supported: {what}")),
        }
    }
}
