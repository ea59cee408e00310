//! The steps that divide the failures into subtypes.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, bail};
use modelmend_data::split::Part;
use modelmend_failure::Problem;
use modelmend_failure::finetune::FinetuneSettings;
use modelmend_failure::matrix::Layout;
use modelmend_failure::represent::Scaling;
use modelmend_failure::select::{Candidate, Score, brief, score};
use modelmend_failure::subtype::{
    ClusterSettings, Clustering, Subtyping, by_prediction, by_value, clusters, random, stability,
};
use modelmend_study::Hash;
use modelmend_study::artifact::Artifact;
use modelmend_study::schema::{
    Comparison, KSelection, MetadataColumn, Representation as Kind, Scaling as ScalingChoice, Subtype,
    Subtyping as Method,
};
use modelmend_study::step::StepName;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::cases::Judged;
use super::context::{Context, Listen, Title};
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

/// A clustering that was tried.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Tried {
    /// Scaling of the representation.
    pub(crate) scaling: Scaling,
    /// Number of subtypes.
    pub(crate) k: usize,
    /// Mean silhouette.
    pub(crate) silhouette: Option<f64>,
    /// What fine-tuning on it reached on validation data, where that was asked.
    pub(crate) validation: Option<Score>,
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

/// Extra clusterings from which the stability is read.
const STABILITY_SEEDS: u64 = 4;

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
    let scalings: Vec<Scaling> = match (subtype.scaling, kind) {
        // Right and wrong have no scale.
        (_, Kind::Trajectory) | (ScalingChoice::None, _) => vec![Scaling::None],
        (ScalingChoice::Layer, _) => vec![Scaling::Layer],
        (ScalingChoice::Unit, _) => vec![Scaling::Unit],
        (ScalingChoice::Auto, kind) if kind == subtype.representation => SCALINGS.to_vec(),
        // What the study's own representation is compared with is taken as the paper takes it.
        (ScalingChoice::Auto, _) => vec![Scaling::None],
    };
    let settings = represent::settings(subtype);
    let embed = |scaling: Scaling| {
        let label = format!("{}, {}", represent::kind_name(kind), scaling_name(scaling));
        Ok((
            scaling,
            represent::embedded(context, &represented, &label, (scaling, Purpose::Clusters), &settings)?,
        ))
    };
    let embeddings = scalings.into_iter().map(embed).collect::<Result<_>>()?;
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

/// Cases and their sides, and how candidates are fine-tuned.
pub(crate) struct Setting<'a> {
    pub(crate) subject: &'a Subject,
    pub(crate) problem: &'a Problem,
    pub(crate) judged: &'a Judged,
    pub(crate) parts: &'a [Part],
    pub(crate) parts_hash: Hash,
    pub(crate) finetune: Option<FinetuneSettings>,
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

/// Divides the failures by a clustering of `material`, with scaling and number of subtypes as the study says.
pub(crate) fn by_clusters(
    context: &Context<'_>,
    setting: &Setting<'_>,
    material: &Material,
    subtype: &Subtype,
) -> Result<(Division, Hash)> {
    let kind = represent::kind_name(material.kind);
    let title = Title { name: StepName::Subtype, label: kind, version: 1 };
    let embedding = represent::settings(subtype);
    let parameters = (&subtype.clustering, embedding, setting.finetune, context.seed);
    let mut inputs = vec![setting.judged.hash, setting.parts_hash, material.represented.hash];
    inputs.extend(material.embeddings.iter().map(|(_, e)| e.hash));
    let step = context.step(title, parameters, &inputs, |scope| {
        let every = subtype.clustering.select == KSelection::Silhouette || setting.finetune.is_none();
        let candidates = candidates(material, subtype, (every, context.seed))?;
        let search =
            setting.finetune.as_ref().filter(|_| subtype.clustering.select == KSelection::Validation);
        let scores: Vec<Option<Score>> = match search.filter(|_| candidates.len() > 1) {
            None => vec![None; candidates.len()],
            Some(settings) => validation_scores(setting, &candidates, settings, context.seed, scope)?,
        };
        let merit = |i: &usize| match scores[*i] {
            Some(score) => score.merit(),
            None => candidates[*i].2.subtyping.silhouette.unwrap_or(f64::NEG_INFINITY),
        };
        // The first of equals: smaller scaling index, then fewer subtypes.
        let best = (0..candidates.len()).reduce(|a, b| if merit(&b) > merit(&a) { b } else { a });
        let best = best.context("no number of subtypes can be tried with so few failures")?;
        let tried = candidates.iter().zip(&scores).map(|((scaling, k, clustering), validation)| Tried {
            scaling: *scaling,
            k: *k,
            silhouette: clustering.subtyping.silhouette,
            validation: *validation,
        });
        let tried = tried.collect();
        let (scaling, k, clustering) = &candidates[best];
        let scaled = material.represented.representation.scaled(*scaling);
        let seeds: Vec<u64> = (1..=STABILITY_SEEDS).map(|s| context.seed.wrapping_add(s)).collect();
        let others = stability(scaled.view(), &embedding, *k, &seeds, &clustering.subtyping)?;
        Ok(Artifact::new(Division {
            subtyping: clustering.subtyping.clone(),
            nearest: Some(clustering.nearest.clone()),
            scaling: Some(*scaling),
            tried,
            stability: others,
        }))
    })?;
    Ok((step.artifact.value, step.hash))
}

