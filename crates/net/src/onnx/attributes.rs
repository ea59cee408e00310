//! Typed access to the attributes of a node.

use super::proto::{AttributeProto, NodeProto, attribute_type};
use super::tensors;
use crate::error::OpError;
use crate::tensor::Value;

/// The definition of a node as an operator's constructor sees it.
#[derive(Clone, Copy, Debug)]
pub struct Attributes<'a> {
    node: &'a NodeProto,
    opset: i64,
}

impl<'a> Attributes<'a> {
    pub(crate) fn new(node: &'a NodeProto, opset: i64) -> Self {
        Self { node, opset }
    }

    /// The version of the default operator set.
    pub fn opset(&self) -> i64 {
        self.opset
    }

    /// Number of input slots, given or not.
    pub fn inputs(&self) -> usize {
        self.node.input.len()
    }

    /// Whether input `i` is given.
    pub fn has_input(&self, i: usize) -> bool {
        self.node.input.get(i).is_some_and(|name| !name.is_empty())
    }

    /// Number of output slots, used or not.
    pub fn outputs(&self) -> usize {
        self.node.output.len()
    }

    /// Whether output `i` has a name, that is, may be used.
    pub fn has_output(&self, i: usize) -> bool {
        self.node.output.get(i).is_some_and(|name| !name.is_empty())
    }

    /// Whether the attribute is set.
    pub fn has(&self, name: &str) -> bool {
        self.find(name).is_some()
    }

    fn find(&self, name: &str) -> Option<&'a AttributeProto> {
        self.node.attribute.iter().find(|a| a.name.as_deref() == Some(name))
    }

    fn wrong(name: &str, kind: &str) -> OpError {
        OpError::invalid(format!("attribute `{name}` must be {kind}"))
    }

    /// An integer attribute.
    pub fn int(&self, name: &str, default: i64) -> Result<i64, OpError> {
        self.find(name).map_or(Ok(default), |a| a.i.ok_or_else(|| Self::wrong(name, "an integer")))
    }

    /// An integer attribute that stands for a truth value.
    pub fn flag(&self, name: &str, default: bool) -> Result<bool, OpError> {
        Ok(self.int(name, i64::from(default))? != 0)
    }

    /// An axis; may be negative, which counts from the end.
    pub fn axis(&self, default: i64) -> Result<i64, OpError> {
        self.int("axis", default)
    }

    /// A floating-point attribute.
    pub fn float(&self, name: &str, default: f64) -> Result<f64, OpError> {
        // Through decimal text, so that 0.01f32 becomes 0.01 in f64 as well and both types compute one function.
        let exact = |f: f32| f.to_string().parse().unwrap_or(f64::from(f));
        self.find(name).map_or(Ok(default), |a| a.f.map(exact).ok_or_else(|| Self::wrong(name, "a number")))
    }

    /// A list of integers, `None` where it is not set.
    pub fn ints(&self, name: &str) -> Result<Option<&'a [i64]>, OpError> {
        match self.find(name) {
            None => Ok(None),
            Some(a) if a.r#type.is_none_or(|t| t == attribute_type::INTS) => Ok(Some(&a.ints)),
            Some(_) => Err(Self::wrong(name, "a list of integers")),
        }
    }

    /// A list of sizes (strides, dilations, kernel shape, pads), each at most `2^31`.
    pub fn sizes(&self, name: &str) -> Result<Option<Vec<usize>>, OpError> {
        let Some(values) = self.ints(name)? else { return Ok(None) };
        let size = |&v: &i64| {
            u32::try_from(v)
                .map(|v| v as usize)
                .map_err(|_| OpError::invalid(format!("attribute `{name}` holds {v}")))
        };
        values.iter().map(size).collect::<Result<_, _>>().map(Some)
    }

    /// A list of numbers, `None` where it is not set.
    pub fn floats(&self, name: &str) -> Option<&'a [f32]> {
        self.find(name).map(|a| a.floats.as_slice())
    }

    /// A text attribute.
    pub fn string(&self, name: &str, default: &'a str) -> Result<&'a str, OpError> {
        self.find(name).map_or(Ok(default), |a| {
            let bytes = a.s.as_deref().ok_or_else(|| Self::wrong(name, "text"))?;
            std::str::from_utf8(bytes).map_err(|_| Self::wrong(name, "text"))
        })
    }

    /// A tensor attribute, `None` where it is not set.
    pub fn tensor(&self, name: &str) -> Result<Option<Value<f64>>, OpError> {
        let Some(attribute) = self.find(name) else { return Ok(None) };
        let tensor = attribute.t.as_ref().ok_or_else(|| Self::wrong(name, "a tensor"))?;
        tensors::read(tensor, "attribute").map(Some).map_err(|e| OpError::invalid(e.to_string()))
    }

    /// Refuses an attribute that the operator does not know: it would change the meaning silently.
    pub(crate) fn only(&self, known: &[&str]) -> Result<(), OpError> {
        let name = |a: &'a AttributeProto| a.name.as_deref().unwrap_or("");
        match self.node.attribute.iter().find(|a| !known.contains(&name(a))) {
            Some(a) => Err(OpError::unsupported(format!("attribute `{}`", name(a)))),
            None => Ok(()),
        }
    }
}
