//! What an operator's interval reading works with.

use super::emit::Emitter;
use super::rounding::Error;
use super::{Bounds, Rounding};
use crate::error::OpError;
use crate::onnx::proto::{AttributeProto, NodeProto};
use crate::onnx::{attribute, operator};
use crate::tensor::{Element, Tensor, Value};

/// The interval reading of one node: bounds of the inputs are given, nodes are appended, bounds of the outputs set.
#[derive(Debug)]
pub struct Enclose<'a> {
    pub(super) node: &'a NodeProto,
    pub(super) inputs: Vec<Option<Bounds>>,
    pub(super) outputs: Vec<Option<Bounds>>,
    pub(super) emitter: &'a mut Emitter,
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

    /// The version of the operator set.
    pub fn opset(&self) -> i64 {
        self.emitter.opset
    }

    /// What rounding errors the bounds answer for.
    pub fn rounding(&self) -> Rounding {
        self.emitter.rounding
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

    /// The inputs from `first` on, which must be points here; empty where one is left out.
    pub fn points_from(&self, first: usize) -> Result<Vec<String>, OpError> {
        let point = |i| self.point(i, "a further input").map(Option::unwrap_or_default);
        (first..self.inputs()).map(point).collect()
    }

    /// The same operator with the same attributes on other inputs (empty name: left out); names of its outputs.
    pub fn copy_all(&mut self, inputs: &[&str]) -> Vec<String> {
        let op_type = self.node.op_type.clone().unwrap_or_default();
        self.emitter.node(&op_type, self.node.attribute.clone(), inputs, &self.node.output)
    }

    /// [`Self::copy_all`] for operators with one output.
    pub fn copy(&mut self, inputs: &[&str]) -> String {
        self.copy_all(inputs).into_iter().next().unwrap_or_default()
    }

    /// The same operator on the largest magnitudes of its inputs, with attributes without their signs. `None` inputs stay
    /// out; points that are no data (axes, sizes) stay as they are.
    pub fn copy_of_magnitudes(&mut self) -> String {
        let trainable =
            crate::ops::find(self.node.op_type.as_deref().unwrap_or("")).map_or(&[][..], |e| e.trainable);
        let mut names = Vec::with_capacity(self.inputs.len());
        for (i, x) in self.inputs.clone().into_iter().enumerate() {
            names.push(match x {
                None => String::new(),
                Some(x) if i == 0 || trainable.contains(&i) || !x.is_point() => self.magnitude(&x),
                Some(x) => x.lo,
            });
        }
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let mut attributes = self.node.attribute.clone();
        attributes.iter_mut().for_each(|a| a.f = a.f.map(f32::abs));
        let op_type = self.node.op_type.clone().unwrap_or_default();
        let outputs = self.emitter.node(&op_type, attributes, &names, &self.node.output);
        outputs.into_iter().next().unwrap_or_default()
    }

    /// Appends another operator and returns the name of its output.
    pub fn append(&mut self, op_type: &str, attributes: Vec<AttributeProto>, inputs: &[&str]) -> String {
        let wanted = [op_type.to_lowercase()];
        self.emitter.node(op_type, attributes, inputs, &wanted).into_iter().next().unwrap_or_default()
    }

    /// Appends another operator that reads boxes; the bounds of its output.
    ///
    /// # Errors
    /// What that operator objects to.
    pub fn apply(
        &mut self,
        op_type: &str,
        attributes: Vec<AttributeProto>,
        inputs: &[&Bounds],
    ) -> Result<Bounds, OpError> {
        if self.rounding() == Rounding::Nearest && inputs.iter().all(|b| b.is_point()) {
            let names: Vec<&str> = inputs.iter().map(|b| b.lo.as_str()).collect();
            return Ok(Bounds::point(self.append(op_type, attributes, &names)));
        }
        let node = NodeProto {
            op_type: Some(op_type.to_owned()),
            attribute: attributes,
            input: inputs.iter().map(|b| b.lo.clone()).collect(),
            output: vec![op_type.to_lowercase()],
            ..NodeProto::default()
        };
        let operator = operator(&node, self.opset())?;
        let mut cx = Enclose {
            node: &node,
            inputs: inputs.iter().map(|&b| Some(b.clone())).collect(),
            outputs: vec![None],
            emitter: &mut *self.emitter,
        };
        // Enclosing does not depend on the floating-point type.
        f32::readings(&*operator).enclose(&mut cx)?;
        let bounds = cx.outputs.swap_remove(0);
        bounds.ok_or_else(|| OpError::unsupported(format!("interval reading of {op_type}")))
    }

    /// [`Self::apply`] for a reduction over `axes`, which are kept with size 1.
    ///
    /// # Errors
    /// As [`Self::apply`].
    pub fn reduce(&mut self, op_type: &str, axes: &[i64], x: &Bounds) -> Result<Bounds, OpError> {
        match self.axes(op_type, axes) {
            (attributes, None) => self.apply(op_type, attributes, &[x]),
            (attributes, Some(axes)) => self.apply(op_type, attributes, &[x, &Bounds::point(axes)]),
        }
    }

    /// A reduction whose result is known to be free of rounding.
    pub fn reduce_exactly(&mut self, op_type: &str, axes: &[i64], x: &str) -> String {
        match self.axes(op_type, axes) {
            (attributes, None) => self.append(op_type, attributes, &[x]),
            (attributes, Some(axes)) => self.append(op_type, attributes, &[x, &axes]),
        }
    }

    /// The axes of a reduction: an attribute, or an input in newer operator sets.
    fn axes(&mut self, op_type: &str, axes: &[i64]) -> (Vec<AttributeProto>, Option<String>) {
        match self.opset() < if op_type == "ReduceSum" { 13 } else { 18 } {
            true => (vec![attribute::ints("axes", axes)], None),
            false => (vec![], Some(self.integers(axes))),
        }
    }

    /// Appends a constant.
    pub fn constant<T: Element>(&mut self, value: &Value<T>) -> String {
        self.emitter.constant(value)
    }

    /// Appends a number.
    pub fn number(&mut self, value: f64) -> String {
        self.constant(&Value::Float(Tensor::scalar(value as f32)))
    }

    /// Appends a number that comes from an attribute: to a run in double precision it is the decimal number that the
    /// operator reads there.
    pub fn attribute_number(&mut self, value: f64) -> String {
        match self.opset() {
            ..12 => self.number(value),
            _ => self.append("Constant", vec![attribute::float("value_float", value as f32)], &[]),
        }
    }

    /// Appends a list of integers.
    pub fn integers(&mut self, values: &[i64]) -> String {
        self.constant(&Value::<f32>::Int(Tensor::vector(values.to_vec())))
    }

    /// Dimension `axis` of a value, as a floating-point number of rank 0.
    pub fn dimension(&mut self, x: &str, axis: i64) -> String {
        let shape = self.append("Shape", vec![], &[x]);
        let axis = self.constant(&Value::<f32>::Int(Tensor::scalar(axis)));
        let size = self.append("Gather", vec![], &[&shape, &axis]);
        self.append("Cast", vec![attribute::to_float()], &[&size])
    }

    /// `max(x, 0)`.
    pub fn positive_part(&mut self, x: &str) -> String {
        self.append("Relu", vec![], &[x])
    }

    /// `min(x, 0)`.
    pub fn negative_part(&mut self, x: &str) -> String {
        let zero = self.number(0.0);
        self.append("Min", vec![], &[x, &zero])
    }

    /// The largest magnitude in a box.
    pub fn magnitude(&mut self, x: &Bounds) -> String {
        let ends: Vec<String> = x.ends().iter().map(|end| self.append("Abs", vec![], &[end])).collect();
        self.extremum("Max", &ends)
    }

    /// The sum of the ends of a box and a bound of their distance: every point of the box lies within half the distance of
    /// half the sum.
    pub fn sum_and_width(&mut self, x: &Bounds) -> (String, String) {
        let sum = self.append("Add", vec![], &[&x.lo, &x.hi]);
        if self.by_width() {
            return (sum, self.width(x));
        }
        let width = self.append("Sub", vec![], &[&x.hi, &x.lo]);
        let width = self.rounded(Bounds::point(width), |cx| {
            // The sum is rounded as well, and stays where it is.
            let size = cx.append("Abs", vec![], &[&sum]);
            Error { relative: 1.0, ..cx.units_of(size, 1.0) }
        });
        (sum, width.hi)
    }

    /// `Min` or `Max` of some values.
    pub fn extremum(&mut self, op_type: &str, values: &[String]) -> String {
        let mut distinct: Vec<&str> = Vec::with_capacity(values.len());
        for value in values {
            if !distinct.contains(&value.as_str()) {
                distinct.push(value);
            }
        }
        match distinct.as_slice() {
            [one] => (*one).to_owned(),
            several => self.append(op_type, vec![], several),
        }
    }

    /// The box around some values.
    pub fn hull(&mut self, values: &[String]) -> Bounds {
        Bounds::new(self.extremum("Min", values), self.extremum("Max", values))
    }

    /// The point of the box `x` that lies nearest to a number.
    pub fn nearest(&mut self, x: &Bounds, number: f64) -> String {
        if x.is_point() {
            return x.lo.clone();
        }
        let number = self.number(number);
        let above = self.append("Max", vec![], &[&x.lo, &number]);
        self.append("Min", vec![], &[&above, &x.hi])
    }

    /// Sets the bounds of output `i`.
    pub fn output(&mut self, i: usize, bounds: Bounds) {
        if let Some(slot) = self.outputs.get_mut(i) {
            *slot = Some(bounds);
        }
    }

    /// The reading of an operator that grows with its first input and takes points for all others. It does not round.
    pub fn monotone(&mut self, nonnegative: bool) -> Result<(), OpError> {
        let x = self.input(0)?;
        let rest = self.points_from(1)?;
        let mut ends = [&x.lo, &x.hi].map(|end| {
            let inputs: Vec<&str> =
                std::iter::once(end.as_str()).chain(rest.iter().map(String::as_str)).collect();
            self.copy_all(&inputs)
        });
        for i in 0..self.outputs() {
            let [lo, hi] = [0, 1].map(|e: usize| ends[e].get_mut(i).map(std::mem::take).unwrap_or_default());
            if !lo.is_empty() {
                self.output(i, Bounds { nonnegative, ..Bounds::new(lo, hi) });
            }
        }
        Ok(())
    }
}

