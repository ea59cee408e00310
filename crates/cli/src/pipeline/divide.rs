//! What is divided into subtypes, and the divisions by something given.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, bail};
use modelmend_data::split::Part;
use modelmend_failure::finetune::FinetuneSettings;
use modelmend_failure::matrix::Layout;
use modelmend_failure::represent::Scaling;
use modelmend_failure::subtype::{ClusterSettings, Subtyping, by_prediction, by_value, clusters, random};
use modelmend_failure::{Judge, Problem};
use modelmend_study::Hash;
use modelmend_study::artifact::Artifact;
use modelmend_study::schema::{
    Comparison, MetadataColumn, Representation as Kind, Scaling as ScalingChoice, Subtype,
    Subtyping as Method,
};
use modelmend_study::step::StepName;
use serde::{Deserialize, Serialize};

use super::cases::Judged;
use super::choose::Tried;
use super::context::{Context, Title};
use super::population::Population;
use super::represent::{self, Embedded, Purpose, Represented};
use super::subject::Subject;

/// A division of the failures with how it came about.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Division {
    /// The subtypes.
    pub(crate) subtyping: Subtyping,
    /// Failures of each subtype, nearest to the centre first, where something was clustered.
    pub(crate) nearest: Option<Vec<Vec<usize>>>,
    /// The scaling that was clustered.
    pub(crate) scaling: Option<Scaling>,
    /// What was tried, and how it did.
    pub(crate) tried: Vec<Tried>,
    /// Adjusted Rand index between clusterings of other seeds, pair by pair.
    pub(crate) stability: Vec<f64>,
}

/// A representation with its embeddings, one for each scaling that may be chosen.
pub(crate) struct Material {
    /// The representation.
    pub(crate) kind: Kind,
    /// Its rows.
    pub(crate) represented: Represented,
    /// Its embeddings.
    pub(crate) embeddings: Vec<(Scaling, Embedded)>,
}

/// Every scaling, in the order in which ties are resolved.
const SCALINGS: [Scaling; 3] = [Scaling::None, Scaling::Layer, Scaling::Unit];

/// The representation that a comparison clusters, if it clusters one.
pub(crate) fn clustered(comparison: &Comparison) -> Option<Kind> {
    match comparison {
        Comparison::Named(Method::Features) => Some(Kind::Features),
        Comparison::Named(Method::FeaturesFlat) => Some(Kind::FeaturesFlat),
        Comparison::Named(Method::Gradients) => Some(Kind::Gradients),
        Comparison::Named(Method::Trajectory) => Some(Kind::Trajectory),
        Comparison::Named(Method::Random | Method::Fpfn | Method::Metadata) | Comparison::Column(_) => None,
    }
}

/// The comparison that a representation is.
pub(crate) fn comparison_of(kind: Kind) -> Comparison {
    Comparison::Named(match kind {
        Kind::Gradients => Method::Gradients,
        Kind::Features => Method::Features,
        Kind::FeaturesFlat => Method::FeaturesFlat,
        Kind::Trajectory => Method::Trajectory,
    })
}

/// Represents and embeds the failures for a comparison that clusters.
pub(crate) fn material(
    context: &Context<'_>,
    subject: &Subject,
    problem: &Problem,
    judged: &Judged,
    (kind, subtype): (Kind, &Subtype),
) -> Result<Material> {
    if kind == Kind::Trajectory && subject.checkpoints.is_empty() {
        bail!("compare: trajectory needs `subtype.checkpoints`, or a network that this study trains");
    }
    let dims = subtype.projection as usize;
    let inputs: Vec<Hash> = subject.hashes.iter().copied().chain([judged.hash]).collect();
    let represented =
        represent::compute(context, subject, problem, (kind, dims), (&judged.failures, &inputs))?;
    embedded(context, represented, (kind, subtype))
}

/// The scalings of a representation that may be chosen.
pub(crate) fn scalings(kind: Kind, subtype: &Subtype) -> Vec<Scaling> {
    match (subtype.scaling, kind) {
        // Right and wrong have no scale.
        (_, Kind::Trajectory) | (ScalingChoice::None, _) => vec![Scaling::None],
        (ScalingChoice::Layer, _) => vec![Scaling::Layer],
        (ScalingChoice::Unit, _) => vec![Scaling::Unit],
        (ScalingChoice::Auto, kind) if kind == subtype.representation => SCALINGS.to_vec(),
        // What the study's own representation is compared with is taken as the paper takes it.
        (ScalingChoice::Auto, _) => vec![Scaling::None],
    }
}

