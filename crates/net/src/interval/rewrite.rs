//! Node by node from a point graph to a graph of bounds.

use std::collections::BTreeMap;

use super::emit::Emitter;
use super::fold;
use super::{Bounds, Enclose, Rounding};
use crate::error::{NetError, OpError};
use crate::graph::{Graph, Node, ValueId};
use crate::onnx::Model;
use crate::onnx::proto::{ModelProto, NodeProto, ValueInfoProto};
use crate::tensor::{DType, Element, Tensor};

/// What becomes a box.
#[derive(Clone, Debug, Default)]
pub struct IntervalOptions {
    /// Graph inputs come as `<input>/lo` and `<input>/hi` instead of a point.
    pub boxed_inputs: bool,
    /// Parameters with deltas: lower and upper distance, each at least 0 and in the parameter's shape.
    pub deltas: BTreeMap<String, (Tensor<f32>, Tensor<f32>)>,
    /// What rounding errors the bounds answer for.
    pub rounding: Rounding,
}

/// The model whose outputs are `<output>/lo` and `<output>/hi`.
///
/// A quotient whose divisor may be 0 is bounded by the infinities.
///
/// # Errors
/// Names the first node without an interval reading; deltas for unknown parameters, of other shapes or below 0.
pub fn enclose(model: &Model, options: &IntervalOptions) -> Result<Model, NetError> {
    check_deltas(model.graph(), options)?;
    let mut boxes = BTreeMap::new();
    for (parameter, centre) in model.graph().parameters().iter().zip(model.parameters().iter()) {
        if let Some((below, above)) = options.deltas.get(&parameter.name) {
            let ends = [
                shifted(centre, below, -1.0, options.rounding),
                shifted(centre, above, 1.0, options.rounding),
            ];
            boxes.insert(parameter.name.clone(), ends);
        }
    }
    let spec = Spec {
        boxed_inputs: options.boxed_inputs,
        boxes,
        rounding: options.rounding,
        outputs: Outputs::Bounds,
        by_width: false,
    };
    Model::from_proto(rewrite(model, &spec)?)
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

/// `centre + sign delta`, rounded as the bounds are.
fn shifted(centre: &Tensor<f32>, delta: &Tensor<f32>, sign: f32, rounding: Rounding) -> Tensor<f32> {
    let mut end = centre.clone();
    for (w, &d) in end.data_mut().iter_mut().zip(delta.data()) {
        *w += sign * d;
        if rounding == Rounding::Outward && d > 0.0 {
            *w = if sign < 0.0 { w.next_down() } else { w.next_up() };
        }
    }
    end
}

/// What a rewritten graph returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outputs {
    /// For each output `y` its bounds `<y>/lo` and `<y>/hi`.
    Bounds,
    /// For each output `y` the value itself and `<y>/lo <= y <= <y>/hi`.
    Around,
    /// The same, and for each output the bounds `<y>/lo/raw` and `<y>/hi/raw` before they were made to hold `y`.
    AroundAndRaw,
}

/// What becomes of a graph.
#[derive(Clone, Debug)]
pub(super) struct Spec {
    pub(super) boxed_inputs: bool,
    /// Ends of the parameters that are boxes.
    pub(super) boxes: BTreeMap<String, [Tensor<f32>; 2]>,
    pub(super) rounding: Rounding,
    /// The point values need point inputs.
    pub(super) outputs: Outputs,
    /// Whether bounds are carried as upper end and width; [`Rounding::Outward`] answers for errors of ends.
    pub(super) by_width: bool,
}

/// The rewritten graph.
pub(super) fn rewrite(model: &Model, spec: &Spec) -> Result<ModelProto, NetError> {
    let mut rewrite = Rewrite::new(model, spec);
    rewrite.inputs();
    rewrite.parameters(model);
    for node in model.graph().nodes() {
        rewrite.node(node)?;
    }
    rewrite.finish(model)
}

/// What is known of a value of the original graph.
#[derive(Clone, Debug)]
struct Known {
    bounds: Bounds,
    /// The value itself, where the rewritten graph computes it.
    point: Option<String>,
    dtype: DType,
    /// Whether it depends on data or parameters by more than their shapes.
    varies: bool,
    /// Whether it depends on data.
    data: bool,
}

impl Known {
    /// The name of the value itself.
    fn point(&self) -> Option<String> {
        self.point.clone().or_else(|| self.bounds.is_point().then(|| self.bounds.lo.clone()))
    }
}

struct Rewrite<'a> {
    graph: &'a Graph,
    spec: &'a Spec,
    emitter: Emitter,
    known: Vec<Option<Known>>,
    /// The file's nodes by the name of their first output.
    protos: BTreeMap<&'a str, &'a NodeProto>,
}

