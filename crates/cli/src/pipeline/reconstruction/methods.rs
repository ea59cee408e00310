//! The steps of a method of uncertainty: its training, where it has one, and what it comes to on the test items.

use anyhow::Result;
use modelmend_data::split::Part;
use modelmend_learn::uncertainty::ImageRecord;
use modelmend_net::Model;
use modelmend_study::Hash;
use modelmend_study::artifact::Artifact;
use modelmend_study::schema::{ReconstructionStudy, Uncertainty};
use modelmend_study::step::StepName;
use modelmend_uncertainty::evaluate::evaluate;
use modelmend_uncertainty::method::Method;
use modelmend_uncertainty::source::Source;

use super::super::context::{Context, Title};
use super::examples::{self, Crop, Examples};
use super::measure::{Level, Outcome, mean, measure};
use super::prepare;
use super::problem::Material;
use super::train::batch_size;

/// A method that is ready to be asked.
pub(super) struct Asked {
    /// Its name in results.
    pub(super) name: String,
    pub(super) method: Box<dyn Method>,
    /// The model that it made, where it made one.
    pub(super) model: Option<Model>,
    /// What a reader of the page has to know about it.
    note: Option<String>,
    /// What its answers follow from: settings, seed, and hashes of data and networks.
    key: (Uncertainty, u64),
    pub(super) inputs: Vec<Hash>,
}

impl Asked {
    /// Settings and seed, for the keys of steps that ask it.
    pub(super) fn key(&self) -> &(Uncertainty, u64) {
        &self.key
    }
}

/// Makes a method ready: trains its own network, where it has one.
pub(super) fn prepare(
    context: &Context<'_>,
    study: &ReconstructionStudy,
    (source, data): (&dyn Source, Hash),
    (base, others, (wanted, name)): (&Model, &[Model], (&Uncertainty, &str)),
) -> Result<Asked> {
    let mut inputs = vec![data, Hash::of(&base.to_bytes())];
    inputs.extend(others.iter().map(|other| Hash::of(&other.to_bytes())));
    let (mut model, mut note) = (None, None);
    if prepare::trains(wanted) {
        let title = Title { name: StepName::Uncertainty, label: name, version: 6 };
        let key = (wanted, batch_size(study), context.seed);
        let step = context.step(title, key, &inputs, |scope| {
            let trained = prepare::train(context, study, source, (base, wanted), scope)?;
            let (bytes, note) = trained.map_or_else(Default::default, |(m, note)| (m.to_bytes(), note));
            Ok(Artifact::new(note).with_blob("model", bytes))
        })?;
        inputs.push(step.hash);
        model = Some(Model::from_bytes(step.artifact.blob("model")?)?);
        note = step.artifact.value;
    }
    let (method, found) = prepare::ready((base, others, model.as_ref()), wanted, context.seed)?;
    let key = (wanted.clone(), context.seed);
    Ok(Asked { name: name.to_owned(), method, model, note: note.or(found), key, inputs })
}

/// What a method comes to on the test items, and its maps of the examples.
pub(super) fn ask(
    context: &Context<'_>,
    study: &ReconstructionStudy,
    (material, shown): (&Material, &Examples),
    asked: &Asked,
) -> Result<(Outcome, Vec<Crop>)> {
    let label = format!("{}, measured", asked.name);
    let title = Title { name: StepName::Uncertainty, label: &label, version: 5 };
    let inputs = [asked.inputs.as_slice(), &[shown.hash]].concat();
    let source = material.source()?;
    let step = context.step(title, (asked.key(), study.conformal), &inputs, |_| {
        let method = asked.method.as_ref();
        let named = (asked.name.as_str(), method, asked.note.clone());
        let (mut outcome, maps) = measure(named, (source.as_ref(), &shown.places), study)?;
        for (sigma, source) in material.levels() {
            let records = evaluate(method, &source, (Part::Test, None))?.records;
            let over = |of: fn(&ImageRecord) -> Option<f64>| mean(records.iter().map(of));
            let (u, pearson) = (over(|r| Some(r.mean_u)), over(|r| r.pearson));
            outcome.levels.push(Level { sigma, u, pearson });
        }
        Ok(Artifact::new(outcome).with_f32("maps", &maps))
    })?;
    let crops = examples::split(&shown.places, &step.artifact.f32("maps")?)?;
    // Equal entries of a study share one result.
    Ok((Outcome { method: asked.name.clone(), ..step.artifact.value }, crops))
}
