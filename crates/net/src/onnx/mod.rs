//! ONNX files in and out.
//!
//! A [`Model`] keeps the file's own message next to the [`Graph`] made from it, so that what is written back is
//! the user's file with other weights and nothing else changed.

mod attributes;
mod build;
mod difference;
mod file;
mod load;
pub mod proto;
mod tensors;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

pub use attributes::Attributes;
pub use build::{Builder, attribute};
pub use difference::{Difference, difference, interface_difference};
pub(crate) use load::operator;
pub use load::{NodeReport, OPSETS};
pub use tensors::from_bytes as tensor_from_bytes;
pub(crate) use tensors::{tensor as tensor_proto, to_bytes as tensor_bytes};

use crate::error::NetError;
use crate::graph::{Graph, Parameters};
use proto::ModelProto;

/// A model file: the graph that runs, the weights, and the message that is written back.
#[derive(Clone, Debug)]
pub struct Model {
    /// The message without the single-precision values of its parameters, which are held once.
    skeleton: ModelProto,
    graph: Arc<Graph>,
    parameters: Parameters<f32>,
}

impl Model {
    /// Reads a model file. External tensors must lie inside the file's folder.
    ///
    /// # Errors
    /// One line naming the file and what is wrong with it: not an ONNX file, truncated, an opset outside
    /// [`OPSETS`], operators that this build does not have (all of them, by node), sizes that do not agree with
    /// the bytes present, values that are not finite, cycles, undefined inputs.
    pub fn read(path: &Path) -> Result<Self, NetError> {
        file::read(path).and_then(Self::from_proto).map_err(|e| file::name_file(path, e))
    }

    /// Builds the graph of a message whose tensors are all inline.
    pub fn from_proto(mut proto: ModelProto) -> Result<Self, NetError> {
        let (graph, parameters) = load::load(&mut proto, None)?;
        Ok(Self { skeleton: proto, graph: Arc::new(graph), parameters })
    }

    /// [`Self::from_proto`] where the floating-point initialisers of these names are the parameters, and no others.
    pub(crate) fn with_trainable(mut proto: ModelProto, names: &BTreeSet<String>) -> Result<Self, NetError> {
        let (graph, parameters) = load::load(&mut proto, Some(names))?;
        Ok(Self { skeleton: proto, graph: Arc::new(graph), parameters })
    }

    /// Reads a model from the bytes of a file without external tensors.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, NetError> {
        Self::from_proto(file::decode(bytes)?)
    }

    /// What this build can do with each node of a file, also where it cannot run the file.
    pub fn inspect(path: &Path) -> Result<Vec<NodeReport>, NetError> {
        let proto = file::read(path).map_err(|e| file::name_file(path, e))?;
        load::inspect(&proto).map_err(|e| file::name_file(path, e))
    }

    /// The graph.
    pub fn graph(&self) -> &Arc<Graph> {
        &self.graph
    }

    /// The weights.
    pub fn parameters(&self) -> &Parameters<f32> {
        &self.parameters
    }

    /// The message behind the model, with its weights.
    pub fn message(&self) -> ModelProto {
        let mut proto = self.skeleton.clone();
        tensors::fill(&mut proto, &self.graph, &self.parameters);
        proto
    }

    /// The message behind the model, where parameters may lack their values.
    pub(crate) fn skeleton(&self) -> &ModelProto {
        &self.skeleton
    }

    /// The version of the default operator set.
    pub fn opset(&self) -> i64 {
        load::default_opset(&self.skeleton).unwrap_or(0)
    }

    /// The same model with other weights.
    ///
    /// # Errors
    /// If number or shapes of the tensors differ.
    pub fn with_parameters(&self, parameters: Parameters<f32>) -> Result<Self, NetError> {
        let mut skeleton = self.skeleton.clone();
        tensors::replace(&mut skeleton, &self.graph, &parameters)?;
        Ok(Self { skeleton, graph: self.graph.clone(), parameters })
    }

    /// The bytes of the file; all tensors inline.
    pub fn to_bytes(&self) -> Vec<u8> {
        prost::Message::encode_to_vec(&self.message())
    }

    /// Writes the file: aside first, then under its name.
    pub fn write(&self, path: &Path) -> Result<(), NetError> {
        file::write(path, &self.to_bytes())
    }
}