impl<'a> Rewrite<'a> {
    fn new(model: &'a Model, spec: &'a Spec) -> Self {
        let nodes = model.skeleton().graph.as_ref().map_or(&[][..], |g| &g.node);
        let first = |n: &'a NodeProto| n.output.iter().find(|o| !o.is_empty()).map(|o| (o.as_str(), n));
        let mut emitter = Emitter::new(model.opset(), spec.rounding);
        emitter.by_width = spec.by_width;
        // Values of the original keep their names, and bounds the names that belong to them.
        for name in &model.graph().names {
            for name in [name.clone(), format!("{name}/lo"), format!("{name}/hi")] {
                emitter.builder.fresh(&name);
            }
        }
        Self {
            graph: model.graph(),
            spec,
            emitter,
            known: vec![None; model.graph().value_count()],
            protos: nodes.iter().filter_map(first).collect(),
        }
    }

    fn inputs(&mut self) {
        for input in self.graph.inputs() {
            let boxed = self.spec.boxed_inputs && input.dtype == DType::Float;
            let bounds = match boxed {
                true => Bounds::new(format!("{}/lo", input.name), format!("{}/hi", input.name)),
                false => Bounds::point(&input.name),
            };
            for end in bounds.ends() {
                self.emitter.builder.input(end, input.dtype, &input.dims);
            }
            let point = (!boxed).then(|| input.name.clone());
            self.known[input.value.0] =
                Some(Known { bounds, point, dtype: input.dtype, varies: true, data: true });
        }
    }

    fn parameters(&mut self, model: &Model) {
        for (parameter, tensor) in self.graph.parameters().iter().zip(model.parameters().iter()) {
            let mut bounds = Bounds::point(&parameter.name);
            self.emitter.builder.weight(&parameter.name, tensor);
            if let Some([lo, hi]) = self.spec.boxes.get(&parameter.name) {
                bounds = Bounds::new(format!("{}/lo", parameter.name), format!("{}/hi", parameter.name));
                self.emitter.builder.weight(&bounds.lo, lo);
                self.emitter.builder.weight(&bounds.hi, hi);
            }
            let point = Some(parameter.name.clone());
            self.known[parameter.value.0] =
                Some(Known { bounds, point, dtype: DType::Float, varies: true, data: false });
        }
        for (&value, constant) in &self.graph.constants {
            let name = self.graph.name(value);
            self.emitter.builder.initializer(name, constant.as_ref());
            self.known[value.0] = Some(Known {
                bounds: Bounds::point(name),
                point: Some(name.to_owned()),
                dtype: constant.dtype(),
                varies: false,
                data: false,
            });
        }
    }

    fn node(&mut self, node: &Node) -> Result<(), NetError> {
        let first = node.outputs.iter().flatten().next().map(|&v| self.graph.name(v));
        let Some(proto) = first.and_then(|name| self.protos.get(name).copied()) else { return Ok(()) };
        let inputs: Vec<Option<Known>> = node
            .inputs
            .iter()
            // A value without bounds must not pass for an optional input that is left out.
            .map(|v| v.map(|v| self.known[v.0].clone().ok_or_else(|| self.unbounded(v))).transpose())
            .collect::<Result<_, _>>()?;
        let dtype = result_type(&node.op_type, proto, &inputs);
        let shape_only = node.op_type == "Shape";
        let varies = !shape_only && inputs.iter().flatten().any(|k| k.varies);
        let data = !shape_only && inputs.iter().flatten().any(|k| k.data);
        let exact = self.spec.rounding == Rounding::Nearest || dtype != DType::Float || !varies;
        let points = exact && inputs.iter().flatten().all(|k| k.bounds.is_point());

        let wanted = points || self.spec.outputs != Outputs::Bounds;
        let point = wanted && self.point(proto, &inputs);
        let bounds = match points {
            true => {
                let nonnegative = self.nonnegative(node, proto, &inputs);
                let of = |(v, nonnegative): (&Option<ValueId>, bool)| {
                    v.map(|v| Bounds { nonnegative, ..Bounds::point(self.graph.name(v)) })
                };
                node.outputs.iter().zip(nonnegative).map(of).collect()
            }
            false => self.read(node, proto, &inputs)?,
        };
        for (value, bounds) in node.outputs.iter().zip(bounds) {
            if let (Some(value), Some(bounds)) = (value, bounds) {
                let point = point.then(|| self.graph.name(*value).to_owned());
                self.known[value.0] = Some(Known { bounds, point, dtype, varies, data });
            }
        }
        Ok(())
    }

    /// Takes the node over as it is; whether all its inputs are there.
    fn point(&mut self, proto: &NodeProto, inputs: &[Option<Known>]) -> bool {
        let name = |k: &Option<Known>| k.as_ref().map_or(Some(String::new()), Known::point);
        let Some(names) = inputs.iter().map(name).collect::<Option<Vec<_>>>() else { return false };
        let op_type = proto.op_type.as_deref().unwrap_or("");
        let outputs: Vec<&str> = proto.output.iter().map(String::as_str).collect();
        let named =
            proto.name.as_deref().filter(|n| !n.is_empty()).or(outputs.first().copied()).unwrap_or("");
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        self.emitter.builder.push(op_type, named, proto.attribute.clone(), &names, &outputs);
        true
    }

