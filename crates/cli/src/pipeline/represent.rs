//! Representations of the failures and their embeddings.

use anyhow::{Context as _, Result};
use modelmend_failure::represent::{self, Representation, Scaling};
use modelmend_failure::subtype::{EmbeddingSettings, embed, picture};
use modelmend_failure::{Judge, Problem};
use modelmend_study::Hash;
use modelmend_study::artifact::Artifact;
use modelmend_study::schema::{EmbeddingMethod, Representation as Kind, Subtype};
use modelmend_study::step::StepName;
use ndarray::Array2;
use serde::{Deserialize, Serialize};

use super::context::{Context, Title, Watch};
use super::subject::Subject;

/// A representation of the failures with the hash of its content.
pub(crate) struct Represented {
    /// The rows.
    pub(crate) representation: Representation,
    /// Hash of the content.
    pub(crate) hash: Hash,
}

#[derive(Serialize, Deserialize)]
struct Layers {
    rows: usize,
    layers: Vec<(String, usize)>,
}

/// The name of a representation in records.
pub(crate) fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Gradients => "gradients",
        Kind::Features => "features",
        Kind::FeaturesFlat => "features-flat",
        Kind::Trajectory => "trajectory",
    }
}

/// Raised where a representation comes out with other bits than before.
fn version(kind: Kind) -> u32 {
    match kind {
        Kind::Gradients | Kind::FeaturesFlat => 2,
        Kind::Features | Kind::Trajectory => 1,
    }
}

/// Represents the cases chosen. `inputs` are the hashes of model and cases.
pub(crate) fn compute(
    context: &Context<'_>,
    subject: &Subject,
    problem: &Problem,
    (kind, dims): (Kind, usize),
    (cases, inputs): (&[usize], &[Hash]),
) -> Result<Represented> {
    stored(context, (kind, dims), (cases, inputs), |watch, projection| {
        let weights = problem.parameters();
        Ok(match kind {
            Kind::Gradients => represent::gradients(problem, weights, cases, projection, watch),
            Kind::Features => represent::features(problem, weights, cases, watch),
            Kind::FeaturesFlat => represent::features_flat(problem, weights, cases, projection, watch),
            Kind::Trajectory => represent::trajectory(problem, &subject.checkpoints, cases, watch),
        }?)
    })
}

/// The step that represents the cases chosen; the computation gets dimensions and seed of its projection.
pub(crate) fn stored(
    context: &Context<'_>,
    (kind, dims): (Kind, usize),
    (cases, inputs): (&[usize], &[Hash]),
    compute: impl FnOnce(&Watch<'_>, (usize, u64)) -> Result<Representation>,
) -> Result<Represented> {
    let title = Title { name: StepName::Represent, label: kind_name(kind), version: version(kind) };
    let parameters = serde_json::json!({
        "kind": kind_name(kind), "dims": dims, "seed": context.seed, "cases": Hash::of(&serde_json::to_vec(cases)?),
    });
    let step = context.step(title, parameters, inputs, |scope| {
        let result = compute(&Watch(scope), (dims, context.seed))?;
        let layers = Layers { rows: cases.len(), layers: result.layers };
        let (data, _) = result.matrix.into_raw_vec_and_offset();
        Ok(Artifact::new(layers).with_f32("matrix", &data))
    })?;
    let Layers { rows, layers } = &step.artifact.value;
    let width = layers.iter().map(|(_, w)| w).sum();
    let matrix = Array2::from_shape_vec((*rows, width), step.artifact.f32("matrix")?)
        .context("a stored representation")?;
    Ok(Represented { representation: Representation { matrix, layers: layers.clone() }, hash: step.hash })
}

/// An embedding of the failures.
pub(crate) struct Embedded {
    /// (failures, dims).
    pub(crate) points: Array2<f32>,
    /// Hash of the content.
    pub(crate) hash: Hash,
}

/// What an embedding is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) enum Purpose {
    /// Clustering.
    Clusters,
    /// A picture in two dimensions.
    Picture,
}

/// The settings of the study's embedding.
pub(crate) fn settings(subtype: &Subtype) -> EmbeddingSettings {
    EmbeddingSettings {
        dims: match subtype.embedding.method {
            EmbeddingMethod::Umap => Some(subtype.embedding.dims as usize),
            EmbeddingMethod::None => None,
        },
        neighbors: subtype.embedding.neighbors as usize,
        min_dist: subtype.embedding.min_dist,
    }
}

/// Embeds a representation.
pub(crate) fn embedded(
    context: &Context<'_>,
    represented: &Represented,
    label: &str,
    (scaling, purpose): (Scaling, Purpose),
    settings: &EmbeddingSettings,
) -> Result<Embedded> {
    let title = Title { name: StepName::Embed, label, version: 1 };
    let parameters = (settings, scaling, purpose, context.seed);
    let step = context.step(title, parameters, &[represented.hash], |_| {
        let scaled = represented.representation.scaled(scaling);
        let points = match purpose {
            Purpose::Clusters => embed(scaled.view(), settings, context.seed),
            Purpose::Picture => picture(scaled.view(), settings, context.seed),
        }?;
        let dim = points.dim();
        Ok(Artifact::new(dim).with_f32("points", &points.into_iter().collect::<Vec<_>>()))
    })?;
    let points = Array2::from_shape_vec(step.artifact.value, step.artifact.f32("points")?)
        .context("a stored embedding")?;
    Ok(Embedded { points, hash: step.hash })
}
