//! Kinds of failure of a reconstruction network: regions of held-out items with the largest error, divided and examined as the failures
//! of a classifier are.

mod held;
mod page;
mod picture;

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Result, bail, ensure};
use modelmend_data::split::{FAILURE_SHARES, Part};
use modelmend_failure::Judge;
use modelmend_failure::explain::explain;
use modelmend_failure::finetune::FinetuneSettings;
use modelmend_failure::regions::{Regions, threshold};
use modelmend_failure::represent::{Scaling, gradients};
use modelmend_failure::resample::Resampling;
use modelmend_failure::subtype::MIN_FAILURES;
use modelmend_net::Model;
use modelmend_report::input::ReportInput;
use modelmend_study::Hash;
use modelmend_study::artifact::Artifact;
use modelmend_study::record::{Cases, Results};
use modelmend_study::schema::{Failures, Representation, Statistics};
use modelmend_study::step::StepName;
use ndarray::Array2;

use self::held::Held;
use self::picture::Look;
use super::super::context::{Context, Title};
use super::super::divide::{self, Division, Material as Divided, Trial};
use super::super::evidence::{self, Doubts, Evidence, TunedEvidence};
use super::super::finetune::{self, Extent};
use super::super::outputs::{self, Tables};
use super::super::represent::{self, Purpose};
use super::super::subject::numbered;
use super::super::{cases, choose};
use super::problem::Material;

/// Name of the subtyping in results.
const NAME: &str = "gradients";

/// What the first run of a study says about the failures.
pub(super) struct Failing {
    evidence: Evidence,
    cases: Cases,
    page: page::Page,
    tables: Tables,
}

impl Failing {
    /// The networks that were fine-tuned on each kind, by file name.
    pub(super) fn models(&self) -> Vec<(String, Model)> {
        outputs::tuned_models(&self.evidence)
    }

    /// Puts it into the results of the runs and on the page, and writes its tables.
    pub(super) fn deliver(
        self,
        out: &Path,
        (results, report): (&mut [Results], &mut ReportInput),
    ) -> Result<()> {
        results.iter_mut().for_each(|run| run.cases = self.cases);
        if let Some(first) = results.first_mut() {
            first.subtypings.insert(NAME.to_owned(), outputs::subtyping(&self.evidence));
            self.page.fill(report, (&self.evidence, first));
        }
        self.tables.write(out)
    }
}

/// Regions, which of them fail, and the hash of that.
struct Judged {
    regions: Regions,
    errors: Vec<f64>,
    failure: Vec<bool>,
    failures: Vec<usize>,
    hash: Hash,
}

/// Looks for kinds of failure; `None` where the user wants to stop before.
pub(super) fn examine(
    context: &Context<'_>,
    section: &Failures,
    (material, data): (&Material, Hash),
    base: &Model,
) -> Result<Option<Failing>> {
    if !context.wants(StepName::Represent) {
        return Ok(None);
    }
    let held = Held::read(material)?;
    let judged = judge(context, section, (&held, data), base)?;
    let subtype = &section.subtype;
    let represented = represent::stored(
        context,
        (Representation::Gradients, subtype.projection as usize),
        (&judged.failures, &[judged.hash]),
        |watch, projection| {
            let regions = &judged.regions;
            Ok(gradients(regions, regions.parameters(), &judged.failures, projection, watch)?)
        },
    )?;
    let divided = divide::embedded(context, represented, (subtype.representation, subtype))?;
    let scaling = divided.embeddings.first().map_or(Scaling::None, |(scaling, _)| *scaling);
    let flat = (scaling, Purpose::Picture);
    let settings = represent::settings(subtype);
    let picture = represent::embedded(context, &divided.represented, "picture", flat, &settings)?.points;
    if !context.wants(StepName::Subtype) {
        return Ok(None);
    }
    let groups = held.of_regions(&judged.regions, &held.groups);
    let finest = divide::finest(&divided, subtype, context.seed)?;
    let shares = section.finetune.as_ref().map_or(FAILURE_SHARES, |f| [f.train, f.validation, f.test]);
    let whole = (judged.failure.as_slice(), Some(groups.as_slice()));
    let parts = cases::balanced(whole, |_| Vec::new(), &finest, (&shares, context.seed))?;
    let mut trial = Trial {
        judge: &judged.regions,
        failure: &judged.failure,
        failures: &judged.failures,
        judged: judged.hash,
        groups: Some(numbered(&groups)),
        parts: &parts,
        parts_hash: divide::hash_of_parts(&parts),
        finetune: section.finetune.as_ref().map(choose::finetuning),
    };
    choose::settle(context, &mut trial, section.finetune.as_ref(), (&divided, subtype))?;
    let mut division = choose::by_clusters(context, &trial, &divided, subtype)?.0;
    division.subtyping.notes.extend(few_groups(&trial));
    let looks = picture::looks(&judged.regions, &judged.failures)?;
    let columns = page::columns(&held, &judged, &looks);
    let findings = explain(&division.subtyping.labels, division.subtyping.count(), &columns.words())?;
    let tuned = match &trial.finetune {
        Some(_) if !context.wants(StepName::Statistics) => return Ok(None),
        Some(settings) => Some(tuned(context, (&trial, settings), &section.statistics, &division)?),
        None => None,
    };
    let evidence = Evidence { name: NAME.to_owned(), division, findings, doubts: Doubts::default(), tuned };
    Ok(Some(finish(section, (&held, judged, &parts), (looks, columns), (evidence, &divided, picture))))
}