    /// The interval reading of a node.
    fn read(
        &mut self,
        node: &Node,
        proto: &NodeProto,
        inputs: &[Option<Known>],
    ) -> Result<Vec<Option<Bounds>>, NetError> {
        let mut cx = Enclose {
            node: proto,
            inputs: inputs.iter().map(|k| k.as_ref().map(|k| k.bounds.clone())).collect(),
            outputs: vec![None; node.outputs.len()],
            emitter: &mut self.emitter,
        };
        // Enclosing does not depend on the floating-point type.
        f32::readings(&*node.operator).enclose(&mut cx).map_err(|e| node.error(e))?;
        Ok(cx.outputs)
    }

    /// Which outputs of a node whose inputs are points cannot be negative: what its interval reading says of a box.
    fn nonnegative(&self, node: &Node, proto: &NodeProto, inputs: &[Option<Known>]) -> Vec<bool> {
        let no = vec![false; node.outputs.len()];
        let mut aside = Emitter::new(self.emitter.opset, Rounding::Nearest);
        let some_box = |k: &Known| match k.data && k.dtype == DType::Float {
            true => Bounds { nonnegative: k.bounds.nonnegative, ..Bounds::new("lo", "hi") },
            false => k.bounds.clone(),
        };
        if !inputs.iter().flatten().any(|k| k.data) {
            return no;
        }
        let mut cx = Enclose {
            node: proto,
            inputs: inputs.iter().map(|k| k.as_ref().map(some_box)).collect(),
            outputs: vec![None; node.outputs.len()],
            emitter: &mut aside,
        };
        match f32::readings(&*node.operator).enclose(&mut cx) {
            Ok(()) => cx.outputs.iter().map(|b| b.as_ref().is_some_and(|b| b.nonnegative)).collect(),
            Err(_) => no,
        }
    }

    fn finish(mut self, model: &Model) -> Result<ModelProto, NetError> {
        let declared: Vec<&ValueInfoProto> = model.skeleton().graph.iter().flat_map(|g| &g.output).collect();
        let mut raw = Vec::new();
        for (&output, declared) in self.graph.outputs().iter().zip(&declared) {
            let name = self.graph.name(output);
            let Known { bounds, point, .. } =
                self.known[output.0].clone().ok_or_else(|| self.unbounded(output))?;
            let around = match self.spec.outputs {
                Outputs::Bounds => None,
                _ => Some(
                    point.ok_or_else(|| NetError::model(format!("`{name}` is not computed as a point")))?,
                ),
            };
            if around.is_some() {
                self.emitter.builder.output_like(name, declared);
            }
            for (end, from, extremum) in [("lo", &bounds.lo, "Min"), ("hi", &bounds.hi, "Max")] {
                let target = format!("{name}/{end}");
                match &around {
                    // Two ways to the same number may round apart: the value belongs to its bounds.
                    Some(y) => self.emitter.builder.push(extremum, &target, vec![], &[from, y], &[&target]),
                    None => self.emitter.builder.push("Identity", &target, vec![], &[from], &[&target]),
                }
                self.emitter.builder.output_like(&target, declared);
                raw.push((format!("{target}/raw"), from.clone(), *declared));
            }
        }
        if self.spec.outputs == Outputs::AroundAndRaw {
            for (target, from, declared) in raw {
                self.emitter.builder.push("Identity", &target, vec![], &[&from], &[&target]);
                self.emitter.builder.output_like(&target, declared);
            }
        }
        let mut proto = self.emitter.builder.finish(model.opset());
        fold::prune(&mut proto);
        Ok(proto)
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

/// The kind of the first output of a node.
fn result_type(op_type: &str, proto: &NodeProto, inputs: &[Option<Known>]) -> DType {
    use crate::onnx::proto::data_type;
    let attribute = |name: &str| proto.attribute.iter().find(|a| a.name.as_deref() == Some(name));
    let kind = |code: i64| match i32::try_from(code).unwrap_or(0) {
        data_type::BOOL => DType::Bool,
        data_type::INT32 | data_type::INT64 => DType::Int,
        _ => DType::Float,
    };
    let of = |i: usize| inputs.get(i).and_then(Option::as_ref).map_or(DType::Float, |k| k.dtype);
    match op_type {
        "Shape" => DType::Int,
        "Cast" => attribute("to").and_then(|a| a.i).map_or(DType::Float, kind),
        "Where" => of(1),
        "Constant" if ["value_int", "value_ints"].iter().any(|n| attribute(n).is_some()) => DType::Int,
        "Constant" | "ConstantOfShape" => {
            let tensor = attribute("value").and_then(|a| a.t.as_ref());
            tensor.and_then(|t| t.data_type).map_or(DType::Float, |code| kind(i64::from(code)))
        }
        _ => of(0),
    }
}
