//! The step of a method of uncertainty.

use anyhow::Result;
use modelmend_data::split::Part;
use modelmend_learn::uncertainty::ImageRecord;
use modelmend_net::Model;
use modelmend_study::Hash;
use modelmend_study::artifact::Artifact;
use modelmend_study::schema::{ReconstructionStudy, Uncertainty};
use modelmend_study::step::StepName;
use modelmend_uncertainty::evaluate::evaluate;

use super::super::context::{Context, Title};
use super::examples::{self, Crop, Examples};
use super::measure::{Level, Outcome, mean, measure};
use super::prepare::{Prepared, prepare};
use super::problem::Material;
use super::train::batch_size;

/// What came of a method in one run.
pub(super) struct Asked {
    pub(super) outcome: Outcome,
    /// The model that it made, where it made one.
    pub(super) model: Option<Model>,
    /// Its maps of the examples.
    pub(super) crops: Vec<Crop>,
}

/// Prepares and measures one method, with the other networks of an ensemble, and keeps what it says about the examples.
pub(super) fn ask(
    context: &Context<'_>,
    study: &ReconstructionStudy,
    (material, data, shown): (&Material, Hash, &Examples),
    (base, others, (wanted, name)): (&Model, &[Model], (&Uncertainty, &str)),
) -> Result<Asked> {
    let title = Title { name: StepName::Uncertainty, label: name, version: 4 };
    let key = (wanted, batch_size(study), study.conformal, context.seed);
    let mut inputs = vec![data, Hash::of(&base.to_bytes()), shown.hash];
    inputs.extend(others.iter().map(|other| Hash::of(&other.to_bytes())));
    let source = material.source()?;
    let step = context.step(title, key, &inputs, |scope| {
        let Prepared { method, model, note } =
            prepare(context, study, source.as_ref(), (base, others, wanted), scope)?;
        let asked = (name, method.as_ref(), note);
        let (mut outcome, maps) = measure(asked, (source.as_ref(), &shown.places), study)?;
        for (sigma, source) in material.levels() {
            let records = evaluate(method.as_ref(), &source, (Part::Test, None))?.records;
            let over = |of: fn(&ImageRecord) -> Option<f64>| mean(records.iter().map(of));
            let (u, pearson) = (over(|r| Some(r.mean_u)), over(|r| r.pearson));
            outcome.levels.push(Level { sigma, u, pearson });
        }
        let bytes = model.map(|model| model.to_bytes()).unwrap_or_default();
        Ok(Artifact::new(outcome).with_blob("model", bytes).with_f32("maps", &maps))
    })?;
    let bytes = step.artifact.blob("model")?;
    let model = if bytes.is_empty() { None } else { Some(Model::from_bytes(bytes)?) };
    let crops = examples::split(&shown.places, &step.artifact.f32("maps")?)?;
    // Equal entries of a study share one result.
    let outcome = Outcome { method: name.to_owned(), ..step.artifact.value };
    Ok(Asked { outcome, model, crops })
}