/// A warning where the bootstrap has hardly any groups to draw.
fn few_groups(trial: &Trial<'_>) -> Option<String> {
    const ENOUGH: usize = 5;
    let groups = trial.groups.iter().flatten().zip(trial.parts).filter(|(_, part)| **part == Part::Test);
    let count = groups.map(|(group, _)| group).collect::<BTreeSet<_>>().len();
    (count < ENOUGH && trial.finetune.is_some()).then(|| {
        format!("{count} of the patients or items are on the test side, fewer than {ENOUGH}: intervals over them are too narrow, and p-values too small.")
    })
}

/// Cuts the items into regions and measures the error of the network in each.
fn judge(
    context: &Context<'_>,
    section: &Failures,
    (held, data): (&Held, Hash),
    base: &Model,
) -> Result<Judged> {
    let regions = Regions::new(base.clone(), held.items.clone(), section.edge as usize)?;
    let title = Title { name: StepName::Predict, label: "regions", version: 1 };
    let inputs = [data, Hash::of(&base.to_bytes())];
    let step = context.step(title, (section.edge, section.share), &inputs, |_| {
        let all: Vec<usize> = (0..regions.count()).collect();
        let errors = regions.errors(regions.parameters(), &all)?;
        ensure!(
            errors.iter().all(|error| error.is_finite()),
            "failures: the network's output for a held-out item is not finite"
        );
        // The threshold stands beside the errors, so that the hash tells which regions fail.
        let threshold = threshold(&errors, section.share);
        Ok(Artifact::new((errors, threshold)))
    })?;
    let (errors, threshold) = step.artifact.value;
    let regions = regions.with_threshold(threshold);
    let failure: Vec<bool> = errors.iter().map(|&error| error > regions.threshold()).collect();
    let failures: Vec<usize> = (0..failure.len()).filter(|&case| failure[case]).collect();
    if failures.len() < 2 * MIN_FAILURES {
        bail!(
            "failures: {} of {} regions are too few to look for subtypes: take a smaller `edge`, a larger `share` or more items",
            failures.len(),
            failure.len()
        );
    }
    Ok(Judged { regions, errors, failure, failures, hash: step.hash })
}

/// What fine-tuning shows.
fn tuned(
    context: &Context<'_>,
    (trial, settings): (&Trial<'_>, &FinetuneSettings),
    statistics: &Statistics,
    division: &Division,
) -> Result<TunedEvidence> {
    let (more, more_hash) = finetune::common(context, trial, settings)?;
    let tuned = finetune::subtypes(context, trial, settings, (NAME, &division.subtyping, true))?;
    let sizes = division.subtyping.sizes();
    let random = (NAME, sizes.as_slice(), statistics.random_subtypings as usize, Extent::Few);
    let null = finetune::null(context, trial, settings, random)?;
    let resampling = Resampling {
        replicates: statistics.bootstrap as usize,
        confidence: statistics.confidence,
        seed: context.seed,
    };
    let rows = (&tuned, null.as_slice(), more.as_slice());
    let numbers = evidence::statistics(context, trial, NAME, rows, (&resampling, more_hash))?;
    evidence::tuned(tuned, &more, numbers)
}

fn finish(
    section: &Failures,
    (held, judged, parts): (&Held, Judged, &[Part]),
    (looks, columns): (Vec<Look>, page::Columns),
    (evidence, divided, picture): (Evidence, &Divided, Array2<f32>),
) -> Failing {
    let tables = Tables {
        cases: page::table((held, &judged, parts), &evidence, &picture),
        embedding: outputs::clustered(&evidence, divided).unwrap_or_else(|| picture.clone()),
        matrices: outputs::matrix_file(&evidence).into_iter().collect(),
    };
    let cases =
        Cases { total: judged.failure.len() as u64, failures: judged.failures.len() as u64, accuracy: None };
    let constraint = section.finetune.as_ref().map(|f| f.keep_correct);
    let page =
        page::Page::new((held, &judged, parts), (looks, columns), &picture, (section.edge, constraint));
    Failing { evidence, cases, page, tables }
}