/// The learning rate that does best on validation data, fine-tuning briefly on a middling number of subtypes.
pub(crate) fn learning_rate(
    context: &Context<'_>,
    setting: &Setting<'_>,
    material: &Material,
    subtype: &Subtype,
    rates: &[f64],
) -> Result<f64> {
    let title = Title { name: StepName::Subtype, label: "learning rate", version: 1 };
    let inputs = [setting.judged.hash, setting.parts_hash, material.represented.hash];
    let step = context.step(
        title,
        (rates, &subtype.clustering, setting.finetune, context.seed),
        &inputs,
        |scope| {
            let settings = setting.finetune.context("no fine-tuning in this study")?;
            let (_, embedded) = material.embeddings.last().context("no embedding of the failures")?;
            let (smallest, largest) = subtype.clustering.k.bounds();
            let k = (smallest.midpoint(largest) as usize).min(embedded.points.nrows());
            let subtyping =
                clusters(embedded.points.view(), &ClusterSettings { k, seed: context.seed })?.subtyping;
            let layout =
                Layout::new(&subtyping.labels, subtyping.count(), &setting.judged.failure, setting.parts);
            let mut best: Option<(f64, f64)> = None;
            for (index, &rate) in rates.iter().enumerate() {
                let settings = FinetuneSettings { learning_rate: rate, ..settings };
                let candidate =
                    Candidate { layout: &layout, settings: &brief(&settings), seed: context.seed };
                let merit = score(setting.problem, &candidate, &Listen(scope))?.map(|s| s.merit());
                if let Some(merit) = merit.filter(|m| best.is_none_or(|(b, _)| *m > b)) {
                    best = Some((merit, rate));
                }
                scope.progress(index + 1, rates.len())?;
            }
            Ok(Artifact::new(best.map_or(settings.learning_rate, |(_, rate)| rate)))
        },
    )?;
    Ok(step.artifact.value)
}

type Tryout = (Scaling, usize, Clustering);

/// The clusterings to choose from; with `every`, those of every number of subtypes.
fn candidates(material: &Material, subtype: &Subtype, (every, seed): (bool, u64)) -> Result<Vec<Tryout>> {
    let (smallest, largest) = subtype.clustering.k.bounds();
    let mut candidates = Vec::new();
    for (scaling, embedded) in &material.embeddings {
        let most = (largest as usize).min(embedded.points.nrows().saturating_sub(1));
        let all = smallest as usize..=most;
        for k in if every { all.collect() } else { spread(smallest as usize, most) } {
            candidates.push((*scaling, k, clusters(embedded.points.view(), &ClusterSettings { k, seed })?));
        }
    }
    Ok(candidates)
}

/// Numbers of subtypes to try: all of a range if they are few, else evenly spread with both ends.
fn spread(smallest: usize, largest: usize) -> Vec<usize> {
    const MOST: usize = 3;
    let steps = largest.saturating_sub(smallest);
    if steps < MOST {
        (smallest..=largest).collect()
    } else {
        (0..MOST).map(|i| smallest + (steps * i).div_ceil(MOST - 1)).collect()
    }
}

/// Fine-tunes briefly on every candidate and looks at the validation side, candidate by candidate as parts.
fn validation_scores(
    setting: &Setting<'_>,
    candidates: &[Tryout],
    settings: &FinetuneSettings,
    seed: u64,
    scope: &modelmend_study::scope::Scope<'_>,
) -> Result<Vec<Option<Score>>> {
    let work = |(index, (_, _, clustering)): (usize, &Tryout)| -> Result<Option<Score>> {
        let part = scope.part(index, candidates.len(), |scope| -> Result<Artifact<Option<Score>>> {
            let subtyping = &clustering.subtyping;
            let layout =
                Layout::new(&subtyping.labels, subtyping.count(), &setting.judged.failure, setting.parts);
            let candidate = Candidate { layout: &layout, settings: &brief(settings), seed };
            Ok(Artifact::new(score(setting.problem, &candidate, &Listen(scope))?))
        })?;
        Ok(part.value)
    };
    candidates.par_iter().enumerate().map(work).collect()
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
