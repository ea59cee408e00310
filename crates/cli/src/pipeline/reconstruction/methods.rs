//! The steps of a method of uncertainty: its training, where it has one, and what it comes to on the test items.

use anyhow::Result;
use modelmend_data::split::Part;
use modelmend_net::Model;
use modelmend_study::Hash;
use modelmend_study::artifact::Artifact;
use modelmend_study::schema::{AutoOr, Conformal, ReconstructionStudy, Uncertainty};
use modelmend_study::step::StepName;
use modelmend_uncertainty::evaluate::evaluate;
use modelmend_uncertainty::method::{Method, heuristic_beta};
use modelmend_uncertainty::source::Source;

use super::super::context::{Context, Title};
use super::estimates;
use super::examples::{self, Crop, Examples};
use super::measure::{Measured, measure};
use super::outcome::{Level, Outcome};
use super::problem::Material;
use super::train::batch_size;
use super::{prepare, scores};
use crate::calibration::Entry;

/// A method that is ready to be asked.
pub(super) struct Asked {
    /// Its name in results.
    pub(super) name: String,
    pub(super) method: Box<dyn Method>,
    /// The model that it made, where it made one.
    pub(super) model: Option<Model>,
    /// What a reader of the page has to know about it.
    note: Option<String>,
    /// The price of width of an interval network.
    beta: Option<f64>,
    /// What its answers follow from: settings, seed, and hashes of data and networks.
    key: (Uncertainty, u64),
    pub(super) inputs: Vec<Hash>,
    /// Hashes of the networks that it asks.
    networks: Vec<Hash>,
}

impl Asked {
    /// How it was scaled, for whoever asks it about other images; `None` without a calibration.
    pub(super) fn calibration(&self, outcome: &Outcome, wish: Option<Conformal>) -> Option<Entry> {
        let found = scores::calibration(outcome.calibrated.as_ref()?, wish?);
        Some(Entry { settings: self.key.0.clone(), networks: self.networks.clone(), found })
    }

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
    let beta = beta(context, (source, data), (base, wanted))?;
    let (mut model, mut note) = (None, None);
    if prepare::trains(wanted) {
        let title = Title { name: StepName::Uncertainty, label: name, version: 6 };
        let key = (wanted, batch_size(study), context.seed);
        let step = context.step(title, key, &inputs, |scope| {
            let trained = prepare::train(context, study, source, (base, wanted, beta), scope)?;
            let (bytes, note) = trained.map_or_else(Default::default, |(m, note)| (m.to_bytes(), note));
            Ok(Artifact::new(note).with_blob("model", bytes))
        })?;
        inputs.push(step.hash);
        model = Some(Model::from_bytes(step.artifact.blob("model")?)?);
        note = step.artifact.value;
    }
    let networks = networks(wanted, (base, others, model.as_ref()));
    let (method, found) = prepare::ready((base, others, model.as_ref()), wanted, context.seed)?;
    let key = (wanted.clone(), context.seed);
    Ok(Asked { name: name.to_owned(), method, model, note: note.or(found), beta, key, inputs, networks })
}

/// Hashes of the networks that a method asks: its own, which holds the study's, or the study's with what joins it.
fn networks(wanted: &Uncertainty, (base, others, own): (&Model, &[Model], Option<&Model>)) -> Vec<Hash> {
    let alone = matches!(wanted, Uncertainty::Inn { .. } | Uncertainty::ProbOut { .. });
    let asked = (!alone).then_some(base).into_iter().chain(others).chain(own);
    asked.map(|model| Hash::of(&model.to_bytes())).collect()
}

/// The price of width of an interval network, as the study gives it or by the authors' heuristic; `None` for another method.
fn beta(
    context: &Context<'_>,
    (source, data): (&dyn Source, Hash),
    (base, wanted): (&Model, &Uncertainty),
) -> Result<Option<f64>> {
    match wanted {
        Uncertainty::Inn { beta: AutoOr::Value(beta), .. } => Ok(Some(*beta)),
        Uncertainty::Inn { beta: AutoOr::Auto(_), .. } => {
            let title = Title { name: StepName::Uncertainty, label: "price of width", version: 1 };
            let inputs = [data, Hash::of(&base.to_bytes())];
            let step =
                context.step(title, (), &inputs, |_| Ok(Artifact::new(heuristic_beta(base, source)?)))?;
            Ok(Some(step.artifact.value))
        }
        _ => Ok(None),
    }
}

/// What a method comes to on the test items, and its maps of the examples.
pub(super) fn ask(
    context: &Context<'_>,
    study: &ReconstructionStudy,
    (material, shown): (&Material, &Examples),
    asked: &Asked,
) -> Result<(Outcome, Vec<Crop>)> {
    let label = format!("{}, measured", asked.name);
    let title = Title { name: StepName::Uncertainty, label: &label, version: 6 };
    let inputs = [asked.inputs.as_slice(), &[shown.hash]].concat();
    let source = material.source()?;
    let groups = estimates::numbers(material.groups(Part::Validation));
    let step = context.step(title, (asked.key(), study.conformal), &inputs, |scope| {
        let method = asked.method.as_ref();
        let named = Measured { name: &asked.name, method, note: asked.note.clone(), beta: asked.beta };
        let items = (source.as_ref(), groups.as_deref());
        let (mut outcome, maps) = measure(named, items, (study, &shown.places))?;
        for (sigma, source) in material.levels()? {
            scope.check()?;
            let records = evaluate(method, source.as_ref(), (Part::Test, None))?.records;
            let u = records.iter().map(|record| Some(record.mean_u)).collect();
            outcome.levels.push(Level { sigma, u, pearson: records.iter().map(|r| r.pearson).collect() });
        }
        Ok(Artifact::new(outcome).with_f32("maps", &maps))
    })?;
    let crops = examples::split(&shown.places, &step.artifact.f32("maps")?)?;
    // Equal entries of a study share one result.
    Ok((Outcome { method: asked.name.clone(), ..step.artifact.value }, crops))
}