/// Both bounds in one value. An operator that treats every channel by itself runs once on both.
impl Enclose<'_> {
    /// The two values that stand one after the other along axis 1 of a value, called after it and `names`.
    pub fn halves(&mut self, stacked: &str, names: [&str; 2]) -> [String; 2] {
        let mut attributes = vec![attribute::int("axis", 1)];
        if self.opset() >= 18 {
            attributes.push(attribute::int("num_outputs", 2));
        }
        let wanted = names.map(|name| format!("{stacked}/{name}"));
        let halves = self.emitter.node("Split", attributes, &[stacked], &wanted);
        [0, 1].map(|i: usize| halves.get(i).cloned().unwrap_or_default())
    }

    /// Bounds of an operator that grows with its only input and treats every channel (axis 1) by itself. It does not round.
    ///
    /// # Errors
    /// A missing input.
    pub fn monotone_by_channel(&mut self, nonnegative: bool) -> Result<Bounds, OpError> {
        let x = self.input(0)?;
        let bounds = match &x.stacked {
            Some(stacked) => {
                let both = self.copy(&[stacked]);
                let [lo, hi] = self.halves(&both, ["lo", "hi"]);
                Bounds { stacked: Some(both), ..Bounds::new(lo, hi) }
            }
            None => Bounds::new(self.copy(&[&x.lo]), self.copy(&[&x.hi])),
        };
        Ok(Bounds { nonnegative, ..bounds })
    }
}
