//! One run of a study: the network, its methods, its stress tests and its kinds of failure.

use std::collections::BTreeMap;

use anyhow::{Result, bail};
use modelmend_data::split::Part;
use modelmend_net::Model;
use modelmend_study::Hash;
use modelmend_study::schema::{ReconstructionStudy, StudyFile};
use modelmend_study::step::StepName;

use super::super::context::Context;
use super::estimates::Units;
use super::examples::{self, Crop, Examples};
use super::failures::{self, Failing};
use super::methods::{self, Asked};
use super::outcome::Outcome;
use super::problem::Material;
use super::{Done, Shown, fidelity, page, prepare, scores, stress, tomography, train};
use crate::calibration::Entry;

/// A study with its data.
struct Subject<'a> {
    file: &'a StudyFile,
    study: &'a ReconstructionStudy,
    material: Material,
    /// Hash of the data.
    data: Hash,
}

/// File names and models.
type Models = Vec<(String, Model)>;

/// Runs a study with one seed; `None` where the user wants to stop before the methods.
pub(super) fn run(
    context: &Context<'_>,
    file: &StudyFile,
    study: &ReconstructionStudy,
) -> Result<Option<Done>> {
    let (material, data) = Material::read(context, file, study)?;
    let subject = Subject { file, study, material, data };
    let (base, mut models) = network(context, &subject)?;
    if !context.wants(StepName::Uncertainty) {
        return Ok(None);
    }
    let (material, source) = (&subject.material, subject.material.source()?);
    let shown = examples::choose(context, (source.as_ref(), data), &base)?;
    let ratios = fidelity::fidelity(context, (source.as_ref(), data), &base)?;
    let rival = match material {
        Material::Slices(scanned) => {
            tomography::total_variation(context, (source.as_ref(), data), &scanned.scanner)?
        }
        Material::Signals { .. } | Material::Pictures { .. } => Vec::new(),
    };
    let methods = methods(context, &subject, (&base, &shown))?;
    models.extend(methods.models);
    let calibrations = methods.asked.iter().zip(&methods.outcomes);
    let calibrations = calibrations.filter_map(|(asked, outcome)| {
        Some((asked.name.clone(), asked.calibration(outcome, study.conformal)?))
    });
    let calibrations: BTreeMap<String, Entry> = calibrations.collect();
    let outcomes = methods.outcomes;
    let units = Units::new(material.groups(Part::Test), study.seed);
    let named = (study.name.as_str(), context.seed);
    let mut results =
        scores::results(named, (&outcomes, &units), (source.count(Part::Test), study.conformal));
    let under = (source.as_ref(), material.scanner(), data);
    let stressed = stress::run(context, under, (study, &base), (&methods.asked, &units, &mut results))?;
    let failing = match (&study.failures, context.seed == study.seed) {
        (Some(section), true) => failures::examine(context, section, (material, data), &base)?,
        _ => None,
    };
    models.extend(failing.iter().flat_map(Failing::models));
    let sinograms = shown.places.iter().map(|place| material.sinogram(place.item)).collect::<Result<_>>()?;
    let shown = Shown {
        models,
        calibrations,
        items: source.count(Part::Test),
        groups: material.groups(Part::Test).to_vec(),
        noise_unit: material.noise_unit(),
        examples: page::examples(&shown, sinograms, (&outcomes, &methods.crops)),
        stress: stress::shown(&stressed),
        stressed: stress::files(&stressed.tests, source.as_ref())?,
        rival,
        failing,
    };
    Ok(Some(Done { results, outcomes, verdicts: stressed.verdicts, ratios, shown }))
}

/// The network of the study: the user's, or the one that is trained here and delivered.
fn network(context: &Context<'_>, subject: &Subject<'_>) -> Result<(Model, Models)> {
    match (&subject.study.model, &subject.study.train) {
        (Some(path), _) => {
            let here = subject.file.resolve(path);
            context.hash(&path.to_string(), &here)?;
            Ok((Model::read(&here)?, Vec::new()))
        }
        (None, Some(section)) => {
            let trained = train::train(context, (&subject.material, subject.data), (section, 0))?;
            Ok((trained.clone(), vec![("trained.onnx".to_owned(), trained)]))
        }
        (None, None) => bail!("{}: either `model` or `train` must be given", subject.file.path.display()),
    }
}

/// The methods of a study, asked.
#[derive(Default)]
struct Methods {
    asked: Vec<Asked>,
    outcomes: Vec<Outcome>,
    /// Their maps of the examples.
    crops: Vec<Vec<Crop>>,
    /// The networks that they made.
    models: Models,
}

/// Prepares every method and asks it about the test items.
fn methods(
    context: &Context<'_>,
    Subject { file, study, material, data }: &Subject<'_>,
    (base, shown): (&Model, &Examples),
) -> Result<Methods> {
    let source = material.source()?;
    let names: Vec<String> =
        study.uncertainty.iter().map(|wanted| prepare::name(wanted).to_owned()).collect();
    let mut all = Methods::default();
    for (wanted, name) in study.uncertainty.iter().zip(prepare::numbered(&names)) {
        let members = train::members(context, (file, study), (material, *data), wanted)?;
        let (names, others): (Vec<_>, Vec<Model>) = members.into_iter().unzip();
        let wanted = (wanted, name.as_str());
        let method = methods::prepare(context, study, (source.as_ref(), *data), (base, &others, wanted))?;
        all.models.extend(names.into_iter().zip(others).filter_map(|(name, model)| Some((name?, model))));
        all.models.extend(method.model.clone().map(|model| (format!("{name}.onnx"), model)));
        let (outcome, maps) = methods::ask(context, study, (material, shown), &method)?;
        all.outcomes.push(outcome);
        all.crops.push(maps);
        all.asked.push(method);
    }
    Ok(all)
}