/// Embeds a representation of the failures in every scaling that may be chosen.
pub(crate) fn embedded(
    context: &Context<'_>,
    represented: Represented,
    (kind, subtype): (Kind, &Subtype),
) -> Result<Material> {
    let settings = represent::settings(subtype);
    let embed = |scaling: Scaling| {
        let label = format!("{}, {}", represent::kind_name(kind), scaling_name(scaling));
        Ok((
            scaling,
            represent::embedded(context, &represented, &label, (scaling, Purpose::Clusters), &settings)?,
        ))
    };
    let embeddings = scalings(kind, subtype).into_iter().map(embed).collect::<Result<_>>()?;
    Ok(Material { kind, represented, embeddings })
}

/// The name of a scaling for people.
pub(crate) fn scaling_name(scaling: Scaling) -> &'static str {
    match scaling {
        Scaling::None => "unscaled",
        Scaling::Layer => "scaled by layer",
        Scaling::Unit => "unit norm",
    }
}

/// Cases and their sides, and how candidates are fine-tuned, whatever the cases are.
pub(crate) struct Trial<'a> {
    pub(crate) judge: &'a dyn Judge,
    /// Whether the model fails on each case.
    pub(crate) failure: &'a [bool],
    /// Indices of the failures.
    pub(crate) failures: &'a [usize],
    /// Hash of what the model makes of the cases.
    pub(crate) judged: Hash,
    /// Number of the group of each case, where there are groups.
    pub(crate) groups: Option<Vec<usize>>,
    pub(crate) parts: &'a [Part],
    pub(crate) parts_hash: Hash,
    pub(crate) finetune: Option<FinetuneSettings>,
}

impl Trial<'_> {
    /// A subtyping of the failures spread over all cases.
    pub(crate) fn layout(&self, subtyping: &Subtyping) -> Layout {
        Layout::new(&subtyping.labels, subtyping.count(), self.failure, self.parts)
    }
}

/// The hash of a split.
pub(crate) fn hash_of_parts(parts: &[Part]) -> Hash {
    let names: Vec<&str> = parts.iter().map(|p| p.name()).collect();
    Hash::of(names.join(" ").as_bytes())
}

/// A classifier, its cases, and what they are put to.
pub(crate) struct Setting<'a> {
    /// All cases, of which subject, problem and trial have those that are analysed.
    pub(crate) population: &'a Population,
    pub(crate) subject: &'a Subject,
    pub(crate) problem: &'a Problem,
    pub(crate) judged: &'a Judged,
    pub(crate) trial: Trial<'a>,
}

/// Labels of the failures that the split has to balance: for each clustered representation its finest clusterings.
pub(crate) fn finest(material: &Material, subtype: &Subtype, seed: u64) -> Result<Vec<Vec<Option<usize>>>> {
    let (smallest, largest) = subtype.clustering.k.bounds();
    let mut divisions = Vec::new();
    for (_, embedded) in &material.embeddings {
        for k in [smallest.midpoint(largest), largest] {
            let k = (k as usize).min(embedded.points.nrows());
            divisions.push(clusters(embedded.points.view(), &ClusterSettings { k, seed })?.subtyping.labels);
        }
    }
    Ok(divisions)
}

/// Divides the failures by something that is known of them; `sizes` are those of the random parts.
pub(crate) fn by_given(
    context: &Context<'_>,
    setting: &Setting<'_>,
    comparison: &Comparison,
    sizes: &[usize],
) -> Result<(Division, Hash)> {
    let label = comparison.to_string();
    let title = Title { name: StepName::Subtype, label: &label, version: 1 };
    let values = match comparison {
        Comparison::Named(Method::Random) => serde_json::json!({"random": sizes, "seed": context.seed}),
        other => serde_json::to_value(values(setting, other)?)?,
    };
    let step = context.step(title, &values, &[setting.judged.hash], |_| {
        let subtyping = match comparison {
            Comparison::Named(Method::Random) => random(setting.judged.failures.len(), sizes, context.seed),
            Comparison::Named(Method::Fpfn) => {
                let predicted: Vec<usize> =
                    setting.judged.failures.iter().map(|&c| setting.judged.predictions[c].class).collect();
                let names: Vec<String> =
                    (0..setting.problem.classes()).map(|c| setting.subject.names.class(c)).collect();
                by_prediction(&predicted, &names)
            }
            other => by_value(&self::values(setting, other)?),
        };
        Ok(Artifact::new(Division {
            subtyping,
            nearest: None,
            scaling: None,
            tried: vec![],
            stability: vec![],
        }))
    })?;
    Ok((step.artifact.value, step.hash))
}

/// The value of each failure that a metadata comparison divides by.
fn values(setting: &Setting<'_>, comparison: &Comparison) -> Result<Vec<Option<String>>> {
    let mut columns: BTreeMap<String, Vec<Option<String>>> =
        setting.subject.columns(&setting.judged.failures);
    let name = match comparison {
        Comparison::Column(MetadataColumn { metadata }) => metadata.as_str(),
        _ => "fine label",
    };
    columns.remove(name).with_context(|| format!("compare: the cases have no column `{name}`"))
}
